/** What a seccomp filter costs each system call: a loop below docker's default profile, as each runtime compiles it. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { defaultCapabilities } from "../../src/runtime/capability.ts";
import { parseSeccompProfile } from "../../src/runtime/seccomp-file.ts";
import { runOnce } from "./measure.ts";

/** As Debian's podman brings it. */
const profilePath = "/usr/share/containers/seccomp.json";
const rounds = 9;

/** Nanoseconds a call, the median of some runs. */
export interface FilterCost {
  readonly name: string;
  /** getppid: the kernel remembers that a filter allows it whatever its arguments, and does not run the filter. */
  readonly allowed: number;
  /** personality(-1): allowed after a look at its argument. */
  readonly compared: number;
  /** swapon: refused, with EPERM. */
  readonly refused: number;
}

const loop = `
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
static double cost(long number, long argument) {
  struct timespec start, end;
  const long calls = 1000000;
  clock_gettime(CLOCK_MONOTONIC, &start);
  for (long i = 0; i < calls; i++) syscall(number, argument);
  clock_gettime(CLOCK_MONOTONIC, &end);
  return ((end.tv_sec - start.tv_sec) * 1e9 + (end.tv_nsec - start.tv_nsec)) / calls;
}
int main(void) {
  printf("%f %f %f\\n", cost(SYS_getppid, 0), cost(SYS_personality, 0xffffffff), cost(SYS_swapon, 0));
  return 0;
}`;

function makeBundle(directory: string, profile: unknown): void {
  mkdirSync(join(directory, "rootfs/proc"), { recursive: true });
  writeFileSync(join(directory, "loop.c"), loop);
  runOnce(["cc", "-O2", "-static", "-o", join(directory, "rootfs/loop"), join(directory, "loop.c")]);
  const spec = {
    ociVersion: "1.0.2",
    root: { path: "rootfs" },
    process: { user: { uid: 0, gid: 0 }, args: ["/loop"], cwd: "/", env: ["PATH=/"] },
    mounts: [{ destination: "/proc", type: "proc", source: "proc" }],
    linux: { namespaces: [{ type: "mount" }, { type: "pid" }], seccomp: profile },
  };
  writeFileSync(join(directory, "config.json"), JSON.stringify(spec));
}

/** Runs the loop by each runtime in turn. `directory` is a place for the bundle. */
export async function measureFilters(program: string, directory: string): Promise<FilterCost[]> {
  const json: unknown = await Bun.file(profilePath).json();
  makeBundle(directory, parseSeccompProfile(json, { capabilities: defaultCapabilities }));
  const runtimes = [
    { name: "currunt", command: [program, "--root", join(directory, "state"), "run", "--bundle", directory] },
    { name: "runc", command: ["runc", "--root", join(directory, "runc"), "run", "--bundle", directory] },
    { name: "crun", command: ["crun", "--root", join(directory, "crun"), "run", "--bundle", directory] },
  ];
  const costs = new Map<string, number[][]>(runtimes.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    // Each comes first once in a while: the machine's clock follows what ran before.
    const turn = round % runtimes.length;
    for (const { name, command } of [...runtimes.slice(turn), ...runtimes.slice(0, turn)]) {
      const { stdout } = runOnce([...command, `bench-${process.pid}-${round}`]);
      costs.get(name)?.push(stdout.trim().split(" ").map(Number));
    }
  }
  const median = (name: string, column: number) =>
    (costs.get(name) ?? []).map((run) => run[column] ?? Number.NaN).sort((a, b) => a - b)[rounds >> 1] ?? 0;
  return runtimes.map(({ name }) => {
    return { name, allowed: median(name, 0), compared: median(name, 1), refused: median(name, 2) };
  });
}

/** Tells people. */
export function reportFilters(costs: readonly FilterCost[]): void {
  console.error("\na system call below docker's default seccomp profile, in nanoseconds");
  for (const { name, ...calls } of costs) {
    const figures = Object.entries(calls).map(([kind, cost]) => `${kind} ${cost.toFixed(0)}`);
    console.error(`  ${name.padEnd(16)} ${figures.join("  ")}`);
  }
}
