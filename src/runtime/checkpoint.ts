/** Writes the processes of a running container to files, by criu. */
import { O_DIRECTORY, O_RDONLY } from "../../ffi/kernel.ts";
import { CurruntError } from "../base/error.ts";
import { makeDirectories } from "../sys/directory.ts";
import type { Fd } from "../sys/fd.ts";
import { openat, readlinkat } from "../sys/file.ts";
import { replaceSmallFile } from "../sys/small-file.ts";
import { isThere } from "../sys/stat.ts";
import type { CgroupState } from "./cgroup/state.ts";
import { directoryOfController, unifiedDirectory } from "./cgroup/state.ts";
import { callCriu, criuFailure, findCriu } from "./criu.ts";
import type { CriuOptions } from "./criu-message.ts";
import { requestTypes } from "./criu-message.ts";
import { externalMounts } from "./criu-mount.ts";
import { notRunning } from "./kill.ts";
import { readSpec } from "./saved-spec.ts";
import type { Spec } from "./spec.ts";
import { processStatus, readState } from "./state.ts";
import type { StatePaths } from "./state-root.ts";

/** Where criu's files are, and what both directions can ask. */
export interface CriuChoice {
  /** Absolute. */
  readonly imagePath: string;
  /** Absolute; its logs go there. */
  readonly workPath: string;
  /** What the flags say in criu's own words. */
  readonly wanted: CriuOptions;
}

export interface CheckpointOptions extends CriuChoice {
  readonly paths: StatePaths;
  /** Only memory, while the container runs. */
  readonly preDump: boolean;
  /** Told when criu is ready to send pages, with a NUL. */
  readonly statusFd?: number | undefined;
}

/** Where the processes' streams lead, for the restore: as runc names and writes it. */
export const descriptorsFile = "descriptors.json";

/** Resolves when the files are written. The processes are gone then, unless `leave_running` or `preDump` is wanted. */
export async function checkpointContainer(options: CheckpointOptions): Promise<void> {
  const { paths, imagePath, workPath, wanted, preDump } = options;
  const state = readState(paths);
  if (processStatus(paths, state) !== "running") throw notRunning();
  const criu = await findCriu();
  const spec = readSpec(paths);
  for (const path of [imagePath, workPath]) makeDirectories(path, 0o700);
  using images = openat(undefined, imagePath, O_RDONLY | O_DIRECTORY);
  using work = openat(undefined, workPath, O_RDONLY | O_DIRECTORY);
  await requireFeatures(criu, { ...wanted, track_mem: preDump || wanted.parent_img !== undefined });
  if (!preDump) saveDescriptors(imagePath, state.pid);
  const answer = await callCriu(criu, {
    request: () => ({
      type: preDump ? requestTypes.PRE_DUMP : requestTypes.DUMP,
      opts: {
        ...directories(images, work),
        config_file: configFileOf(spec),
        log_file: "dump.log",
        pid: state.pid,
        ...wanted,
        track_mem: preDump ? true : undefined,
        ext_mnt: externalMounts(spec, state.pid).map(({ path, name }) => ({ key: path, val: name })),
        external: externalNamespaces(spec, state.pid),
        freeze_cgroup: state.cgroup === undefined ? undefined : freezerOf(state.cgroup),
        status_fd: options.statusFd,
      },
    }),
    onNotify: async () => {},
  });
  if (answer.success !== true) throw criuFailure("checkpoint the container", answer, `${workPath}/dump.log`);
}

/** What every request says. criu looks into us for the descriptors. */
export function directories(images: Fd, work: Fd): CriuOptions {
  return {
    images_dir_fd: images.number,
    work_dir_fd: work.number,
    log_level: 4,
    notify_scripts: true,
    orphan_pts_master: true,
  };
}

/** Options of criu's own, which go before what is asked for here: the container's, else as runc finds them. */
export function configFileOf({ annotations = {} }: Spec): string | undefined {
  const path = annotations["org.criu.config"] ?? "/etc/criu/runc.conf";
  return path !== "" && isThere(undefined, path) ? path : undefined;
}

async function requireFeatures(criu: string, { track_mem, lazy_pages }: CriuOptions): Promise<void> {
  if (track_mem !== true && lazy_pages !== true) return;
  const features = { mem_track: track_mem, lazy_pages };
  const answer = await callCriu(criu, {
    request: () => ({ type: requestTypes.FEATURE_CHECK, features }),
  });
  const lacks = (["mem_track", "lazy_pages"] as const).find(
    (name) => features[name] === true && answer.features?.[name] !== true,
  );
  if (lacks === undefined) return;
  throw new CurruntError("unsupported", `criu or this kernel has no ${lacks}`, {
    hint:
      lacks === "mem_track"
        ? "-pre-dump and -parent-path need a kernel with CONFIG_MEM_SOFT_DIRTY"
        : "-lazy-pages needs a kernel with userfaultfd",
  });
}

function saveDescriptors(directory: string, pid: number): void {
  const names = [0, 1, 2].map((fd) => readlinkat(undefined, `/proc/${pid}/fd/${fd}`).toString());
  replaceSmallFile(directory, descriptorsFile, JSON.stringify(names), 0o600);
}

/** Namespaces that are not the container's own, and are not to be made again. */
function externalNamespaces({ linux }: Spec, pid: number): string[] {
  const kinds = { network: "net", pid: "pid" } as const;
  return (linux?.namespaces ?? []).flatMap(({ type, path = "" }) => {
    if (path === "" || (type !== "network" && type !== "pid")) return [];
    const link = readlinkat(undefined, `/proc/${pid}/ns/${kinds[type]}`).toString();
    return [`${kinds[type]}[${link.replace(/^.*\[(\d+)\]$/, "$1")}]:${namespaceKeys[type]}`];
  });
}

/** As runc names them: its images can be restored. */
export const namespaceKeys = { network: "extRootNetNS", pid: "extRootPidNS" } as const;

/** Frozen as a whole the processes cannot slip away meanwhile. */
function freezerOf(cgroup: CgroupState): string | undefined {
  return directoryOfController(cgroup, "freezer") ?? unifiedDirectory(cgroup);
}
