/** Waits for a process of a container, without keeping signals from reaching us. */
import { CurruntError } from "../base/error.ts";
import { exitCodeOf, reap, waitUntilEnded } from "../sys/process.ts";
import type { Init } from "./carry-out.ts";

/** How long to wait in place: many programs end at once, and the event loop's detours take longer than they do. */
const patienceMs = 20;

/** Resolves when the process, a child, has ended: its exit code, or 128 and the signal. */
export async function waitForInit({ pid, pidfd }: Pick<Init, "pid" | "pidfd">): Promise<number> {
  if (!waitUntilEnded(pidfd, patienceMs)) return await endOf(pid);
  const ended = reap(pid);
  if (ended === undefined) throw new CurruntError("internal", "the container's init is no child of ours");
  return exitCodeOf(ended.end);
}

/** Reaps what else becomes our child, too: orphans, when this process is a subreaper. */
export function endOf(pid: number): Promise<number> {
  return new Promise((resolve) => {
    // Signal handlers alone do not keep the event loop alive.
    const alive = new MessageChannel();
    alive.port1.onmessage = () => {};
    const look = () => {
      for (let ended = reap(-1); ended !== undefined; ended = reap(-1)) {
        if (ended.pid !== pid) continue;
        alive.port1.close();
        resolve(exitCodeOf(ended.end));
      }
    };
    process.on("SIGCHLD", look);
    // It may have ended before the handler was there.
    look();
  });
}
