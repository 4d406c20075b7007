/** Makes the processes of a container from a checkpoint, by criu. */
import { O_DIRECTORY, O_PATH, O_RDONLY } from "../../ffi/kernel.ts";
import { CurruntError } from "../base/error.ts";
import { makeDirectories } from "../sys/directory.ts";
import type { Fd } from "../sys/fd.ts";
import { openat } from "../sys/file.ts";
import { attach, cloneTree } from "../sys/mount.ts";
import { inPrivateMountNamespace } from "../sys/mount-namespace.ts";
import { openProcess } from "../sys/process.ts";
import { tryReadSmallFile } from "../sys/small-file.ts";
import { isThere } from "../sys/stat.ts";
import { rootfsOf } from "./bundle.ts";
import type { Init } from "./carry-out.ts";
import type { CgroupState } from "./cgroup/state.ts";
import type { CriuChoice } from "./checkpoint.ts";
import { configFileOf, descriptorsFile, directories, namespaceKeys } from "./checkpoint.ts";
import type { CreateOptions } from "./create.ts";
import { callCriu, criuFailure, findCriu } from "./criu.ts";
import type { CriuOptions } from "./criu-message.ts";
import { requestTypes } from "./criu-message.ts";
import { makeMountPoints, mountSources } from "./criu-mount.ts";
import { runCreationHooks } from "./on-demand.ts";
import type { Spec } from "./spec.ts";
import type { StatePaths } from "./state-root.ts";

/** In the place of `startContainer`: the container's init comes out of the files of a checkpoint, and runs. */
export async function restoreInit(
  { imagePath, workPath, wanted }: CriuChoice,
  options: CreateOptions,
  paths: StatePaths,
): Promise<Init> {
  const { spec, bundle, cgroup } = options;
  const criu = await findCriu();
  if (!isThere(undefined, imagePath)) {
    throw new CurruntError(
      "not-found",
      `restore from ${JSON.stringify(imagePath)}: there is no such directory`,
    );
  }
  makeDirectories(workPath, 0o700);
  using cleanup = new DisposableStack();
  const namespaces = joinedNamespaces(spec).map(({ key, path }) => {
    return { key, fd: cleanup.use(openat(undefined, path, O_RDONLY)) };
  });
  const root = `${paths.directory}/criu-root`;
  const empty = `${paths.directory}/empty`;
  for (const path of [root, empty]) makeDirectories(path, 0o755);
  const rootfs = rootfsOf({ directory: bundle, spec });
  makeMountPoints(rootfs, spec, bundle);
  let terminal: Fd | undefined;
  let opened: CriuOptions = {};
  const answer = await callCriu(criu, {
    request: () => ({
      type: requestTypes.RESTORE,
      opts: {
        ...opened,
        config_file: configFileOf(spec),
        log_file: "restore.log",
        evasive_devices: true,
        rst_sibling: true,
        root,
        ...wanted,
        cg_root: cgroup === undefined ? undefined : rootsOf(cgroup.state),
        ext_mnt: mountSources({ spec, bundle, empty, cgroup: cgroup?.state }).map(({ name, path }) => ({
          key: name,
          val: path,
        })),
        inherit_fd: [
          ...inheritedStreams(imagePath),
          // The first behind the socket.
          ...namespaces.map(({ key }, index) => ({ key, fd: 4 + index })),
        ],
      },
    }),
    sharesStreams: true,
    passed: namespaces.map(({ fd }) => fd),
    // criu wants the root to be a mount point, which nobody else needs to see. It can mount only where it sees the mounts.
    within: (start) =>
      inPrivateMountNamespace(() => {
        const open = (path: string) => cleanup.use(openat(undefined, path, O_RDONLY | O_DIRECTORY));
        opened = directories(open(imagePath), open(workPath));
        using tree = cloneTree(rootfs, { recursive: true });
        attach(tree, openat(undefined, root, O_PATH));
        return start();
      }),
    onSpawned: cgroup && ((pid) => cgroup.join(pid)),
    onNotify: async (script, pid, fd) => {
      if (script === "orphan-pts-master") terminal = fd;
      if (script === "setup-namespaces") await runCreationHooks(options, pid);
      if (script === "post-restore") await options.onCloned?.(pid);
    },
  });
  const pid = answer.restore?.pid;
  if (answer.success !== true || pid === undefined) {
    throw criuFailure("restore the container", answer, `${workPath}/restore.log`);
  }
  if (cgroup?.unsettled === true) await cgroup.settle();
  const pidfd = openProcess(pid);
  const close = () => {
    pidfd.close();
    terminal?.close();
  };
  return { pid, pidfd, terminal, [Symbol.dispose]: close };
}

/** The streams that were pipes become those of this process. */
function inheritedStreams(directory: string): { key: string; fd: number }[] {
  const text = tryReadSmallFile(`${directory}/${descriptorsFile}`);
  const names: unknown = text === undefined ? [] : JSON.parse(text);
  if (!Array.isArray(names))
    throw new CurruntError("invalid", `read ${directory}/${descriptorsFile}: it is no list`);
  return names.flatMap((name, fd) => {
    return typeof name === "string" && name.startsWith("pipe:") ? [{ key: name, fd }] : [];
  });
}

/** The namespaces that the container shares with others. */
function joinedNamespaces({ linux }: Spec): { key: string; path: string }[] {
  return (linux?.namespaces ?? []).flatMap(({ type, path = "" }) => {
    return path !== "" && (type === "network" || type === "pid") ? [{ key: namespaceKeys[type], path }] : [];
  });
}

/** The container's cgroup takes the place of the one that it was in, whatever that was called. */
function rootsOf({ version, directories }: CgroupState): NonNullable<CriuOptions["cg_root"]> {
  // "/sys/fs/cgroup/PATH"; "/sys/fs/cgroup/TREE/PATH" with version 1.
  const top = version === 2 ? /^\/sys\/fs\/cgroup/ : /^\/sys\/fs\/cgroup\/[^/]*/;
  return Object.entries(directories).map(([name, directory]) => {
    return { ctrl: name === "" ? undefined : name, path: directory.replace(top, "") };
  });
}
