/** Faults: clients and monitors that are killed, a full disk. The next command opens the store, cleans it and tells the truth. */
import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { Currunt } from "../fixtures/currunt.ts";
import { run } from "../fixtures/process.ts";
import { debianImage } from "../fixtures/shared-registry.ts";

/** Kills every process of `currunt` at once, as a power cut would; resolves when they are gone. */
async function killAll(currunt: Currunt): Promise<void> {
  for (;;) {
    const processes = currunt.processes();
    if (processes.length === 0) return;
    for (const { pid } of processes) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // Gone already.
      }
    }
    await Bun.sleep(5);
  }
}

/** The store opens, has what was acknowledged, works, and has no leftovers. */
async function expectSound(currunt: Currunt): Promise<void> {
  const listed = await currunt.ok("ps", "-all", "-quiet");
  if (listed !== "") await currunt.ok("rm", "-force", ...listed.split("\n"));
  using database = new Database(join(currunt.data, "index.db"), { readonly: true });
  expect(database.query("pragma integrity_check").values()).toEqual([["ok"]]);
  const { stdout, stderr, code } = await currunt.inside("echo works");
  expect({ stdout, stderr, code }).toEqual({ stdout: "works\n", stderr: "", code: 0 });
  expect(await currunt.leftovers()).toEqual([]);
}

/** Moments that cover `span` milliseconds, in no order that a timer could line up with. */
function moments(count: number, span: number): number[] {
  return Array.from({ length: count }, (_, index) => (((index * 0.618_034) % 1) * span) | 0);
}

describe("kill -9", () => {
  test("of a pull at any moment leaves a store that the next pull completes", async () => {
    await using currunt = await Currunt.create();
    const image = await currunt.image("layers:latest");
    for (const moment of moments(16, 160)) {
      const client = currunt.spawn(["pull", "-quiet", image]);
      await Bun.sleep(moment);
      client.kill("SIGKILL");
      await client.exited;
    }
    await currunt.ok("pull", "-quiet", image);
    expect(readdirSync(join(currunt.data, "staging"))).toEqual([]);
    expect(readdirSync(join(currunt.data, "layers"))).toHaveLength(4);
    await expectSound(currunt);
  }, 120_000);

  test("of a large pull in the middle leaves no half layer", async () => {
    await using currunt = await Currunt.create();
    const image = await debianImage();
    for (const moment of [150, 400, 700]) {
      const client = currunt.spawn(["pull", "-quiet", image]);
      await Bun.sleep(moment);
      client.kill("SIGKILL");
      await client.exited;
    }
    await currunt.pull();
    expect(readdirSync(join(currunt.data, "staging"))).toEqual([]);
    await currunt.ok("pull", "-quiet", image);
    const { code } = await currunt.run([
      "run",
      "-rm",
      "-network",
      "none",
      image,
      "python3",
      "-c",
      "print(1)",
    ]);
    expect(code).toBe(0);
    await expectSound(currunt);
  }, 120_000);

  test("of the client at any moment of a start leaves the container running or nothing", async () => {
    await using currunt = await Currunt.create();
    const image = await currunt.pull();
    for (const moment of moments(20, 60)) {
      const client = currunt.spawn([
        "run",
        "-attach",
        "-network",
        "none",
        "-image",
        image,
        "-cmd",
        "sleep 1000",
      ]);
      await Bun.sleep(moment);
      client.kill("SIGKILL");
      await client.exited;
    }
    const listed = JSON.parse(await currunt.ok("ps", "-format", "json"));
    for (const container of listed)
      await currunt.ok("exec", container.id ?? container.ID ?? container.Id, "true");
    await expectSound(currunt);
  }, 120_000);

  test("of the monitor is reported truly, ends the container and can be removed", async () => {
    await using currunt = await Currunt.create();
    await currunt.pull();
    const id = await currunt.detached(["sleep", "1000"], "-name", "orphan");
    const monitor = currunt.processes().find(({ command }) => command.includes("monitor"));
    expect(monitor).toBeDefined();
    if (monitor !== undefined) process.kill(monitor.pid, "SIGKILL");
    while (currunt.processes().length > 0) await Bun.sleep(5);
    expect(await currunt.ok("ps", "-quiet")).toBe("");
    const state = JSON.stringify(await currunt.inspect("orphan"));
    expect(state).toContain("exited");
    expect(await currunt.ok("wait", id)).toBe("137");
    await currunt.ok("start", "orphan");
    await currunt.ok("exec", "orphan", "true");
    await currunt.ok("rm", "-force", "orphan");
    await expectSound(currunt);
  });

  test("of the monitor ends a set-uid program too, which the kernel's death signal spares", async () => {
    await using currunt = await Currunt.create();
    await currunt.pull();
    const program = join(currunt.work, "busybox");
    await Bun.$`cp /bin/busybox ${program} && chmod 4755 ${program}`;
    const flags = ["-user", "1000", "-volume", `${program}:/suid/sleep:ro`, "-name", "orphan"];
    await currunt.detached(["/suid/sleep", "1000"], ...flags);
    const monitor = currunt.processes().find(({ command }) => command.includes("monitor"));
    if (monitor === undefined) throw new Error("there is no monitor");
    process.kill(monitor.pid, "SIGKILL");
    while (currunt.processes().some(({ pid }) => pid === monitor.pid)) await Bun.sleep(5);
    expect(currunt.processes()).not.toEqual([]);
    expect(await currunt.ok("ps", "-quiet")).toBe("");
    expect(currunt.processes()).toEqual([]);
    expect(await currunt.ok("wait", "orphan")).toBe("137");
    await currunt.ok("rm", "orphan");
    await rm(program);
    await expectSound(currunt);
  });

  test("of everything at any moment of a start and a stop", async () => {
    await using currunt = await Currunt.create();
    const image = await currunt.pull();
    for (const moment of moments(20, 120)) {
      currunt.spawn(["run", "-network", "none", "-image", image, "-cmd", "sleep 1000"]);
      await Bun.sleep(moment);
      const [id] = (await currunt.run(["ps", "-quiet"])).stdout.split("\n");
      if (id !== undefined && id !== "" && moment % 2 === 0) currunt.spawn(["stop", "-time", "1", id]);
      await killAll(currunt);
    }
    expect(await currunt.ok("ps", "-quiet")).toBe("");
    await expectSound(currunt);
  }, 120_000);

  test("of a run with -rm leaves nothing after the next command", async () => {
    await using currunt = await Currunt.create();
    const image = await currunt.pull("settings:latest");
    await currunt.pull();
    currunt.spawn(["run", "-rm", "-network", "none", "-tmpfs", "/t", "-volume", "/extra", image]);
    while (!currunt.processes().some(({ command }) => command.includes("/entry"))) await Bun.sleep(5);
    await killAll(currunt);
    await currunt.ok("ps");
    expect(await currunt.ok("ps", "-all", "-quiet")).toBe("");
    expect(readdirSync(join(currunt.data, "volumes"))).toEqual([]);
    await expectSound(currunt);
  });
});

/** Runs a script, $0 being the program, where what it mounts never shows outside. */
function runWithOwnMounts(currunt: Currunt, script: string, args: string[]) {
  const shell = ["unshare", "-m", "--propagation", "private", "bash", "-c", script];
  return run([...shell, currunt.program, ...args], { env: currunt.env, cwd: currunt.work });
}

describe("a full disk", () => {
  test("during a pull is said, and leaves the store as it was", async () => {
    await using currunt = await Currunt.create();
    const image = await debianImage();
    const small = await currunt.image();
    // In a mount namespace of its own: the small file system never shows outside.
    const script = `
      mkdir -p "$CURRUNT_DATA_ROOT" && mount -t tmpfs -o size=40m none "$CURRUNT_DATA_ROOT" || exit 99
      "$0" pull -quiet "$1"; [ $? = 125 ] || exit 98
      "$0" images -quiet | grep -q . && exit 97
      ls -A "$CURRUNT_DATA_ROOT/staging" | grep -q . && exit 96
      "$0" run -rm -quiet -network none "$2" echo still works || exit 95`;
    const { code, stdout, stderr } = await runWithOwnMounts(currunt, script, [image, small]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "still works\n" });
    expect(stderr).toMatch(/ENOSPC|no space/i);
    expect(existsSync(join(currunt.data, "index.db"))).toBe(false);
  }, 60_000);

  test("in a container is the container's matter", async () => {
    await using currunt = await Currunt.create();
    const image = await currunt.image();
    const script = `
      mkdir -p "$CURRUNT_DATA_ROOT" && mount -t tmpfs -o size=40m none "$CURRUNT_DATA_ROOT" || exit 99
      "$0" run -rm -quiet -network none "$1" sh -c 'dd if=/dev/zero of=/fill bs=1M 2>/dev/null; echo code $?'
      "$0" ps -aq | grep -q . && exit 97
      "$0" run -name full -quiet -network none "$1" sh -c 'dd if=/dev/zero of=/fill bs=1M 2>/dev/null; echo code $?'
      "$0" ps -aq | grep -q . || exit 96
      "$0" rm -force full >/dev/null || exit 94
      "$0" run -rm -quiet -network none "$1" echo still works || exit 95`;
    const { code, stdout, stderr } = await runWithOwnMounts(currunt, script, [image]);
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: "code 1\ncode 1\nstill works\n",
      stderr: "",
    });
  }, 60_000);
});

test("a container of -rm that cannot be removed is told of by every command, and stops none", async () => {
  await using currunt = await Currunt.create();
  await currunt.pull();
  const { stdout: id } = await currunt.inside("touch /stuck; read go", "-interactive", "-detach", "-rm");
  const stuck = join(currunt.data, "containers", id.trim(), "upper/stuck");
  while (!existsSync(stuck)) await Bun.sleep(5);
  await run(["chattr", "+i", stuck]);
  await currunt.ok("kill", id.trim());
  const warning = `warning: clean up after container "${id.slice(0, 12)}": unlinkat "stuck": EPERM`;
  while (currunt.processes().length > 0) await Bun.sleep(5);
  const listed = await currunt.run(["ps", "-all", "-quiet"]);
  expect(listed).toMatchObject({ code: 0, stdout: "", stderr: expect.stringContaining(warning) });
  expect(await currunt.inside("echo works")).toMatchObject({ code: 0, stdout: "works\n" });
  await run(["chattr", "-i", stuck]);
  expect(await currunt.run(["ps", "-all", "-quiet"])).toMatchObject({ code: 0, stdout: "", stderr: "" });
  expect(existsSync(join(currunt.data, "containers", id.trim()))).toBe(false);
}, 30_000);
