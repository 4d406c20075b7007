/** A container with a terminal: a pty of its own devpts, controlling, of the right size, at /dev/console too. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Init } from "../../src/runtime/carry-out.ts";
import { startContainer } from "../../src/runtime/create.ts";
import { execInContainer } from "../../src/runtime/exec.ts";
import { writeAll } from "../../src/sys/file.ts";
import { waitForEnd } from "../../src/sys/process.ts";
import { setWindowSize } from "../../src/sys/terminal.ts";
import type { SpecChange } from "../fixtures/bundle.ts";
import { Bundle, defaultProcess, readAll, specWith } from "../fixtures/bundle.ts";

let bundle: Bundle;
beforeAll(async () => {
  bundle = await Bundle.make();
});
afterAll(() => bundle[Symbol.asyncDispose]());

function start(script: string, change: SpecChange = {}): Promise<Init> {
  const process = { terminal: true, args: ["sh", "-c", script], ...change.process };
  const spec = specWith({ ...change, process });
  return startContainer({ id: "test", spec, bundle: bundle.directory, stdio: "inherit", deathSignal: 9 });
}

/** What the terminal shows until the program ends, when the last holder of the other side is gone. */
function screenOf(init: Init): string {
  if (init.terminal === undefined) throw new Error("the container has no terminal");
  const text = readAll(init.terminal);
  waitForEnd(init.pid);
  return text.replaceAll("\r\n", "\n");
}

test("is the controlling terminal, of the spec's size, and named in the container's devpts", async () => {
  using init = await start("tty; stty size; ls -l /proc/self/fd/0 | sed 's/.*-> //'; echo ok >/dev/tty", {
    process: { consoleSize: { height: 33, width: 99 } },
  });
  expect(screenOf(init)).toBe("/dev/pts/0\n33 99\n/dev/pts/0\nok\n");
});

test("is bound on /dev/console", async () => {
  using init = await start("echo there >/dev/console; stat -c %t:%T /dev/console /dev/pts/0");
  expect(screenOf(init)).toMatch(/^there\n(.+)\n\1\n$/);
});

test("belongs to the user", async () => {
  using init = await start("stat -c '%u %g' /dev/pts/0; echo writable >/dev/stdout", {
    process: { user: { uid: 1000, gid: 1000 } },
  });
  expect(screenOf(init)).toBe("1000 5\nwritable\n");
});

test("turns Ctrl-C into a signal and follows a new size", async () => {
  using init = await start("trap 'stty size; exit 9' INT; echo ready; while :; do sleep 1 & wait; done");
  if (init.terminal === undefined) throw new Error("no terminal");
  expect(Buffer.from(await readSome(init)).toString()).toContain("ready");
  setWindowSize(init.terminal, { rows: 40, columns: 120 });
  writeAll(init.terminal, Buffer.from("\x03"));
  expect(screenOf(init)).toContain("40 120");
});

async function readSome(init: Init): Promise<Uint8Array> {
  const { libc } = await import("../../ffi/libc.ts");
  const bytes = new Uint8Array(1024);
  const length = libc.read(init.terminal?.number ?? -1, bytes, bytes.length);
  return bytes.subarray(0, length);
}

test("is there for a further process too, without touching /dev/console", async () => {
  using container = await bundle.sleeping();
  const process = {
    ...defaultProcess,
    terminal: true,
    args: ["sh", "-c", "tty; test -e /dev/console || echo no console"],
  };
  const { pid } = container.init;
  using init = await execInContainer({
    pid,
    spec: container.spec,
    process,
    stdio: "inherit",
    deathSignal: 9,
  });
  expect(screenOf(init)).toBe("/dev/pts/0\nno console\n");
});

test("is refused when the image's /dev/console leads elsewhere", async () => {
  const mounts = specWith().mounts?.filter(({ destination }) => destination !== "/dev") ?? [];
  await Bun.$`rm -rf ${bundle.rootfs}/dev && mkdir -p ${bundle.rootfs}/dev`;
  await Bun.$`ln -s /victim ${bundle.rootfs}/dev/console`;
  writeFileSync(join(bundle.rootfs, "victim"), "untouched");
  await expect(start("true", { mounts })).rejects.toThrow();
  expect(await Bun.file(join(bundle.rootfs, "victim")).text()).toBe("untouched");
});
