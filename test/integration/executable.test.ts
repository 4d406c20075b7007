/** The executable that root runs: it is itself whatever the environment and the directory say, and needs little of the host. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import manifest from "../../package.json" with { type: "json" };
import { Oci } from "../fixtures/oci.ts";
import { mustRun } from "../fixtures/process.ts";

const dist = join(import.meta.dir, "../../dist");
const executable = join(dist, "currunt");

/** A directory as an attacker would lay it out: everything in it runs `evil.js`. */
const trap = mkdtempSync(join(tmpdir(), "currunt-executable-"));
const mark = join(trap, "mark");
beforeAll(() => {
  writeFileSync(join(trap, "evil.js"), `require("node:fs").writeFileSync(${JSON.stringify(mark)}, "ran");`);
  writeFileSync(join(trap, "bunfig.toml"), 'preload = ["./evil.js"]\n');
  writeFileSync(join(trap, ".env"), "BUN_OPTIONS=--preload=./evil.js\nCURRUNT_DATA_ROOT=relative\n");
  writeFileSync(join(trap, "package.json"), '{"name":"trap","imports":{"#x":"./evil.js"}}');
});
afterAll(() => rmSync(trap, { recursive: true }));

describe("the executable stays itself", () => {
  test.each([
    ["in a directory with .env, bunfig.toml and package.json", {}],
    ["with BUN_BE_BUN", { BUN_BE_BUN: "1" }],
    ["with BUN_OPTIONS", { BUN_OPTIONS: "--preload ./evil.js" }],
    ["with BUN_INSPECT_PRELOAD", { BUN_INSPECT_PRELOAD: "./evil.js" }],
    ["with BUN_INSPECT", { BUN_INSPECT: `unix://${trap}/inspect.sock` }],
    ["with BUN_JSC_ options", { BUN_JSC_dumpOptions: "2" }],
    ["with NODE_OPTIONS", { NODE_OPTIONS: "--require ./evil.js" }],
  ])("%s", async (_, env) => {
    const output = await mustRun([executable, "--version"], {
      cwd: trap,
      env: { PATH: process.env["PATH"], ...env },
    });
    expect(output.split("\n")[0]).toBe(`currunt version ${manifest.version}`);
    expect(statSync(mark, { throwIfNoEntry: false })).toBeUndefined();
    expect(statSync(join(trap, "inspect.sock"), { throwIfNoEntry: false })).toBeUndefined();
  });

  test("and carries the commit that it was built from", async () => {
    expect(await mustRun([executable, "--version"])).toMatch(/^commit: ([0-9a-f]{12}\+?|unknown)$/m);
  });
});

test("the executable needs the C library's own files only, of 2.17 or newer", async () => {
  const needed = [...(await mustRun(["readelf", "-d", executable])).matchAll(/\(NEEDED\).*\[(.+)\]/g)].map(
    ([, name]) => name,
  );
  expect(
    needed.filter((name) => !/^(libc|libm|libdl|libpthread)\.so\.\d+$|^ld-linux/.test(name ?? "")),
  ).toEqual([]);
  const versions = [...(await mustRun(["readelf", "-V", executable])).matchAll(/GLIBC_2\.(\d+)/g)].map(
    ([, minor]) => Number(minor),
  );
  expect(Math.max(...versions)).toBeLessThanOrEqual(17);
});

test("a container has the caller's limit of open files, which Bun raises for itself", async () => {
  const script = `ulimit -Sn 600; ulimit -Hn 1500; "$0" run -rootfs / -- sh -c 'ulimit -Sn; ulimit -Hn; env'`;
  const output = await mustRun(["bash", "-c", script, executable], {
    env: { PATH: process.env["PATH"], CURRUNT_NOFILE: "1:1" },
  });
  expect(output).toStartWith("600\n1500\n");
  expect(output).not.toContain("CURRUNT_");
});

// The memory of a start is a tenth of its time where page faults are dear.
test.skipIf(!existsSync("/sys/kernel/mm/transparent_hugepage"))(
  "the engine asks for large pages for its allocator and for its objects",
  async () => {
    await using oci = await Oci.make();
    const copy = join(oci.bundle.directory, "smaps");
    // What waits for this hook is below the runtime, whose engine runs.
    const script = `pid=$$; until [ "$(readlink /proc/$pid/exe)" = ${executable} ]; do
      pid=$(sed -n 's/^PPid:\t//p' /proc/$pid/status); done; cat /proc/$pid/smaps > ${copy}`;
    await oci.create("c", { hooks: { createRuntime: [{ path: "/bin/sh", args: ["sh", "-c", script] }] } });
    await oci.ok("delete", "--force", "c");
    // man 5 proc_pid_smaps: a range's first line, and its last, in which "hg" is the advice.
    const lines = readFileSync(copy, "utf8").matchAll(/^([0-9a-f]+)-([0-9a-f]+) |^VmFlags:.* hg/gm);
    const sizes: number[] = [];
    let size = 0;
    for (const [, start, end] of lines) {
      if (start === undefined) sizes.push(size);
      else size = (Number.parseInt(end ?? "", 16) - Number.parseInt(start, 16)) / 2 ** 30;
    }
    expect(sizes.filter((gigabytes) => gigabytes >= 1)).toEqual([1, 4]);
  },
);

test("the shim is static and small", async () => {
  const shim = join(dist, "shim");
  expect(await mustRun(["readelf", "-l", shim])).not.toContain("INTERP");
  expect(statSync(shim).size).toBeLessThan(32 * 1024);
});
