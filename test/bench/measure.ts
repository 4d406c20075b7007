/** Times commands side by side: a correctness check first, then the rivals in turns, medians and ratios at the end. */
import { readFileSync } from "node:fs";
import { arch, cpus, release } from "node:os";
import { join } from "node:path";

export interface Contender {
  name: string;
  /** The same each time, or one for each run: 0 is the untimed one. */
  command: string[] | ((run: number) => string[]);
  env?: Record<string, string>;
  /** What the first, untimed run must print; absent: nothing. */
  prints?: string | RegExp;
}

export interface Timing {
  name: string;
  runs: number;
  medianMs: number;
  minMs: number;
  maxMs: number;
}

interface Sample {
  ms: number;
  stdout: string;
}

/** Runs `command` once; throws with its words when it fails. `stdout`: "ignore" where nobody looks, as hyperfine does. */
export function runOnce(
  command: string[],
  env?: Record<string, string>,
  stdout: "pipe" | "ignore" = "pipe",
): Sample {
  const begun = performance.now();
  const child = Bun.spawnSync(command, {
    stdin: "ignore",
    stdout,
    stderr: "pipe",
    ...(env ? { env } : {}),
  });
  const ms = performance.now() - begun;
  if (child.exitCode !== 0) {
    throw new Error(
      `${command.join(" ")}: exit code ${child.exitCode}: ${child.stderr}${child.stdout ?? ""}`,
    );
  }
  return { ms, stdout: child.stdout?.toString() ?? "" };
}

/** Checks that each contender does what it should, then times them in turns, so that a slow moment hits all alike. */
export function race(contenders: Contender[], runs: number): Timing[] {
  const samples = contenders.map((): Sample[] => []);
  for (const contender of contenders) {
    const { name, prints = "" } = contender;
    const { stdout } = runTurn(contender, 0);
    const right = typeof prints === "string" ? stdout === prints : prints.test(stdout);
    if (!right) throw new Error(`${name} printed ${JSON.stringify(stdout)} instead of ${prints}`);
  }
  for (let run = 0; run < runs; run++) {
    for (let turn = 0; turn < contenders.length; turn++) {
      // The order is turned round each time: who comes first has the colder cache.
      const index = run % 2 === 0 ? turn : contenders.length - 1 - turn;
      const contender = contenders[index];
      if (contender !== undefined) samples[index]?.push(runTurn(contender, run + 1));
    }
  }
  return contenders.map(({ name }, index) => summarise(name, samples[index] ?? []));
}

/**
 * Waits until nothing runs but this: what the one before left to others (podman's cleaning up, the kernel's taking down of
 * namespaces) must not be the burden of the next. At most a second, as a machine is never quite idle.
 */
function settle(): void {
  for (let tries = 0, quiet = 0; tries < 500 && quiet < 5; tries++) {
    Bun.sleepSync(2);
    // man 5 proc_loadavg: runnable tasks, then all.
    const runnable = Number(/ (\d+)\//.exec(readFileSync("/proc/loadavg", "utf8"))?.[1]);
    quiet = runnable <= 1 ? quiet + 1 : 0;
  }
}

/** Run 0 is the one whose output is checked. */
function runTurn({ command, env }: Contender, run: number): Sample {
  settle();
  const stdout = run === 0 ? "pipe" : "ignore";
  if (typeof command !== "function") return runOnce(command, env, stdout);
  const now = command(run);
  // What the one before wrote is on the disk before the clock starts.
  runOnce(["sync"]);
  return runOnce(now, env, stdout);
}

function summarise(name: string, samples: Sample[]): Timing {
  const times = samples.map(({ ms }) => ms).sort((a, b) => a - b);
  return {
    name,
    runs: times.length,
    medianMs: round(times[times.length >> 1] ?? Number.NaN),
    minMs: round(times[0] ?? Number.NaN),
    maxMs: round(times.at(-1) ?? Number.NaN),
  };
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}

/** Says on standard error how much faster the first is than each other. */
export function report(title: string, timings: Timing[]): void {
  const [first, ...others] = timings;
  console.error(title);
  for (const { name, medianMs, minMs, maxMs } of timings)
    console.error(
      `  ${name.padEnd(16)} ${medianMs.toFixed(1)} ms (${minMs.toFixed(1)} to ${maxMs.toFixed(1)})`,
    );
  for (const { name, medianMs } of others) {
    console.error(
      `  ${first?.name} is ${(medianMs / (first?.medianMs ?? 0)).toFixed(1)} times as fast as ${name}`,
    );
  }
}

/** The most memory in bytes that a command has to itself, the largest of `runs`: untimed, as looking takes time from it. */
export function peakMemory(command: () => string[], env: Record<string, string>, runs: number): number {
  const measure = [process.execPath, join(import.meta.dir, "../fixtures/peak-memory.ts")];
  const peaks = Array.from({ length: runs }, () => Number(runOnce([...measure, ...command()], env).stdout));
  return Math.max(...peaks);
}

/** What the figures were measured on. */
export function describeMachine(): Record<string, unknown> {
  const version = (command: string[]) => Bun.spawnSync(command).stdout.toString().trim().split("\n")[0];
  return {
    kernel: release(),
    architecture: arch(),
    cpus: cpus().length,
    cpu: cpus()[0]?.model,
    bun: Bun.version,
    currunt: version(["dist/currunt", "--version"]),
    podman: version(["podman", "--version"]),
    containerd: version(["containerd", "--version"]),
    crun: version(["crun", "--version"]),
    runc: version(["runc", "--version"]),
  };
}
