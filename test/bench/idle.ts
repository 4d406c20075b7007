/** What the monitor of an idle container costs: private memory and wake-ups, beside podman's conmon. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { runOnce } from "./measure.ts";

export interface IdleCost {
  name: string;
  /** How many monitors were looked at. */
  count: number;
  /** The most that one of them has for itself: Private_Clean and Private_Dirty of /proc/PID/smaps_rollup. */
  privateBytes: number;
  /** Its fair share of everything, pages of the executable included. */
  proportionalBytes: number;
  /** Context switches of all their threads in the time of watching. */
  wakeUps: number;
  watchedMs: number;
}

/** Processes whose executable is `path` and whose command line has `word`. */
export function findProcesses(path: string, word: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const arguments_ = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
        return readlinkSync(`/proc/${pid}/exe`) === path && arguments_.includes(word);
      } catch {
        return false;
      }
    })
    .map(Number);
}

function readMemory(pid: number): { privateBytes: number; proportionalBytes: number } {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)?.[1]) * 1024;
  return { privateBytes: field("Private_Clean") + field("Private_Dirty"), proportionalBytes: field("Pss") };
}

function countSwitches(pid: number): number {
  return readdirSync(`/proc/${pid}/task`)
    .map((task) => readFileSync(`/proc/${pid}/task/${task}/status`, "utf8"))
    .flatMap((status) => [...status.matchAll(/^\w*voluntary_ctxt_switches:\s+(\d+)/gm)])
    .reduce((total, match) => total + Number(match[1]), 0);
}

/** Watches the processes `pids`, which do nothing, for `watchedMs`. */
export function measureIdle(name: string, pids: number[], watchedMs: number): IdleCost {
  if (pids.length === 0) throw new Error(`no monitor of ${name} found`);
  // What a start leaves to do afterwards is not idleness.
  runOnce(["sleep", "2"]);
  const before = pids.map(countSwitches);
  runOnce(["sleep", String(watchedMs / 1000)]);
  const wakeUps = pids.reduce((total, pid, index) => total + countSwitches(pid) - (before[index] ?? 0), 0);
  const memory = pids.map(readMemory);
  const privateBytes = Math.max(...memory.map((one) => one.privateBytes));
  const proportionalBytes = Math.max(...memory.map((one) => one.proportionalBytes));
  return { name, count: pids.length, privateBytes, proportionalBytes, wakeUps, watchedMs };
}

export function reportIdle(costs: IdleCost[]): void {
  console.error("monitor of an idle, detached container");
  for (const { name, count, privateBytes, proportionalBytes, wakeUps, watchedMs } of costs) {
    const [own, share] = [privateBytes, proportionalBytes].map(
      (bytes) => `${(bytes / 1024 / 1024).toFixed(2)} MB`,
    );
    console.error(
      `  ${name.padEnd(16)} ${own} private, ${share} proportional, ${wakeUps} wake-ups of ${count} in ${watchedMs / 1000} s`,
    );
  }
}
