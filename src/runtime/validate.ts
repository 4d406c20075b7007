/** Checks a config.json that comes from outside: its shape, and the rules that tie fields to each other. */
import { posix } from "node:path";
import * as v from "valibot";
import { CurruntError } from "../base/error.ts";
import { isCapability } from "./capability.ts";
import type { Capabilities, LinuxNamespaceType, Spec } from "./spec.ts";
import { specSchema } from "./spec-schema.ts";

export interface ValidSpec {
  readonly spec: Spec;
  /** What was left out though the spec asks for it: sentences for people. */
  readonly warnings: readonly string[];
}

/**
 * For the OCI commands, which read a bundle: until they are there, every spec is of the engine's own making.
 *
 * The spec in `json`, a parsed config.json. Unknown fields are left out, `null` is the same as absent (Go writes it for empty
 * lists), unknown capabilities are dropped with a warning; all else that the specification forbids is an "invalid" error with the
 * path of the field.
 */
export function validateSpec(json: unknown): ValidSpec {
  const result = v.safeParse(specSchema, withoutNull(json, ""), { abortPipeEarly: true });
  if (!result.success) {
    const [issue] = result.issues;
    throw refuse(v.getDotPath(issue) ?? "", issue.message);
  }
  const warnings: string[] = [];
  const spec = withKnownCapabilities(result.output, warnings);
  for (const check of [
    checkNamespaces,
    checkMappings,
    checkPaths,
    checkMounts,
    checkRlimits,
    checkDevices,
    checkSysctl,
  ]) {
    check(spec);
  }
  return { spec, warnings };
}

/** `value` without members that are null; refuses strings with a NUL, which the kernel would cut. */
function withoutNull(value: unknown, path: string): unknown {
  if (typeof value === "string" && value.includes("\0")) throw refuse(path, "contains a NUL character");
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item, index) => withoutNull(item, `${path}.${index}`));
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => member !== null)
      .map(([key, member]) => [key, withoutNull(member, path === "" ? key : `${path}.${key}`)]),
  );
}

/** Capabilities that this program or the kernel does not have are no error, only not granted (runtime-spec, config.md). */
function withKnownCapabilities(spec: Spec, warnings: string[]): Spec {
  const { process } = spec;
  if (process?.capabilities === undefined) return spec;
  const keep = (set: keyof Capabilities): readonly string[] => {
    const names = process.capabilities?.[set] ?? [];
    const unknown = names.filter((name) => !isCapability(name));
    if (unknown.length > 0)
      warnings.push(`process.capabilities.${set}: unknown, not granted: ${unknown.join(", ")}`);
    return names.filter(isCapability);
  };
  const capabilities: Capabilities = {
    bounding: keep("bounding"),
    effective: keep("effective"),
    inheritable: keep("inheritable"),
    permitted: keep("permitted"),
    ambient: keep("ambient"),
  };
  return { ...spec, process: { ...process, capabilities } };
}

function hasNamespace(spec: Spec, type: LinuxNamespaceType): boolean {
  return spec.linux?.namespaces?.some((one) => one.type === type) === true;
}

function checkNamespaces(spec: Spec): void {
  const types = (spec.linux?.namespaces ?? []).map(({ type }) => type);
  const twice = types.find((type, index) => types.indexOf(type) !== index);
  if (twice !== undefined) throw refuse("linux.namespaces", `has ${JSON.stringify(twice)} twice`);
  for (const [field, type] of [
    ["hostname", "uts"],
    ["domainname", "uts"],
  ] as const) {
    if ((spec[field] ?? "") !== "" && !hasNamespace(spec, type)) {
      throw refuse(field, `would change the host's: add {"type": "${type}"} to linux.namespaces`);
    }
  }
}

function checkMappings(spec: Spec): void {
  const { uidMappings = [], gidMappings = [] } = spec.linux ?? {};
  const mapped = uidMappings.length + gidMappings.length > 0;
  if (mapped && !hasNamespace(spec, "user")) {
    throw refuse("linux.uidMappings", 'needs {"type": "user"} in linux.namespaces');
  }
  if (uidMappings.length > 0 !== gidMappings.length > 0) {
    throw refuse("linux", "needs both uidMappings and gidMappings, or neither");
  }
  for (const [index, mount] of (spec.mounts ?? []).entries()) {
    const [uids, gids] = [mount.uidMappings?.length ?? 0, mount.gidMappings?.length ?? 0];
    if (uids > 0 !== gids > 0) {
      throw refuse(`mounts.${index}`, "needs both uidMappings and gidMappings, or neither");
    }
  }
}

function checkPaths(spec: Spec): void {
  for (const field of ["maskedPaths", "readonlyPaths"] as const) {
    if ((spec.linux?.[field]?.length ?? 0) > 0 && !hasNamespace(spec, "mount")) {
      throw refuse(`linux.${field}`, 'needs {"type": "mount"} in linux.namespaces');
    }
  }
}

/** What may be mounted below /proc: files that tell of the host, which tools such as lxcfs replace. */
const replaceable = new Set(
  "cpuinfo diskstats meminfo stat swaps uptime loadavg slabinfo sys/kernel/ns_last_pid sys/crypto/fips_enabled".split(
    " ",
  ),
);

function checkMounts(spec: Spec): void {
  for (const [index, { destination, options = [], type = "" }] of (spec.mounts ?? []).entries()) {
    const parts = posix
      .normalize(`/${destination}`)
      .split("/")
      .filter((part) => part !== "");
    const isBind = options.includes("bind") || options.includes("rbind");
    const below = parts[0] === "proc" ? parts.slice(1).join("/") : undefined;
    if (below === undefined) continue;
    if (below === "" && type !== "proc" && !isBind) {
      throw refuse(
        `mounts.${index}.type`,
        `${JSON.stringify(type)} on "/proc": only "proc" or a bind of one may be there`,
      );
    }
    if (below !== "" && !replaceable.has(below)) {
      throw refuse(`mounts.${index}.destination`, `${JSON.stringify(destination)} is inside /proc`);
    }
  }
}

const limits = new Set(
  "AS CORE CPU DATA FSIZE LOCKS MEMLOCK MSGQUEUE NICE NOFILE NPROC RSS RTPRIO RTTIME SIGPENDING STACK"
    .split(" ")
    .map((name) => `RLIMIT_${name}`),
);

function checkRlimits(spec: Spec): void {
  const seen = new Set<string>();
  for (const [index, { type, soft, hard }] of (spec.process?.rlimits ?? []).entries()) {
    const path = `process.rlimits.${index}`;
    if (!limits.has(type))
      throw refuse(`${path}.type`, `${JSON.stringify(type)} is none of ${[...limits].join(", ")}`);
    if (seen.has(type)) throw refuse(`${path}.type`, `${JSON.stringify(type)} is there twice`);
    seen.add(type);
    // Negative numbers mean no limit, as do the largest unsigned ones.
    if (hard >= 0 && (soft < 0 || soft > hard))
      throw refuse(`${path}.soft`, `${soft} is above the hard limit, ${hard}`);
  }
}

function checkDevices(spec: Spec): void {
  for (const [index, { type, major, minor }] of (spec.linux?.devices ?? []).entries()) {
    if (type !== "p" && (major === undefined || minor === undefined)) {
      throw refuse(`linux.devices.${index}`, `needs major and minor for type "${type}"`);
    }
  }
}

/** Which namespace keeps a sysctl from being the host's; undefined for those that have none. */
function namespaceOfSysctl(name: string): LinuxNamespaceType | undefined {
  const ipc = /^(kernel\.(msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced)|fs\.mqueue\..+)$/;
  if (ipc.test(name)) return "ipc";
  if (name.startsWith("net.")) return "network";
  if (name.startsWith("user.")) return "user";
  return name === "kernel.domainname" ? "uts" : undefined;
}

function checkSysctl(spec: Spec): void {
  for (const key of Object.keys(spec.linux?.sysctl ?? {})) {
    const path = `linux.sysctl.${key}`;
    // With a slash first, slashes separate and dots are part of a name: net/ipv4/conf/eth0.100/forwarding.
    const slash = key.indexOf("/");
    const dotted = slash >= 0 && !key.slice(0, slash).includes(".");
    const parts = key.split(dotted ? "/" : ".");
    if (parts.some((part) => part === "" || part === ".." || (!dotted && part.includes("..")))) {
      throw refuse(path, "is no name of a sysctl");
    }
    if (parts.join(".") === "kernel.hostname") throw refuse(path, "is set by the field hostname");
    const namespace = namespaceOfSysctl(parts.join("."));
    if (namespace === undefined) throw refuse(path, "has no namespace: it would change the host");
    if (!hasNamespace(spec, namespace)) {
      throw refuse(path, `would change the host's: add {"type": "${namespace}"} to linux.namespaces`);
    }
  }
}

/** Paths are told as programs write them: mounts[1].type. */
function refuse(path: string, problem: string): CurruntError {
  const field = path.replace(/\.(\d+)(?=\.|$)/g, "[$1]");
  return new CurruntError("invalid", `read config.json: ${field === "" ? "" : `${field}: `}${problem}`);
}
