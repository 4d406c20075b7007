/** From an image's config and what was asked for to the record of a container: docker's rules, in one pure function. */
import { CurruntError } from "../base/error.ts";
import type { ImageConfig } from "../image/manifest.ts";
import { adjustCapabilities, capabilityNames } from "../runtime/capability.ts";
import type { Linux, Mount, Process, Spec } from "../runtime/spec.ts";
import type { AnonymousVolume, ContainerRecord } from "./container.ts";
import {
  defaultMounts,
  defaultPath,
  defaultShmSizeBytes,
  limits,
  maskedPaths,
  namespaces,
  readonlyPaths,
} from "./default-spec.ts";
import { mergeEnvironment } from "./environment.ts";
import type { RunOptions } from "./options.ts";
import { parseStopSignal } from "./stop-signal.ts";
import { parseUser } from "./user.ts";

type Config = NonNullable<ImageConfig["config"]>;

/** What the record is made from. */
export interface GenerateInput {
  readonly id: string;
  readonly name: string;
  readonly options: RunOptions;
  /** Absent with `-rootfs`. */
  readonly image?: { readonly id: string; readonly layers: readonly string[]; readonly config: ImageConfig };
  readonly hostname: string;
  /** Directory with hostname, hosts and resolv.conf. */
  readonly etc: string;
  readonly seccomp: ContainerRecord["seccomp"];
  /** Path of the directory of an anonymous volume, whose name it makes. */
  readonly newVolume: () => { readonly name: string; readonly path: string };
}

/** The record of a new container. Throws "invalid" for what cannot be run. */
export function generate(input: GenerateInput): ContainerRecord {
  const { id, name, options, image } = input;
  const config = image?.config.config ?? {};
  const args = commandOf(options, config);
  const { mounts, volumes } = volumesOf(input, config);
  const { source } = options;
  return {
    id,
    name,
    ...(source.kind === "image"
      ? { image: { id: image?.id ?? "", reference: source.reference } }
      : { rootfs: source.directory }),
    layers: image?.layers ?? [],
    spec: specOf(input, config, args, mounts),
    user: options.user ?? parseUser(config.User ?? ""),
    seccomp: input.seccomp,
    terminal: options.terminal,
    interactive: options.interactive,
    remove: options.remove,
    stopSignal: options.stopSignal ?? parseStopSignal(config.StopSignal ?? ""),
    stopTimeoutSeconds: options.stopTimeoutSeconds ?? config.StopTimeout ?? 10,
    labels: { ...config.Labels, ...options.labels },
    anonymousVolumes: volumes,
  };
}

/**
 * Entrypoint and command: an entrypoint that is given replaces the image's and drops the image's command, which was
 * meant for the other one; a command alone goes to the image's entrypoint.
 */
export function commandOf(
  { entrypoint, command }: Pick<RunOptions, "entrypoint" | "command">,
  { Entrypoint, Cmd }: Config,
): string[] {
  const args =
    entrypoint === undefined
      ? [...(Entrypoint ?? []), ...(command ?? Cmd ?? [])]
      : [...entrypoint, ...(command ?? [])];
  if (args.length > 0) return args;
  throw new CurruntError("invalid", "find the command to run: neither the image nor the caller gives one", {
    hint: "give one with -cmd or -entrypoint",
  });
}

function specOf(input: GenerateInput, config: Config, args: string[], volumes: readonly Mount[]): Spec {
  const { options, hostname } = input;
  const linux: Linux = {
    namespaces: namespaces(options.network),
    ...limits(input.id, options),
    ...(options.privileged ? {} : { maskedPaths, readonlyPaths }),
  };
  return {
    ociVersion: "1.3.0",
    root: { path: "rootfs", readonly: options.readOnly },
    process: processOf(input, config, args),
    hostname,
    mounts: orderMounts(input, volumes),
    linux,
  };
}

function processOf({ options, hostname }: GenerateInput, config: Config, args: string[]): Process {
  const bounding = options.privileged
    ? capabilityNames
    : adjustCapabilities({ add: options.capabilitiesAdd, drop: options.capabilitiesDrop });
  const defaults = [
    `PATH=${defaultPath}`,
    `HOSTNAME=${hostname}`,
    ...(options.terminal ? ["TERM=xterm"] : []),
  ];
  const workdir = options.workdir ?? config.WorkingDir ?? "";
  return {
    terminal: options.terminal,
    // Looked up when the root is there.
    user: { uid: 0, gid: 0 },
    args,
    env: mergeEnvironment(defaults, config.Env ?? [], options.env),
    // Relative: from the image's, as docker has it.
    cwd: absolute(workdir, config.WorkingDir ?? "/"),
    capabilities: { bounding },
    noNewPrivileges: options.noNewPrivileges,
    ...(options.ulimits.length === 0 ? {} : { rlimits: options.ulimits.map(rlimitOf) }),
  };
}

function rlimitOf({ type, soft, hard }: RunOptions["ulimits"][number]) {
  // The specification has unsigned 64-bit numbers; JSON knows no infinity.
  const number = (limit: number) => (Number.isFinite(limit) ? limit : 2 ** 64);
  return { type, soft: number(soft), hard: number(hard) };
}

function absolute(path: string, base: string): string {
  if (path === "") return "/";
  return path.startsWith("/") ? path : `${base.startsWith("/") ? base : "/"}/${path}`.replace(/\/+/g, "/");
}

function volumesOf(
  { options, newVolume }: GenerateInput,
  config: Config,
): { mounts: Mount[]; volumes: AnonymousVolume[] } {
  const mounts: Mount[] = [];
  const volumes: AnonymousVolume[] = [];
  const addAnonymous = (target: string, copy: boolean, readOnly: boolean, more: readonly string[]) => {
    const { name, path } = newVolume();
    volumes.push({ name, target, copy });
    mounts.push(bind(path, target, readOnly, more));
  };
  for (const { source, target, readOnly, options: more, noCopy } of options.volumes) {
    if (source === undefined) addAnonymous(target, !noCopy, readOnly, more);
    else mounts.push(bind(source, target, readOnly, more));
  }
  for (const { target, options: more } of options.tmpfs) {
    mounts.push({
      destination: target,
      type: "tmpfs",
      source: "tmpfs",
      options: ["nosuid", "nodev", "noexec", ...more],
    });
  }
  const taken = new Set(mounts.map(({ destination }) => trimmed(destination)));
  if (taken.size < mounts.length) throw duplicate(mounts);
  for (const target of Object.keys(config.Volumes ?? {})) {
    if (!taken.has(trimmed(target))) addAnonymous(absolute(target, "/"), true, false, []);
  }
  return { mounts, volumes };
}

const propagations = /^r?(private|slave|shared|unbindable)$/;

function bind(source: string, destination: string, readOnly: boolean, more: readonly string[]): Mount {
  const propagation = more.some((option) => propagations.test(option)) ? [] : ["rprivate"];
  return {
    destination,
    type: "bind",
    source,
    options: ["rbind", ...propagation, ...(readOnly ? ["ro"] : []), ...more],
  };
}

function trimmed(path: string): string {
  return path.length > 1 ? path.replace(/\/+$/, "") : path;
}

function duplicate(mounts: readonly Mount[]): CurruntError {
  const paths = mounts.map(({ destination }) => trimmed(destination));
  const twice = paths.find((path, index) => paths.indexOf(path) !== index);
  return new CurruntError("invalid", `mount on ${JSON.stringify(twice)}: given twice`, {
    hint: "give each place in the container one -volume or -tmpfs",
  });
}

/** Default mounts, then the container's files, then what was asked for: parents before what lies in them. */
function orderMounts({ options, etc }: GenerateInput, volumes: readonly Mount[]): Mount[] {
  const shmSizeBytes = options.shmSizeBytes ?? defaultShmSizeBytes;
  const files = ["hostname", "hosts", "resolv.conf"].map((file) =>
    bind(`${etc}/${file}`, `/etc/${file}`, false, []),
  );
  const asked = new Set(volumes.map(({ destination }) => trimmed(destination)));
  const own = [...defaultMounts({ shmSizeBytes, writableSys: options.privileged }), ...files];
  const depth = ({ destination }: Mount) => trimmed(destination).split("/").length;
  return [
    ...own.filter(({ destination }) => !asked.has(destination)),
    ...volumes.toSorted((one, other) => depth(one) - depth(other)),
  ];
}
