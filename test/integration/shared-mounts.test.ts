/** A container in the runtime's own mount namespace: its mounts are there as long as it is, and nothing else changes. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { SpecChange } from "../fixtures/bundle.ts";
import { Oci } from "../fixtures/oci.ts";
import { run } from "../fixtures/process.ts";

let oci: Oci;
beforeAll(async () => {
  oci = await Oci.make();
});
afterAll(() => oci[Symbol.asyncDispose]());

/** Runs a shell script, with `currunt` and `mounts` as commands, whose mounts are not those of the machine. */
async function script(lines: string): Promise<string> {
  const prelude = `set -e
    currunt() { timeout -s KILL 20 "${oci.program}" --root "${oci.root}" "$@"; }
    mounts() { cut -d " " -f 3- /proc/self/mountinfo | sort; }
    mounts > before
  `;
  const command = ["unshare", "-m", "--propagation", "private", "bash", "-c", prelude + lines];
  const { stdout, stderr, code } = await run(command, { cwd: oci.bundle.directory });
  if (code !== 0) throw new Error(`exit code ${code}: ${stderr}${stdout}`);
  return stdout;
}
const unchanged = "mounts | diff before - && echo unchanged\n";
const namespaces = [{ type: "pid" }, { type: "ipc" }] as const;
const configure = (change: SpecChange) =>
  oci.configure({ ...change, linux: { namespaces, maskedPaths: [], readonlyPaths: [] } });

test("runs in its root, in the host's mount namespace, with its mounts, and leaves none", async () => {
  const inside = "readlink /proc/self/ns/mnt; ls -d /dev/null /proc/1/status /boot; ls /dev/pts";
  configure({ process: { args: ["sh", "-c", inside] } });
  const output = await script(`readlink /proc/self/ns/mnt\ncurrunt run one || true\n${unchanged}`);
  const [own, ...rest] = output.trim().split("\n");
  expect(rest).toEqual([own ?? "", "/dev/null", "/proc/1/status", "ptmx", "unchanged"]);
});

test("is executed in, and deleted when it was killed, with all that it had mounted", async () => {
  configure({ process: { args: ["sleep", "1000"] } });
  const output = await script(`
    currunt create two </dev/null >/dev/null 2>&1
    mounts | grep -c "/@two"
    currunt start two
    currunt exec two sh -c "ls /proc/1/status; test -e /boot || echo own"
    currunt delete --force two
    ${unchanged}`);
  const [count, ...rest] = output.trim().split("\n");
  expect(Number(count)).toBeGreaterThan(3);
  expect(rest).toEqual(["/proc/1/status", "own", "unchanged"]);
  expect(existsSync(join(oci.root, "@two"))).toBe(false);
  expect(existsSync(join(oci.bundle.rootfs, "bin/sh"))).toBe(true);
});

test("leaves no mount when it cannot be made, and takes nothing of the host's away", async () => {
  const source = join(oci.bundle.directory, "source");
  mkdirSync(source);
  writeFileSync(join(source, "file"), "");
  const mounts = [
    { destination: "/proc", type: "proc", source: "proc" },
    { destination: "/dev", type: "bind", source, options: ["bind"] },
  ];
  configure({ mounts, process: { args: ["/nonexistent"] } });
  const output = await script(`currunt run --no-pivot three 2>&1 && exit 1\n${unchanged}`);
  expect(output).toContain("no such file or directory");
  expect(output).toContain("unchanged");
  expect(existsSync(join(source, "file"))).toBe(true);
});
