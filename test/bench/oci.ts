/** The OCI commands beside crun and runc: run, create with start and delete, exec, and what a created container holds. */
import { readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { defaultCapabilities } from "../../src/runtime/capability.ts";
import { defaultSeccompProfile } from "../../src/runtime/seccomp-profile.ts";
import type { Spec } from "../../src/runtime/spec.ts";
import type { SpecChange } from "../fixtures/bundle.ts";
import { specWith } from "../fixtures/bundle.ts";
import { writeBusybox } from "../fixtures/tree.ts";
import type { Contender, Timing } from "./measure.ts";
import { race, report, runOnce } from "./measure.ts";

/** What came of it. */
export interface OciFigures {
  readonly run: Timing[];
  /** The same without a seccomp profile, which no engine does. */
  readonly bare: Timing[];
  readonly life: Timing[];
  readonly exec: Timing[];
  /** Private memory of the init of a created container, in bytes, by runtime. */
  readonly created: Readonly<Record<string, number>>;
  /** The smallest memory limit in MB with which /bin/true still runs, by runtime. */
  readonly leastMemory: Readonly<Record<string, number>>;
}

interface Runtime {
  readonly name: string;
  readonly path: string;
}

/** One for each: cgroups are named by it, and shared by all who name theirs so. */
const idOf = ({ name }: Runtime) => `bench-${name}`;

/** Measures `program` first, then its rivals. */
export async function measureOci(program: string, directory: string): Promise<OciFigures> {
  const rivals = ["crun", "runc"].map((name) => ({ name, path: name }));
  const bench = new OciBench(directory, [{ name: "currunt", path: program }, ...rivals]);
  await bench.prepare();
  const figures = {
    run: bench.run("true"),
    bare: bench.run("bare"),
    life: bench.life(),
    exec: bench.exec(),
    created: bench.created(),
    leastMemory: await bench.leastMemory(),
  };
  report("run of a bundle, /bin/true", figures.run);
  report("the same without a seccomp profile", figures.bare);
  report("create, start, delete --force", figures.life);
  report("exec /bin/true", figures.exec);
  for (const { name } of bench.runtimes) {
    const kilobytes = (figures.created[name] ?? 0) / 1024;
    console.error(
      `  ${name}: created container ${kilobytes} kB, least memory ${figures.leastMemory[name]} MB`,
    );
  }
  return figures;
}

class OciBench {
  readonly #directory: string;
  readonly runtimes: readonly Runtime[];

  constructor(directory: string, runtimes: readonly Runtime[]) {
    this.#directory = directory;
    this.runtimes = runtimes;
  }

  async prepare(): Promise<void> {
    const rootfs = join(this.#directory, "rootfs");
    await writeBusybox(rootfs);
    // As engines make them.
    const linux = { seccomp: defaultSeccompProfile(defaultCapabilities) };
    await this.#writeBundle("true", { process: { args: ["/bin/true"] }, linux });
    await this.#writeBundle("sleep", { process: { args: ["/bin/sleep", "1000"] }, linux });
    await this.#writeBundle("bare", { process: { args: ["/bin/true"] } });
  }

  /** The version is one that old rivals know. */
  async #writeBundle(name: string, change: SpecChange): Promise<void> {
    const bundle = join(this.#directory, name);
    const root = { path: join(this.#directory, "rootfs") };
    const spec: Spec = { ...specWith({ ...change, root }), ociVersion: "1.0.2" };
    await mkdir(bundle, { recursive: true });
    await writeFile(join(bundle, "config.json"), JSON.stringify(spec));
  }

  #command({ name, path }: Runtime, ...args: readonly string[]): string[] {
    return [path, "--root", join(this.#directory, `state-${name}`), ...args];
  }

  #bundle(name: string): string {
    return join(this.#directory, name);
  }

  run(bundle: string): Timing[] {
    const contenders = this.runtimes.map((runtime): Contender => {
      return {
        name: runtime.name,
        command: this.#command(runtime, "run", "--bundle", this.#bundle(bundle), idOf(runtime)),
      };
    });
    return race(contenders, 40);
  }

  life(): Timing[] {
    const contenders = this.runtimes.map((runtime): Contender => {
      const quoted = this.#command(runtime).join(" ");
      const bundle = this.#bundle("true");
      const script = `${quoted} create --bundle ${bundle} ${idOf(runtime)} </dev/null >/dev/null 2>&1 &&
        ${quoted} start ${idOf(runtime)} && ${quoted} delete --force ${idOf(runtime)}`;
      return { name: runtime.name, command: ["sh", "-c", script] };
    });
    return race(contenders, 30);
  }

  exec(): Timing[] {
    for (const runtime of this.runtimes) this.#background(runtime, ["run", "--detach"], "sleep");
    try {
      const contenders = this.runtimes.map((runtime): Contender => {
        return { name: runtime.name, command: this.#command(runtime, "exec", idOf(runtime), "/bin/true") };
      });
      return race(contenders, 40);
    } finally {
      for (const runtime of this.runtimes)
        runOnce(this.#command(runtime, "delete", "--force", idOf(runtime)));
    }
  }

  created(): Record<string, number> {
    const entries = this.runtimes.map((runtime) => {
      this.#background(runtime, ["create"], "sleep");
      const state: unknown = JSON.parse(runOnce(this.#command(runtime, "state", idOf(runtime))).stdout);
      const pid = typeof state === "object" && state !== null && "pid" in state ? Number(state.pid) : 0;
      const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
      const kilobytes = [...rollup.matchAll(/^Private_(?:Clean|Dirty):\s+(\d+) kB/gm)].map(([, size]) =>
        Number(size),
      );
      runOnce(this.#command(runtime, "delete", "--force", idOf(runtime)));
      return [runtime.name, kilobytes.reduce((sum, size) => sum + size, 0) * 1024] as const;
    });
    return Object.fromEntries(entries);
  }

  async leastMemory(): Promise<Record<string, number>> {
    const least: Record<string, number> = {};
    for (const megabytes of [16, 8, 4, 2, 1]) {
      const limit = megabytes * 2 ** 20;
      const resources = { memory: { limit, swap: limit } };
      await this.#writeBundle("little", { process: { args: ["/bin/true"] }, linux: { resources } });
      for (const runtime of this.runtimes) {
        const command = this.#command(runtime, "run", "--bundle", this.#bundle("little"), idOf(runtime));
        const { exitCode } = Bun.spawnSync(command, { stdin: "ignore", stdout: "ignore", stderr: "ignore" });
        if (exitCode === 0) least[runtime.name] = megabytes;
      }
    }
    return least;
  }

  /** Its streams are no pipes of ours, which would stay open as long as the container. */
  #background(runtime: Runtime, command: readonly string[], bundle: string): void {
    const words = this.#command(runtime, ...command, "--bundle", this.#bundle(bundle), idOf(runtime));
    const child = Bun.spawnSync(words, { stdin: "ignore", stdout: "ignore", stderr: "ignore" });
    if (child.exitCode !== 0) throw new Error(`${words.join(" ")}: exit code ${child.exitCode}`);
  }
}
