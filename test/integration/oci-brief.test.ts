/** Commands that the executable's entry carries out without a JavaScript engine: what they do is what the engine would do. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startTimeOf } from "../../src/sys/process.ts";
import { Oci } from "../fixtures/oci.ts";
import type { Output } from "../fixtures/process.ts";
import { run } from "../fixtures/process.ts";

let oci: Oci;
beforeAll(async () => {
  oci = await Oci.make();
});
afterEach(() => oci.clear());
afterAll(() => oci[Symbol.asyncDispose]());

/** With as little address space as no engine starts in. */
function alone(...args: string[]): Promise<Output> {
  const script = 'ulimit -v 500000 && exec "$0" "$@"';
  return run(["sh", "-c", script, oci.program, "--root", oci.root, ...args]);
}

/** With a flag that the entry does not know. */
function byEngine(...args: string[]): Promise<Output> {
  return oci.call(["--log-level", "error", ...args]);
}

const done: Output = { code: 0, stdout: "", stderr: "" };
const briefOf = (id: string) => join(oci.root, id, "brief");

describe("without an engine", () => {
  test("nothing else runs", async () => {
    expect((await alone("list")).code).not.toBe(0);
  });

  test("a container is started, signalled and deleted, and its state told", async () => {
    const script = "trap 'exit 3' USR1; while :; do sleep 1000 & wait; done";
    await oci.create("c", { process: { args: ["sh", "-c", script] } });
    const { pid } = await oci.state("c");
    expect(JSON.parse((await alone("state", "c")).stdout)).toMatchObject({ status: "created", pid });
    expect(await alone("start", "c")).toEqual(done);
    expect(JSON.parse((await alone("state", "c")).stdout)).toMatchObject({ status: "running", pid });
    expect(await alone("kill", "c", "SIGKILL")).toEqual(done);
    expect(await alone("delete", "--force", "c")).toEqual(done);
    expect(existsSync(join(oci.root, "c"))).toBe(false);
  });

  test("a container that runs is deleted by force, with its cgroups", async () => {
    await oci.create("c");
    const { pid } = await oci.state("c");
    const group = /^\d+:pids:(.*)$|^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, "utf8"));
    const [directory] = [`/sys/fs/cgroup/pids${group?.[1]}`, `/sys/fs/cgroup${group?.[2]}`].filter(
      existsSync,
    );
    expect(directory).toBeDefined();
    expect(await alone("start", "c")).toEqual(done);
    expect(await alone("delete", "-f", "c")).toEqual(done);
    expect([startTimeOf(pid), existsSync(directory ?? "")]).toEqual([undefined, false]);
  });

  test("flags may stand where callers put them", async () => {
    await oci.create("c");
    const log = join(oci.bundle.directory, "log.json");
    const globals = ["--log", log, "--log-format=json", "--systemd-cgroup"];
    const call = (...args: string[]) =>
      run([
        "sh",
        "-c",
        'ulimit -v 500000 && exec "$0" "$@"',
        oci.program,
        "-root",
        oci.root,
        ...globals,
        ...args,
      ]);
    expect((await call("state", "c")).code).toBe(0);
    expect(await call("start", "c")).toEqual(done);
    expect(await call("kill", "--all", "c", "15")).toEqual(done);
    expect(await call("kill", "c", "9", "-a")).toEqual(done);
    expect(await call("delete", "c", "-force")).toEqual(done);
    expect(existsSync(log)).toBe(false);
  });
});

describe("the entry and the engine agree", () => {
  test("on the state of a container in each status", async () => {
    const both = async (status: string) => {
      const [quick, slow] = [await oci.call(["state", "c"]), await byEngine("state", "c")];
      expect(quick).toEqual(slow);
      expect(JSON.parse(quick.stdout)).toMatchObject({ status });
    };
    await oci.create("c", { annotations: { text: 'ü "quoted" \n' } });
    expect(existsSync(briefOf("c"))).toBe(true);
    await both("created");
    await oci.ok("start", "c");
    await both("running");
    await oci.ok("pause", "c");
    await both("paused");
    await oci.ok("resume", "c");
    await oci.ok("kill", "c", "KILL");
    await run([
      "timeout",
      "5",
      "sh",
      "-c",
      `while "${oci.program}" --root "${oci.root}" ps c | grep -q sleep; do :; done`,
    ]);
    await both("stopped");
  });

  test("on what is refused", async () => {
    await oci.create("c");
    await oci.ok("start", "c");
    for (const args of [
      ["start", "c"],
      ["delete", "c"],
      ["kill", "c", "NONE"],
      ["kill", "c", "0"],
      ["state"],
      ["state", "no-such"],
      ["state", "../c"],
      ["start", "c", "d"],
      ["kill", "c", "9", "9"],
      ["delete", "--all", "c"],
    ]) {
      const [quick, slow] = [await oci.call(args), await byEngine(...args)];
      expect(quick).toEqual(slow);
      expect(quick.code).toBe(1);
    }
    expect(await oci.state("c")).toMatchObject({ status: "running" });
  });

  test("on a program that cannot be executed", async () => {
    writeFileSync(join(oci.bundle.rootfs, "nonsense"), "\x7fELF nonsense", { mode: 0o755 });
    const start = async (call: (...args: string[]) => Promise<Output>) => {
      await oci.create("c", { process: { args: ["/nonsense"] } });
      const output = await call("start", "c");
      expect(await oci.state("c")).toMatchObject({ status: "stopped" });
      await oci.ok("delete", "c");
      return output;
    };
    const [quick, slow] = [await start((...args) => oci.call(args)), await start(byEngine)];
    expect(quick).toEqual(slow);
    expect(quick).toMatchObject({ code: 1, stderr: expect.stringMatching(/exec format error/i) });
  });

  test("on killing and deleting what is paused", async () => {
    await oci.create("c");
    await oci.ok("start", "c");
    await oci.ok("pause", "c");
    await oci.ok("kill", "c", "KILL");
    await oci.ok("delete", "--force", "c");
    expect(existsSync(join(oci.root, "c"))).toBe(false);
  });
});

describe("a brief", () => {
  test("is not made of a container with hooks at its start or end, which run", async () => {
    const told = join(oci.bundle.directory, "told");
    const hook = { path: "/bin/sh", args: ["sh", "-c", `echo hook >>${told}`] };
    await oci.create("c", { hooks: { poststart: [hook], poststop: [hook] } });
    expect(existsSync(briefOf("c"))).toBe(false);
    await oci.ok("start", "c");
    await oci.ok("delete", "--force", "c");
    expect(readFileSync(told, "utf8")).toBe("hook\nhook\n");
  });

  test("that is cut off anywhere counts for nothing", async () => {
    await oci.create("c");
    const whole = readFileSync(briefOf("c"));
    const wanted = await byEngine("state", "c");
    for (let length = whole.length - 1; length > 0; length = Math.floor(length * 0.8)) {
      truncateSync(briefOf("c"), length);
      expect((await alone("state", "c")).code).not.toBe(0);
      expect(await oci.call(["state", "c"])).toEqual(wanted);
    }
    writeFileSync(briefOf("c"), whole);
    expect(await alone("state", "c")).toEqual(wanted);
  });

  test("of another process with the same number counts for nothing", async () => {
    await oci.create("c");
    const { pid } = await oci.state("c");
    const text = readFileSync(briefOf("c"), "latin1");
    const [, , time] = text.split("\0");
    writeFileSync(briefOf("c"), text.replace(`\0${time}\0`, `\0${Number(time) + 1}\0`), "latin1");
    // Not the process that it tells of: for the entry the container has ended, and what it was is not signalled.
    expect(JSON.parse((await alone("state", "c")).stdout)).toMatchObject({ status: "stopped", pid: 0 });
    expect((await alone("kill", "c", "KILL")).code).not.toBe(0);
    expect(existsSync(`/proc/${pid}/ns/pid`)).toBe(true);
    writeFileSync(briefOf("c"), text, "latin1");
  });
});
