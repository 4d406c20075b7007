/** The monitor: small and asleep when nothing happens, bounded and lossless when a client does not read, gone with its container. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdirSync, readFileSync, symlinkSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { Currunt } from "../fixtures/currunt.ts";
import { writeBusybox } from "../fixtures/tree.ts";

let currunt: Currunt;
let rootfs: string;

beforeAll(async () => {
  currunt = await Currunt.create();
  rootfs = join(currunt.directory, "rootfs");
  await mkdir(rootfs);
  await writeBusybox(rootfs);
});
afterAll(() => currunt[Symbol.asyncDispose]());

/** A detached container of `script`, and its monitor. */
async function start(script: string, ...flags: string[]): Promise<{ id: string; monitor: number }> {
  const root = ["-network", "none", "-rootfs", rootfs];
  const id = await currunt.ok("run", "-detach", ...flags, ...root, "sh", "-c", script);
  const { state } = await currunt.inspect(id);
  const status = readFileSync(`/proc/${state.pid}/status`, "utf8");
  return { id, monitor: Number(/^PPid:\s+(\d+)/m.exec(status)?.[1]) };
}

function privateKilobytes(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  return [...rollup.matchAll(/^Private_\w+:\s+(\d+) kB/gm)].reduce((sum, [, size]) => sum + Number(size), 0);
}

/** How often the process's threads have been put on a processor, all together. */
function timesScheduled(pid: number): number {
  return readdirSync(`/proc/${pid}/task`)
    .map((thread) => readFileSync(`/proc/${pid}/task/${thread}/status`, "utf8"))
    .flatMap((status) => [...status.matchAll(/ctxt_switches:\s+(\d+)/g)])
    .reduce((sum, [, count]) => sum + Number(count), 0);
}

test("sleeps and holds less than 150 KB when the container is idle, with and without a terminal", async () => {
  const idle = [await start("sleep 1000"), await start("sleep 1000", "-interactive", "-tty")];
  await Bun.sleep(500);
  const before = idle.map(({ monitor }) => timesScheduled(monitor));
  await Bun.sleep(3000);
  expect(idle.map(({ monitor }) => timesScheduled(monitor))).toEqual(before);
  for (const { monitor } of idle) expect(privateKilobytes(monitor)).toBeLessThan(150);
  await currunt.ok("rm", "-force", ...idle.map(({ id }) => id));
}, 30_000);

test("a client that is stopped stops the output, bounded, and gets all of it when it goes on", async () => {
  const bytes = 20_000_000;
  const { id, monitor } = await start(`read go; head -c ${bytes} /dev/zero; echo end`, "-interactive");
  const client = currunt.spawn(["attach", id]);
  client.stdin.write("go\n");
  await client.stdin.flush();
  const reader = client.stdout.getReader();
  let received = (await reader.read()).value?.length ?? 0;
  client.kill("SIGSTOP");
  await Bun.sleep(300);
  expect(privateKilobytes(monitor)).toBeLessThan(512);
  const { state } = await currunt.inspect(id);
  expect(state.status).toBe("running");
  client.kill("SIGCONT");
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    received += value.length;
  }
  expect(received).toBe(bytes + "end\n".length);
  expect(await client.exited).toBe(0);
  await currunt.ok("rm", id);
}, 30_000);

test("a stopped client that is killed sets the program free", async () => {
  const { id } = await start("read go; seq 1 300000; exit 4", "-interactive");
  const client = currunt.spawn(["attach", id]);
  client.stdin.write("go\n");
  await client.stdin.flush();
  await client.stdout.getReader().read();
  client.kill("SIGSTOP");
  await Bun.sleep(200);
  client.kill("SIGKILL");
  expect(await currunt.ok("wait", id)).toBe("4");
  expect((await currunt.ok("logs", "-tail", "1", id)).trim()).toBe("300000");
  await currunt.ok("rm", id);
}, 30_000);

test("input reaches a program that reads slowly, all of it", async () => {
  const bytes = 5_000_000;
  const client = currunt.spawn([
    "run",
    "-rm",
    "-interactive",
    "-network",
    "none",
    "-rootfs",
    rootfs,
    "sh",
    "-c",
    "sleep 0.5; wc -c",
  ]);
  client.stdin.write(Buffer.alloc(bytes, "x"));
  await client.stdin.end();
  expect((await client.stdout.text()).trim()).toBe(String(bytes));
  expect(await client.exited).toBe(0);
}, 30_000);

test("a hang-up of the client leaves the container running", async () => {
  const client = currunt.spawn([
    "run",
    "-attach",
    "-name",
    "hung",
    "-network",
    "none",
    "-rootfs",
    rootfs,
    "sh",
    "-c",
    "echo up; sleep 1000",
  ]);
  await client.stdout.getReader().read();
  client.kill("SIGHUP");
  expect(await client.exited).toBe(129);
  expect((await currunt.inspect("hung")).state.status).toBe("running");
  await currunt.ok("rm", "-force", "hung");
}, 30_000);

test("signals for the client go to the program; the third request to end makes the client leave", async () => {
  const trap = "trap 'echo got' TERM; echo up; while :; do sleep 0.05; done";
  const client = currunt.spawn([
    "run",
    "-attach",
    "-name",
    "deaf",
    "-network",
    "none",
    "-rootfs",
    rootfs,
    "sh",
    "-c",
    trap,
  ]);
  const reader = client.stdout.getReader();
  const next = async () => Buffer.from((await reader.read()).value ?? []).toString();
  expect(await next()).toBe("up\n");
  for (let request = 0; request < 2; request++) {
    client.kill("SIGTERM");
    expect(await next()).toBe("got\n");
  }
  client.kill("SIGTERM");
  expect(await client.exited).toBe(143);
  expect((await currunt.inspect("deaf")).state.status).toBe("running");
  await currunt.ok("rm", "-force", "deaf");
}, 30_000);

test("a container that ends while nobody is there is recorded by the monitor alone", async () => {
  const { id } = await start("sleep 0.3; exit 7");
  expect(await currunt.ok("wait", id)).toBe("7");
  const gone = await start("sleep 0.3", "-rm");
  await currunt.run(["wait", gone.id]);
  expect((await currunt.run(["inspect", gone.id])).code).not.toBe(0);
  await currunt.ok("rm", id);
}, 30_000);

test("removes a detached container of -rm at its end, also where the data root is behind a link", async () => {
  await mkdir(join(currunt.directory, "behind"));
  symlinkSync("behind", join(currunt.directory, "link"));
  const env = { CURRUNT_DATA_ROOT: join(currunt.directory, "link/data") };
  const flags = ["-detach", "-rm", "-network", "none", "-rootfs", rootfs];
  const started = await currunt.run(["run", ...flags, "cat", "/no/such/file"], { env });
  expect(started).toMatchObject({ code: 0 });
  expect(await currunt.remaining()).toEqual([]);
  expect(readdirSync(join(currunt.directory, "behind/data/containers"))).toEqual([]);
});
