/** Starts monitors, if need be before anybody knows what for. */
import type { Fd } from "../sys/fd.ts";
import { spawnSelf } from "../sys/self.ts";
import { socketPair } from "../sys/socket.ts";

/**
 * All that a monitor gets of an environment. Bun's timer for collecting garbage would wake the idle process each
 * second. The engine's small mode, without threads that compile or collect, saves a fifth of its memory.
 */
const environment = [
  "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  "BUN_GC_TIMER_DISABLE=1",
  "BUN_JSC_forceMiniVMMode=1",
  "BUN_JSC_useConcurrentJIT=0",
  "BUN_JSC_numberOfGCMarkers=1",
];

/** Connected to a monitor that nobody has asked for yet. */
let waiting: Fd | undefined;

/**
 * Starts a monitor for the next `takeMonitor`: a command that is going to need one calls this before it has even loaded,
 * so that both load at once. When it needs none after all, the monitor ends with it.
 */
export function spawnMonitorEarly(): void {
  waiting ??= spawnMonitor();
}

/** The socket of a new monitor. */
export function takeMonitor(): Fd {
  const socket = waiting ?? spawnMonitor();
  waiting = undefined;
  return socket;
}

function spawnMonitor(): Fd {
  const [ours, theirs] = socketPair();
  using _ = theirs;
  spawnSelf("monitor", { inherited: [theirs], environment });
  return ours;
}
