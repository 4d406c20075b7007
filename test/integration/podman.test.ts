/** podman works with currunt in the place of its OCI runtime: conmon, exec, terminals, cgroups, errors. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { writePeerImage } from "../fixtures/peer-image.ts";
import { Podman, quiet } from "../fixtures/peer-podman.ts";
import type { Output } from "../fixtures/process.ts";
import { run } from "../fixtures/process.ts";

const oldCgroups = existsSync("/sys/fs/cgroup/memory/cgroup.procs");
let podman: Podman;
let image = "";

beforeAll(async () => {
  podman = await Podman.create();
  const { file } = await writePeerImage(podman.directory);
  image = (await podman.ok("load", "--quiet", "--input", file)).replace(/^Loaded image: /, "");
});

afterAll(async () => {
  await podman.run(["rm", "--force", "--all", "--time", "0"]);
  await podman.run(["rmi", "--force", "--all"]);
  await podman[Symbol.asyncDispose]();
});

/** Runs a script in a container of its own in the foreground. */
function sh(script: string, ...flags: string[]): Promise<Output> {
  return podman.run(["run", "--rm", ...quiet, ...flags, image, "sh", "-c", script]);
}

/** Starts a container that sleeps. */
function sleeping(name: string, ...flags: string[]): Promise<string> {
  const script = "trap 'exit 5' TERM; echo started; sleep 1000 & wait";
  return podman.ok("run", "--detach", "--name", name, ...quiet, ...flags, image, "sh", "-c", script);
}

describe("podman runs", () => {
  test("a program in the foreground, with its streams and its exit code", async () => {
    const output = await podman.run(
      ["run", "--rm", "--interactive", ...quiet, image, "sh", "-c", "cat; echo err >&2; exit 7"],
      "through\n",
    );
    expect(output).toEqual({ code: 7, stdout: "through\n", stderr: "err\n" });
  });

  test("a program on a terminal", async () => {
    expect(await podman.terminal(["run", "--rm", "--tty", ...quiet, image, "tty"])).toBe("/dev/pts/0");
  });

  test("with a user, capabilities, a read-only root, limits, a name, a volume", async () => {
    const flags = [
      "--user",
      "5:6",
      "--cap-drop",
      "all",
      "--read-only",
      "--hostname",
      "hh",
      "--pids-limit",
      "50",
    ];
    const script =
      "id -u; id -g; hostname; grep CapBnd /proc/self/status | cut -f2; touch /x 2>&1; cat /v/hostname";
    const { stdout } = await sh(script, ...flags, "--memory", "32m", "--volume", "/etc:/v:ro");
    const host = readFileSync("/etc/hostname", "utf8");
    expect(stdout).toBe(`5\n6\nhh\n0000000000000000\ntouch: /x: Read-only file system\n${host}`);
  });

  test("in namespaces of the host", async () => {
    const { stdout } = await sh(
      "readlink /proc/self/ns/uts; readlink /proc/self/ns/ipc",
      "--uts",
      "host",
      "--ipc",
      "host",
    );
    const own = await run(["readlink", "/proc/self/ns/uts", "/proc/self/ns/ipc"]);
    expect(stdout).toBe(own.stdout);
  });

  test("a program that is missing or not executable: exit codes 127 and 126", async () => {
    const missing = await podman.run(["run", "--rm", ...quiet, image, "no-such-program"]);
    expect(missing).toMatchObject({ code: 127, stderr: expect.stringContaining("not found") });
    const closed = await podman.run(["run", "--rm", ...quiet, image, "/not-executable"]);
    expect(closed).toMatchObject({ code: 126, stderr: expect.stringMatching(/permission denied/i) });
  });
});

describe("podman and a container in the background", () => {
  test("executes further programs in it", async () => {
    await sleeping("executes");
    expect(await podman.ok("exec", "executes", "echo", "inside")).toBe("inside");
    expect(
      await podman.ok(
        "exec",
        "--user",
        "1000:1000",
        "--workdir",
        "/tmp",
        "executes",
        "sh",
        "-c",
        "id -u; pwd",
      ),
    ).toBe("1000\n/tmp");
    const input = await podman.run(["exec", "--interactive", "executes", "cat"], "in\n");
    expect(input.stdout).toBe("in\n");
    expect((await podman.run(["exec", "executes", "sh", "-c", "exit 9"])).code).toBe(9);
    expect((await podman.run(["exec", "executes", "no-such-program"])).code).toBe(127);
  });

  test("shows what it has written", async () => {
    await sleeping("logs");
    await podman.ok("exec", "logs", "true");
    expect(await podman.ok("logs", "logs")).toBe("started");
  });

  test("pauses it and lets it go on", async () => {
    await sleeping("pauses");
    await podman.ok("pause", "pauses");
    expect(await podman.ok("inspect", "--format", "{{.State.Status}}", "pauses")).toBe("paused");
    await podman.ok("unpause", "pauses");
    expect(await podman.ok("inspect", "--format", "{{.State.Status}}", "pauses")).toBe("running");
  });

  test.skipIf(!oldCgroups)("changes its limits", async () => {
    await sleeping("updates", "--memory", "128m");
    await podman.ok("update", "--memory", "64m", "updates");
    const pid = await podman.ok("inspect", "--format", "{{.State.Pid}}", "updates");
    const group = /:memory:(.*)/.exec(readFileSync(`/proc/${pid}/cgroup`, "utf8"))?.[1] ?? "";
    const limit = readFileSync(`/sys/fs/cgroup/memory${group}/memory.limit_in_bytes`, "utf8");
    expect(Number(limit)).toBe(64 * 1024 * 1024);
  });

  test("stops it by its signal, and knows its exit code", async () => {
    await sleeping("stops");
    await podman.ok("exec", "stops", "true");
    await podman.ok("stop", "--time", "10", "stops");
    expect(await podman.ok("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", "stops")).toBe(
      "exited 5",
    );
  });

  test("kills, starts again, waits for and removes it", async () => {
    await sleeping("kills");
    await podman.ok("kill", "kills");
    expect(await podman.ok("wait", "kills")).toBe("137");
    await podman.ok("start", "kills");
    expect(await podman.ok("inspect", "--format", "{{.State.Status}}", "kills")).toBe("running");
    await podman.ok("rm", "--force", "--time", "0", "kills");
    expect((await podman.run(["container", "exists", "kills"])).code).toBe(1);
  });
});
