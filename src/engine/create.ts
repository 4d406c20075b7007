/** Makes the record and the files of a new container. */
import { join } from "node:path";
import { CurruntError, wrap } from "../base/error.ts";
import { containerPaths } from "../base/paths.ts";
import { adjustCapabilities } from "../runtime/capability.ts";
import { failedWith } from "../sys/error.ts";
import { mkdirat } from "../sys/file.ts";
import { readSmallFile, writeSmallFile } from "../sys/small-file.ts";
import type { ContainerRecord, ContainerStatus } from "./container.ts";
import { newID, shortID } from "./container.ts";
import type { Context } from "./context.ts";
import type { GenerateInput } from "./generate.ts";
import { generate } from "./generate.ts";
import { hostFiles } from "./host-files.ts";
import { generateName } from "./names.ts";
import type { PullWatch, RunOptions } from "./options.ts";
import { makeSources, volumePath } from "./volume.ts";

/** After so many names that are taken something else is wrong. */
const nameAttempts = 20;

/**
 * Stores container `id` and makes its files; its directory exists, and its lock is held or its run directory is there, so
 * that the sweep neither takes it for broken off now nor overlooks it later.
 */
export async function createContainer(
  context: Context,
  id: string,
  options: RunOptions,
  { watch, status }: { watch: PullWatch; status: ContainerStatus },
): Promise<ContainerRecord> {
  const input = await inputOf(context, id, options, watch);
  const record = store(context, input, status);
  const paths = containerPaths(context.roots, id);
  for (const directory of [paths.upper, paths.work]) mkdirat(undefined, directory, 0o755);
  writeHostFiles(paths.directory, input.hostname, options);
  makeSources(context.roots, record);
  return record;
}

/** Throws "invalid" for a capability that does not exist: before there is anything to take back. */
export function refuseUnknownCapabilities({ capabilitiesAdd, capabilitiesDrop }: RunOptions): void {
  adjustCapabilities({ add: capabilitiesAdd, drop: capabilitiesDrop });
}

/** The record that a container of these options would have; changes nothing, unless the image must be pulled. */
export async function previewContainer(context: Context, options: RunOptions): Promise<ContainerRecord> {
  const input = await inputOf(context, newID(), options, {});
  return generate({ ...input, name: options.name ?? generateName() });
}

async function inputOf(
  context: Context,
  id: string,
  options: RunOptions,
  watch: PullWatch,
): Promise<Omit<GenerateInput, "name">> {
  // What is wrong is said before an image is pulled for nothing.
  const seccomp = await seccompOf(options);
  const image = await imageOf(context, options, watch);
  return {
    id,
    options,
    ...(image === undefined ? {} : { image }),
    hostname:
      options.hostname ??
      (options.network === "host" ? readHostFile("/proc/sys/kernel/hostname").trim() : shortID(id)),
    etc: containerPaths(context.roots, id).directory,
    seccomp,
    newVolume: () => {
      const name = newID();
      return { name, path: volumePath(context.roots, name) };
    },
  };
}

async function imageOf(
  context: Context,
  { source, quiet }: RunOptions,
  watch: PullWatch,
): Promise<GenerateInput["image"]> {
  if (source.kind === "rootfs") return undefined;
  const { findImage } = await import("./image.ts");
  return await findImage(context, source, { quiet, watch });
}

async function seccompOf(options: RunOptions): Promise<ContainerRecord["seccomp"]> {
  const { seccomp, privileged, capabilitiesAdd: add, capabilitiesDrop: drop } = options;
  if (privileged || seccomp === "unconfined") return "unconfined";
  if (seccomp === "default") return "default";
  const [{ readSeccompProfile }, { adjustCapabilities }] = await Promise.all([
    import("./seccomp-file.ts"),
    import("../runtime/capability.ts"),
  ]);
  return readSeccompProfile(seccomp.profilePath, adjustCapabilities({ add, drop }));
}

function store(
  { containers }: Context,
  input: Omit<GenerateInput, "name">,
  status: ContainerStatus,
): ContainerRecord {
  const { name } = input.options;
  for (let attempt = 0; attempt < nameAttempts; attempt++) {
    const record = generate({ ...input, name: name ?? generateName(attempt) });
    if (containers.add(record, status)) return record;
    if (name !== undefined) break;
  }
  throw new CurruntError("exists", `name the container "${name ?? "…"}": another container has this name`, {
    hint: `choose another name, or remove that one with "currunt rm ${name ?? "NAME"}"`,
  });
}

function writeHostFiles(directory: string, hostname: string, options: RunOptions): void {
  const { network, extraHosts, dns } = options;
  const host = { hosts: readHostFile("/etc/hosts"), resolvConf: readResolvConf(network) };
  const files = hostFiles({ hostname, network, extraHosts, dns, host });
  for (const [name, text] of Object.entries(files)) writeSmallFile(join(directory, name), text, 0o644);
}

/** systemd's stub listens on the host's loopback; from another network its upstream servers are of use. */
function readResolvConf(network: RunOptions["network"]): string {
  const text = readHostFile("/etc/resolv.conf");
  const stubOnly = /^nameserver\s+127\.0\.0\.53\s*$/m.test(text);
  if (network === "host" || !stubOnly) return text;
  return readHostFile("/run/systemd/resolve/resolv.conf") || text;
}

function readHostFile(path: string): string {
  try {
    return readSmallFile(path);
  } catch (error) {
    if (failedWith(error, "ENOENT")) return "";
    throw wrap(error, `read "${path}"`);
  }
}
