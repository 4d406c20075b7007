/** Plays the cases: makes the bundle, runs the commands, compares, and clears away whatever is left. */
import { existsSync, readFileSync } from "node:fs";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { specWith } from "../fixtures/bundle.ts";
import { mustRun } from "../fixtures/process.ts";
import { writeBusybox, writeTree } from "../fixtures/tree.ts";
import type { Case, Match, Place, Step } from "./case.ts";

/** A runtime under test. */
export interface Runtime {
  /** Its file's name: what {@link Case.except} calls it. */
  readonly name: string;
  readonly path: string;
}

/** The runtime at `path`. */
export function runtimeAt(path: string): Runtime {
  return { name: basename(path), path };
}

interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Plays one case; throws with all that was said when it goes otherwise. */
export async function play(runtime: Runtime, conformance: Case): Promise<void> {
  await using stage = await Stage.set(runtime, conformance);
  for (const step of stage.steps) {
    try {
      await stage.act(step);
    } catch (error) {
      const what = error instanceof Error ? error.message : String(error);
      throw new Error(`${JSON.stringify(step)}:\n${what}\nIt rests on: ${conformance.rule}`);
    }
  }
}

let busybox: Promise<string> | undefined;

/** The root that all bundles are copied from. */
async function makeBusybox(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "currunt-conformance-"));
  await chmod(directory, 0o755);
  await writeBusybox(directory);
  return directory;
}

/** Removes what the cases shared. */
export async function clearStage(): Promise<void> {
  if (busybox !== undefined) await rm(await busybox, { recursive: true, force: true });
  busybox = undefined;
}

class Stage implements AsyncDisposable {
  readonly #runtime: Runtime;
  readonly #directory: string;
  readonly #place: Place;
  readonly steps: readonly Step[];
  #outputs = 0;
  /** The streams of the command that made the container. */
  #creator = "";
  #pid = 0;

  private constructor(runtime: Runtime, directory: string, place: Place, steps: readonly Step[]) {
    this.#runtime = runtime;
    this.#directory = directory;
    this.#place = place;
    this.steps = steps;
  }

  static async set(runtime: Runtime, conformance: Case): Promise<Stage> {
    const directory = await mkdtemp(join(tmpdir(), "currunt-conformance-"));
    const bundle = join(directory, "bundle");
    const place = {
      id: `conformance-${basename(directory).slice(-6)}`,
      bundle,
      rootfs: join(bundle, "rootfs"),
      host: join(directory, "host"),
    };
    await Promise.all([mkdir(place.host), mkdir(bundle)]);
    // Links to the files of one root: no case writes into a file that lies in it.
    busybox ??= makeBusybox();
    await mustRun(["cp", "-al", await busybox, place.rootfs]);
    await writeTree(place.rootfs, conformance.files ?? {});
    await writeFile(join(bundle, "config.json"), JSON.stringify(configOf(conformance, place)));
    return new Stage(
      runtime,
      directory,
      place,
      conformance.steps?.(place) ?? [foreground(conformance, place)],
    );
  }

  async act(step: Step): Promise<void> {
    if ("run" in step) return await this.#run(step);
    if ("state" in step) return await this.#state(step.state);
    if ("ended" in step) return await this.#ended();
    if ("output" in step) {
      await this.#ended();
      return compare("output", readFileSync(`${this.#creator}.out`, "utf8"), step.output);
    }
    if ("file" in step) return checkFile(step);
    const { code, stdout, stderr } = await this.#command(["sh", "-ec", step.shell], {
      PID: String(this.#pid),
    });
    if (code !== 0) throw new Error(`exit code ${code}: ${stdout}${stderr}`);
    if (step.stdout !== undefined) compare("stdout", stdout, step.stdout);
  }

  async #run(step: Extract<Step, { run: unknown }>): Promise<void> {
    const { run, exit = 0, under = [] } = step;
    const lasts = run.includes("create") || run.includes("--detach");
    const command = [...under, this.#runtime.path, "--root", join(this.#directory, "state"), ...run];
    const { code, stdout, stderr } = await this.#command(command, step.env, step.stdin);
    if (lasts && code === 0) {
      this.#creator = join(this.#directory, `stream-${this.#outputs}`);
      this.#pid = Number((await this.#readState())?.["pid"] ?? 0);
    }
    const said = `exit code ${code}, stdout ${JSON.stringify(stdout)}, stderr ${JSON.stringify(stderr)}`;
    if (exit === "failure" ? code === 0 : code !== exit) throw new Error(`not exit code ${exit}: ${said}`);
    if (step.stdout !== undefined) compare("stdout", stdout, step.stdout, said);
    if (step.stderr !== undefined) compare("stderr", stderr, step.stderr, said);
  }

  /** Runs a command with its streams in files: a container may outlive the command and hold them. */
  async #command(
    command: readonly string[],
    env: Readonly<Record<string, string>> = {},
    stdin?: string,
  ): Promise<Output> {
    const streams = join(this.#directory, `stream-${++this.#outputs}`);
    const child = Bun.spawn(["timeout", "-s", "KILL", "20", ...command], {
      cwd: this.#place.host,
      env: { PATH: process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin", ...env },
      stdin: stdin === undefined ? "ignore" : new Blob([stdin]),
      stdout: Bun.file(`${streams}.out`),
      stderr: Bun.file(`${streams}.err`),
    });
    const code = await child.exited;
    const read = (name: string) => readFileSync(`${streams}.${name}`, "utf8");
    return { code, stdout: read("out"), stderr: read("err") };
  }

  async #readState(): Promise<Record<string, unknown> | undefined> {
    const command = [this.#runtime.path, "--root", join(this.#directory, "state"), "state", this.#place.id];
    const { code, stdout } = await this.#command(command);
    return code === 0 ? JSON.parse(stdout) : undefined;
  }

  async #state(expected: Readonly<Record<string, unknown>>): Promise<void> {
    const state = await this.#readState();
    if (state === undefined) throw new Error("there is no such container");
    for (const [key, value] of Object.entries(expected)) {
      const actual = state[key];
      if (value instanceof RegExp ? value.test(String(actual)) : Bun.deepEquals(actual, value)) continue;
      throw new Error(`${key} is ${JSON.stringify(actual)}, not ${value}`);
    }
  }

  async #ended(): Promise<void> {
    const deadline = performance.now() + 10_000;
    while (isAlive(this.#pid)) {
      if (performance.now() > deadline) throw new Error(`process ${this.#pid} goes on`);
      await Bun.sleep(2);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const root = join(this.#directory, "state");
    if (existsSync(join(root, this.#place.id))) {
      await this.#command([this.#runtime.path, "--root", root, "delete", "--force", this.#place.id]);
    }
    if (this.#pid > 0 && isAlive(this.#pid)) process.kill(this.#pid, "SIGKILL");
    await rm(this.#directory, { recursive: true, force: true });
  }
}

function configOf({ change = {}, script, raw }: Case, place: Place): unknown {
  const { process: changed, ...rest } = typeof change === "function" ? change(place) : change;
  const args = script === undefined ? ["sleep", "1000"] : ["sh", "-c", script];
  const spec = specWith({ ...rest, process: { args, ...changed } });
  return raw === undefined ? spec : raw(spec, place);
}

function foreground({ exit, stdout, stderr }: Case, { id, bundle }: Place): Step {
  return {
    run: ["run", "--bundle", bundle, id],
    ...(exit === undefined ? {} : { exit }),
    ...(stdout === undefined ? {} : { stdout }),
    ...(stderr === undefined ? {} : { stderr }),
  };
}

function checkFile({ file, holds, absent }: Extract<Step, { file: string }>): void {
  if (absent) {
    if (existsSync(file)) throw new Error(`${file} is there`);
  } else if (holds === undefined) {
    if (!existsSync(file)) throw new Error(`${file} is missing`);
  } else {
    compare(file, readFileSync(file, "utf8"), holds);
  }
}

function compare(what: string, actual: string, expected: Match, more = ""): void {
  const found = actual.trim();
  const good =
    typeof expected === "string"
      ? found === expected.trim()
      : [expected].flat().every((expression) => expression.test(found));
  if (!good) throw new Error(`${what} is ${JSON.stringify(found)}, not ${expected}\n${more}`);
}

/** A zombie has ended. */
function isAlive(pid: number): boolean {
  if (pid <= 0) return false;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return !/^[ZX]$/.test(stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3));
  } catch {
    return false;
  }
}
