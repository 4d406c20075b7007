/** podman as a rival: roots of its own, and the flags that it needs on a machine without systemd. */
import { join } from "node:path";

export interface Podman {
  pull(image: string): string[];
  run(image: string, command: string[], runtime: string): string[];
  start(image: string, command: string[]): string[];
  removeContainers(): string[];
}

/** podman over `directory`. */
export function makePodman(directory: string): Podman {
  const roots = ["--root", join(directory, "root"), "--runroot", join(directory, "run")];
  const manner = ["--storage-driver", "overlay", "--cgroup-manager", "cgroupfs", "--events-backend", "none"];
  const podman = ["podman", ...roots, ...manner];
  // Its defaults ask for higher limits than a machine without CAP_SYS_RESOURCE may set.
  const limits = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"];
  return {
    pull: (image) => [...podman, "pull", "--quiet", "--tls-verify=false", image],
    run: (image, command, runtime) => [
      ...[...podman, "run", "--rm", "--network", "none", "--runtime", runtime, ...limits, image, ...command],
    ],
    start: (image, command) => [
      ...podman,
      "run",
      "--detach",
      "--network",
      "none",
      ...limits,
      image,
      ...command,
    ],
    removeContainers: () => [...podman, "rm", "--force", "--all"],
  };
}
