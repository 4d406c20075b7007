/** containerd and its shim work with currunt as their runtime binary, as with runc beside it. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writePeerImage } from "../fixtures/peer-image.ts";
import type { Output } from "../fixtures/process.ts";
import { run } from "../fixtures/process.ts";

const currunt = new URL("../../dist/currunt", import.meta.url).pathname;
const image = "docker.io/test/busybox:image";
let directory = "";
let daemon: Bun.Subprocess | undefined;

beforeAll(async () => {
  // A socket's path is short.
  directory = await mkdtemp(join(tmpdir(), "currunt-ctr-"));
  await writeFile(join(directory, "config.toml"), configuration());
  daemon = Bun.spawn(["containerd", "--config", join(directory, "config.toml")], {
    stdin: "ignore",
    stdout: Bun.file(join(directory, "log")),
    stderr: Bun.file(join(directory, "log")),
  });
  await listening();
  const { file } = await writePeerImage(directory);
  await must("images", "import", "--base-name", "docker.io/test/busybox", file);
});

afterAll(async () => {
  daemon?.kill();
  await daemon?.exited;
  await rm(directory, { recursive: true, force: true });
});

/** Everything below our directory, and nothing that needs more than containers. */
function configuration(): string {
  const disabled = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"];
  const lines = [
    "version = 2",
    `root = "${directory}/root"`,
    `state = "${directory}/state"`,
    `disabled_plugins = ${JSON.stringify(disabled)}`,
    "[grpc]",
    `address = "${directory}/socket"`,
    "[debug]",
    'address = ""',
  ];
  return `${lines.join("\n")}\n`;
}

async function listening(): Promise<void> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    if (existsSync(join(directory, "socket")) && (await ctr(["version"])).code === 0) return;
    if (performance.now() > deadline || daemon?.exitCode !== null) {
      throw new Error(`containerd does not answer: ${await Bun.file(join(directory, "log")).text()}`);
    }
    await Bun.sleep(50);
  }
}

function ctr(args: readonly string[]): Promise<Output> {
  return run(["timeout", "-s", "KILL", "30", "ctr", "--address", join(directory, "socket"), ...args]);
}

/** Must succeed; gives its standard output. */
async function must(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await ctr(args);
  if (code !== 0) throw new Error(`ctr ${args.join(" ")}: exit code ${code}: ${stderr}${stdout}`);
  return stdout.trim();
}

/** What `ctr task ls` says of a task; undefined: there is none. */
async function statusOf(id: string): Promise<string | undefined> {
  return new RegExp(`^${id}\\s+\\d+\\s+(\\w+)`, "m").exec(await must("tasks", "list"))?.[1];
}

/** The shim learns of an end by a signal, and containerd from the shim. */
async function stopped(id: string): Promise<void> {
  const deadline = performance.now() + 10_000;
  while ((await statusOf(id)) !== "STOPPED") {
    if (performance.now() > deadline) throw new Error(`task ${id} goes on`);
    await Bun.sleep(20);
  }
}

describe.each([
  ["currunt", currunt],
  ["runc", "runc"],
])("containerd with %s", (name, binary) => {
  const flags = ["--runtime", "io.containerd.runc.v2", "--runc-binary", binary];

  test("runs a program in the foreground and tells its exit code", async () => {
    const id = `${name}-foreground`;
    const { code, stdout } = await ctr(["run", "--rm", ...flags, image, id, "sh", "-c", "echo out; exit 7"]);
    expect({ code, stdout }).toEqual({ code: 7, stdout: "out\n" });
    expect(await must("containers", "list", "--quiet")).not.toContain(id);
  });

  test("runs a program on a terminal", async () => {
    const socket = join(directory, "socket");
    const words = ["ctr", "--address", socket, "run", "--rm", "--tty", ...flags, image, `${name}-tty`, "tty"];
    const { stdout } = await run(["timeout", "30", "script", "-qec", words.join(" "), "/dev/null"]);
    // The end of its own input reaches the terminal first.
    expect(stdout).toContain("/dev/pts/0");
  });

  test("executes in, pauses, resumes, measures, kills and deletes a task", async () => {
    const id = `${name}-task`;
    await must("run", "--detach", ...flags, image, id, "sleep", "1000");
    expect(await statusOf(id)).toBe("RUNNING");
    // Not by what it writes: ctr loses that now and then, whatever the runtime is.
    await must("tasks", "exec", "--exec-id", "one", id, "touch", "/inside");
    const script = "test -e /inside && exit 9";
    expect((await ctr(["tasks", "exec", "--exec-id", "two", id, "sh", "-c", script])).code).toBe(9);
    await must("tasks", "pause", id);
    expect(await statusOf(id)).toBe("PAUSED");
    await must("tasks", "resume", id);
    expect(await statusOf(id)).toBe("RUNNING");
    expect(await must("tasks", "metrics", id)).toMatch(
      /memory\.usage_in_bytes\s+[1-9]|memory\.usage\s+[1-9]/,
    );
    expect(await must("tasks", "ps", id)).toMatch(/^\d+\s/m);
    await must("tasks", "kill", "--signal", "SIGKILL", id);
    await stopped(id);
    await ctr(["tasks", "delete", id]);
    await must("containers", "delete", id);
    expect(await must("tasks", "list", "--quiet")).not.toContain(id);
  });

  test("reports a program that is missing", async () => {
    const id = `${name}-missing`;
    const { code, stderr } = await ctr(["run", "--rm", ...flags, image, id, "no-such-program"]);
    expect(code).not.toBe(0);
    expect(stderr).toContain("executable file not found");
  });
});
