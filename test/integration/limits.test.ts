/** Limits of the engine's containers, and the OCI commands on them: cgroups are there when they are needed, and gone with them. */
import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { startTimeOf } from "../../src/sys/process.ts";
import { useCurrunt } from "../fixtures/currunt.ts";

const currunt = useCurrunt();

/** The directories of a container's cgroup, in all trees. */
function cgroups(id: string): string[] {
  const root = "/sys/fs/cgroup";
  const places = ["", ...readdirSync(root)].map((tree) => join(root, tree, `currunt-${id}`));
  return places.filter((place) => existsSync(place));
}

/** What a file of the cgroup says, whichever tree has it. */
function setting(id: string, ...names: string[]): string | undefined {
  const files = cgroups(id).flatMap((place) => names.map((name) => join(place, name)));
  const found = files.find((file) => existsSync(file));
  return found === undefined ? undefined : readFileSync(found, "utf8").trim();
}

async function start(...flags: string[]): Promise<string> {
  const { current } = currunt;
  const image = await current.image("busybox:latest");
  return (await current.ok("run", "-detach", ...flags, image, "sleep", "1000")).trim();
}

const memory = ["memory.limit_in_bytes", "memory.max"] as const;

test("run sets limits, start sets them again, update changes them for good", async () => {
  const { current } = currunt;
  const id = await start("-memory", "64m", "-cpus", "0.5", "-pids-limit", "20", "-cpu-shares", "512");
  expect(setting(id, ...memory)).toBe(String(64 << 20));
  expect(setting(id, "pids.max")).toBe("20");
  expect(setting(id, "cpu.cfs_quota_us", "cpu.max")).toMatch(/^50000( 100000)?$/);
  await current.ok("update", "-memory", "32m", id);
  expect(setting(id, ...memory)).toBe(String(32 << 20));
  expect(setting(id, "pids.max")).toBe("20");
  await current.ok("kill", id);
  await current.ok("wait", id);
  expect(cgroups(id)).toEqual([]);
  await current.ok("update", "-pids-limit", "30", id);
  await current.ok("start", id);
  expect(setting(id, ...memory)).toBe(String(32 << 20));
  expect(setting(id, "pids.max")).toBe("30");
  await current.ok("rm", "-force", id);
  expect(cgroups(id)).toEqual([]);
}, 30_000);

test("a container that takes too much memory is killed, others have no cgroup of their own", async () => {
  const { current } = currunt;
  // A line without an end. Nobody else asks for memory meanwhile, and could be killed while that of the first is not free yet.
  const hungry = "tail /dev/zero > /dev/null; exit 7";
  const limited = await current.inside(
    `cat /proc/self/cgroup; ${hungry}`,
    "-memory",
    "16m",
    "-memory-swap",
    "16m",
  );
  expect(limited.stdout).not.toContain("currunt");
  // The kernel chooses tail, which alone has much.
  expect(limited.code).toBe(7);
  expect(limited.stderr).toContain("Killed");
  const id = await start();
  expect(cgroups(id)).toEqual([]);
  await current.ok("rm", "-force", id);
}, 30_000);

test("exec runs under the limits", async () => {
  const { current } = currunt;
  const id = await start("-pids-limit", "3");
  const forks = await current.run(["exec", id, "sh", "-c", "sleep 9 & sleep 9 & sleep 9"]);
  expect(forks).toMatchObject({ code: 2, stderr: expect.stringContaining("can't fork") });
  await current.ok("rm", "-force", id);
}, 30_000);

test("the OCI commands and docker's names for them work on a container that was made without a cgroup", async () => {
  const { current } = currunt;
  const id = await start("-name", "web");
  const state = async () => JSON.parse(await current.ok("state", "web"));
  const { pid } = await state();
  expect(await state()).toMatchObject({ id, status: "running", ociVersion: "1.3.0" });
  await current.ok("exec", "-detach", "web", "sleep", "1000");
  expect(await current.ok("pause", "web")).toBe("web");
  expect(await state()).toMatchObject({ status: "paused", pid });
  expect(await current.ok("ps")).toContain("(Paused)");
  expect((await current.ok("top", "web")).match(/sleep 1000/g)).toHaveLength(2);
  expect((await current.run(["pause", "web"])).stderr).toContain("container not running");
  expect(await current.ok("unpause", "web")).toBe("web");
  expect(await state()).toMatchObject({ status: "running" });
  await current.ok("update", "-pids-limit", "17", "web");
  expect(setting(id, "pids.max")).toBe("17");
  const stats = JSON.parse(await current.ok("events", "-stats", "web"));
  expect(stats).toMatchObject({ type: "stats", id, data: { pids: { current: 2, limit: 17 } } });
  expect(await current.ok("list", "-quiet")).toContain(id);
  expect((await current.run(["delete", "web"])).code).not.toBe(0);
  await current.ok("pause", "web");
  await current.ok("delete", "-force", "web");
  expect(startTimeOf(pid)).toBeUndefined();
  expect(cgroups(id)).toEqual([]);
  expect((await current.run(["state", "web"])).stderr).toContain("does not exist");
}, 30_000);

test.each(["stop", "kill"])(
  "%s ends a paused container",
  async (command) => {
    const { current } = currunt;
    const id = await start();
    await current.ok("pause", id);
    await current.ok(command, ...(command === "stop" ? ["-time", "1"] : []), id);
    await current.ok("wait", id);
    expect(cgroups(id)).toEqual([]);
    expect(JSON.parse(await current.ok("state", id))).toMatchObject({ status: "stopped", pid: 0 });
    await current.ok("rm", id);
  },
  30_000,
);

test("a container whose monitor was killed leaves no cgroup, limited or paused", async () => {
  const { current } = currunt;
  const id = await start("-memory", "64m");
  await current.ok("pause", id);
  for (const { pid, command } of current.processes()) {
    if (command.includes("monitor")) process.kill(pid, "SIGKILL");
  }
  expect(JSON.parse(await current.ok("state", id))).toMatchObject({ status: "stopped" });
  expect(cgroups(id)).toEqual([]);
  await current.ok("rm", id);
}, 30_000);

test("limits that contradict each other, or that the kernel refuses, leave nothing", async () => {
  const { current } = currunt;
  const image = await current.image("busybox:latest");
  const run = (...flags: string[]) => current.run(["run", "-rm", ...flags, image, "true"]);
  expect((await run("-cpus", "1", "-cpu-quota", "5000")).stderr).toContain("-cpus was given, and");
  expect((await run("-cpus", "0")).stderr).toContain("flag -cpus: 0 is not at least 0.01");
  const refused = await run("-cpuset-cpus", "4000");
  expect(refused.code).toBe(125);
  expect(refused.stderr).toContain("cpuset.cpus");
  expect(
    readdirSync("/sys/fs/cgroup").flatMap((tree) => readdirSync(join("/sys/fs/cgroup", tree))),
  ).not.toContainEqual(expect.stringMatching(/^currunt-[0-9a-f]{64}$/));
}, 30_000);
