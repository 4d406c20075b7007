/** Checks a config.json that comes from outside: its shape, and the rules that tie fields to each other. */
import { posix } from "node:path";
import { pathOf } from "../base/shape.ts";
import { refuse } from "./refuse.ts";
import type { Process, Spec } from "./spec.ts";
import { processShape, specShape } from "./spec-schema.ts";
import { checkLinux, hasNamespace } from "./validate-linux.ts";
import { checkProcess, unknownCapabilities, withKnownCapabilities } from "./validate-process.ts";

export interface ValidSpec {
  readonly spec: Spec;
  /** What was left out though the spec asks for it: sentences for people. */
  readonly warnings: readonly string[];
}

/**
 * The spec in `json`, a parsed config.json, which it takes over: members that are null are removed from it, as null is the same
 * as absent (Go writes it for empty lists). Unknown fields are passed over, unknown capabilities are dropped with a warning;
 * all else that the specification forbids is an "invalid" error with the path of the field.
 */
export function validateSpec(json: unknown): ValidSpec {
  const found = specShape(json);
  if (found !== undefined) throw refuse(pathOf(found), found.text);
  // Just checked against that very type.
  const spec = json as Spec;
  checkNamespaces(spec);
  checkMappings(spec);
  checkMounts(spec);
  checkLinux(spec);
  if (spec.process === undefined) return { spec, warnings: warningsOf(spec) };
  checkProcess(spec.process, "process");
  const unknown = unknownCapabilities(spec.process.capabilities, "process");
  if (unknown.length === 0) return { spec, warnings: warningsOf(spec) };
  const process = withKnownCapabilities(spec.process);
  return { spec: { ...spec, process }, warnings: [...unknown, ...warningsOf(spec)] };
}

/** The process in `json`, which stands alone in a file, as `exec --process` reads it; rules as in `validateSpec`. */
export function validateProcess(json: unknown): { process: Process; warnings: readonly string[] } {
  const found = processShape(json);
  if (found !== undefined) throw refuse(pathOf(found), found.text);
  const process = json as Process;
  checkProcess(process, "process");
  const warnings = unknownCapabilities(process.capabilities, "process");
  return { process: warnings.length === 0 ? process : withKnownCapabilities(process), warnings };
}

function warningsOf({ mounts = [], linux }: Spec): string[] {
  const warnings = mounts.flatMap(({ destination }, index) =>
    destination.startsWith("/")
      ? []
      : [`mounts[${index}].destination: "${destination}" is taken as "/${destination}"`],
  );
  const flags = linux?.personality?.flags ?? [];
  if (flags.length > 0) warnings.push(`linux.personality.flags: none is supported: ${flags.join(", ")}`);
  return warnings;
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
      throw refuse(`mounts[${index}]`, "needs both uidMappings and gidMappings, or neither");
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
        `mounts[${index}].type`,
        `${JSON.stringify(type)} on "/proc": only "proc" or a bind of one may be there`,
      );
    }
    if (below !== "" && !replaceable.has(below)) {
      throw refuse(`mounts[${index}].destination`, `${JSON.stringify(destination)} is inside /proc`);
    }
  }
}
