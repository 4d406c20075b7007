/** containerd as a rival: a daemon over a root of its own, and `ctr`. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A daemon that runs. */
export interface Containerd {
  pull(image: string): string[];
  stop(): void;
}

/** Starts containerd over `directory` and waits until it answers. */
export function startContainerd(directory: string): Containerd {
  mkdirSync(directory, { recursive: true });
  const socket = join(directory, "containerd.sock");
  const configuration = join(directory, "config.toml");
  // Without the Kubernetes part, which wants a network of its own.
  writeFileSync(configuration, 'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n');
  const daemon = Bun.spawn(
    [
      ...["setpriv", "--pdeathsig", "KILL", "containerd", "--config", configuration],
      ...["--root", join(directory, "root"), "--state", join(directory, "state"), "--address", socket],
    ],
    { stdin: "ignore", stdout: "ignore", stderr: "ignore" },
  );
  const answers = () =>
    Bun.spawnSync(["ctr", "--address", socket, "--connect-timeout", "1s", "version"]).exitCode === 0;
  while (!existsSync(socket) || !answers()) {
    if (hasEnded(daemon.pid)) throw new Error("containerd did not start");
    Bun.sleepSync(20);
  }
  return {
    pull: (image) => ["ctr", "--address", socket, "images", "pull", "--plain-http", image],
    stop() {
      daemon.kill("SIGTERM");
      // Its mounts can go when it has.
      while (!hasEnded(daemon.pid)) Bun.sleepSync(10);
    },
  };
}

/** Whether a child of ours has ended, though nobody has asked for its exit code yet: whoever measures blocks the event loop. */
function hasEnded(pid: number): boolean {
  const path = `/proc/${pid}/stat`;
  return !existsSync(path) || /\) [ZX] /.test(readFileSync(path, "utf8"));
}
