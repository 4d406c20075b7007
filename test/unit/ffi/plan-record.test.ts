/** The plan's records: the same layout and numbers as in C, and texts that stay inside. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chargeConstants, chargeFlags, chargeHeader, packCharge } from "../../../ffi/charge.ts";
import type { Step } from "../../../ffi/plan.ts";
import {
  messageHeader,
  messageTypes,
  operations,
  pack,
  planConstants,
  planHeader,
  unpackMessage,
} from "../../../ffi/plan-record.ts";
import { describe } from "../../../ffi/plan-text.ts";
import { stepFlags, stepHeader } from "../../../ffi/record-writer.ts";

const shim = join(import.meta.dir, "../../../ffi/shim");
const scratch = mkdtempSync(join(tmpdir(), "currunt-plan-"));
afterAll(() => rmSync(scratch, { recursive: true }));

/** "noNewPrivileges" as OP_NO_NEW_PRIVILEGES. */
const constantOf = (operation: string) =>
  `OP_${operation.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;

test("the records have the layout and the numbers of plan.h and charge.h", () => {
  const expected: Record<string, number> = { ...planConstants, ...chargeConstants };
  for (const [name, value] of Object.entries(chargeFlags)) expected[`CHARGE_${name}`] = value;
  for (const [name, value] of Object.entries(stepFlags)) expected[`STEP_${name}`] = value;
  for (const [name, value] of Object.entries(messageTypes)) expected[`MESSAGE_${name}`] = value;
  for (const [name, value] of Object.entries(operations)) expected[constantOf(name)] = value;
  expected["OP_COUNT"] = Object.keys(operations).length + 1;
  for (const { name, size, offsets } of [planHeader, stepHeader, messageHeader, chargeHeader]) {
    expected[`sizeof(struct ${name})`] = size;
    for (const [field, offset] of Object.entries(offsets)) {
      const member = field.replace(/(\d)$/, "[$1]");
      expected[`__builtin_offsetof(struct ${name}, ${member})`] = offset;
    }
  }
  const checks = Object.entries(expected).map(
    ([name, value]) => `_Static_assert((long)(${name}) == ${value}, "${name} is not ${value}");`,
  );
  const source = join(scratch, "layout.c");
  writeFileSync(source, `#include "plan.h"\n#include "charge.h"\n${checks.join("\n")}\n`);
  const cc = Bun.spawnSync(["cc", "-fsyntax-only", "-I", shim, source], { stderr: "pipe" });
  expect(cc.stderr.toString()).toBe("");
});

/** `#define NAME value` of a header, as the preprocessor sees them on this machine. */
function definesOf(header: string): Map<string, string> {
  const own = readFileSync(header, "utf8");
  const { stdout } = Bun.spawnSync(["cc", "-E", "-dM", header]);
  const all = [...stdout.toString().matchAll(/^#define (\w+) (.+)$/gm)];
  return new Map(
    all.flatMap(([, name = "", value = ""]) => (own.includes(`#define ${name} `) ? [[name, value]] : [])),
  );
}

test("the shim's constants and system call numbers are the kernel's", () => {
  const headers = [
    ...["errno", "fcntl", "sched", "signal", "sys/mman", "sys/socket", "sys/stat", "sys/ioctl", "net/if"],
    ...["mount", "openat2", "seccomp", "magic", "prctl", "keyctl", "close_range", "sched", "stat"].map(
      (name) => `linux/${name}`,
    ),
    "asm/unistd",
  ];
  const constants = [...definesOf(join(shim, "types.h"))].filter(([name]) => name !== "NULL");
  const calls = readFileSync(join(shim, "syscall.h"), "utf8").matchAll(
    /^#define sys_(\w+)\(.*SYSCALL\((NR\(\d+, \d+\)|\d+),/gm,
  );
  const numbers = [...calls].map(([, name = "", number = ""]) => [`__NR_${name}`, number]);
  expect(constants.length).toBeGreaterThan(90);
  expect(numbers.length).toBeGreaterThan(50);
  const checks = [...constants, ...numbers].map(
    ([name, value]) =>
      `#ifdef ${name}\n_Static_assert((long)(${name}) == (long)(${value}), "${name}");\n#endif`,
  );
  const source = join(scratch, "kernel.c");
  const includes = headers.map((header) => `#include <${header}.h>`);
  const nr = "#ifdef __aarch64__\n#define NR(a, b) b\n#else\n#define NR(a, b) a\n#endif";
  writeFileSync(source, ["#define _GNU_SOURCE", ...includes, nr, ...checks].join("\n"));
  const cc = Bun.spawnSync(["cc", "-fsyntax-only", source], { stderr: "pipe" });
  expect(cc.stderr.toString()).toBe("");
});

test("the system call numbers for arm64 are those of the generic table", () => {
  const calls = readFileSync(join(shim, "syscall.h"), "utf8").matchAll(
    /^#define sys_(\w+)\(.*SYSCALL\(NR\(\d+, (\d+)\),/gm,
  );
  const checks = [...calls].map(
    ([, name = "", number = ""]) =>
      `#ifdef __NR_${name}\n_Static_assert(__NR_${name} == ${number}, "${name}");\n#else\n#error ${name}\n#endif`,
  );
  expect(checks.length).toBeGreaterThan(40);
  const source = join(scratch, "generic.c");
  writeFileSync(
    source,
    ["#define __BITS_PER_LONG 64", "#include <asm-generic/unistd.h>", ...checks].join("\n"),
  );
  const cc = Bun.spawnSync(["cc", "-fsyntax-only", source], { stderr: "pipe" });
  expect(cc.stderr.toString()).toBe("");
});

test("packCharge() puts a NUL behind each text, and takes no more than a monitor has room for", () => {
  const packet = packCharge(["INPUT", "REMOVE"], ["/a", "/b", "é"]);
  expect(chargeHeader.unpack(packet)).toMatchObject({ flags: 10, size: 9 });
  expect(Buffer.from(packet.subarray(chargeHeader.size)).toString()).toBe("/a\0/b\0é\0");
  expect(() => packCharge([], ["x".repeat(40_000)])).toThrow("too long");
  expect(() => packCharge([], ["a\0b"])).toThrow("NUL");
});

test("pack() puts every text into its record, with a NUL behind the last", () => {
  const steps: Step[] = [
    { op: "exec", paths: ["/bin/a", "/usr/bin/a"], args: ["a", ""], env: [] },
    { op: "filesystem", slot: 3, type: "tmpfs", options: [["size", "1m"], ["lazytime"]], attributes: ["ro"] },
  ];
  const { header, records } = pack(steps, { more: false });
  expect(planHeader.unpack(header)).toMatchObject({ size: records.length, steps: 2 });
  const first = stepHeader.unpack(records);
  expect(first).toMatchObject({ op: operations.exec, slot: -1, number0: 2n, number1: 2n, number2: 0n });
  expect(first.size % 8).toBe(0);
  expect(records[first.size - 1]).toBe(0);
  expect(Buffer.from(records.subarray(first.text0, first.size)).toString()).toStartWith(
    "/bin/a\0/usr/bin/a\0a\0\0",
  );
  const second = records.subarray(first.size);
  expect(stepHeader.unpack(second)).toMatchObject({ op: operations.filesystem, slot: 3, number1: 2n });
  expect(Buffer.from(second).toString()).toContain("tmpfs\0size\0=1m\0lazytime\0\0");
});

test("pack() refuses a text with a NUL inside", () => {
  expect(() => pack([{ op: "hostname", name: "a\0b" }], { more: false })).toThrow("NUL");
});

test("pack() combines attributes into the kernel's bits: an access-time mode clears its whole field", () => {
  const { records } = pack(
    [
      {
        op: "attributes",
        slot: 1,
        set: ["ro", "noatime"],
        clear: ["nosuid"],
        propagation: "slave",
        recursive: true,
      },
    ],
    { more: true },
  );
  expect(stepHeader.unpack(records)).toMatchObject({
    number0: 0x11n,
    number1: 0x72n,
    number2: BigInt(1 << 19),
    flags: stepFlags.RECURSIVE,
  });
});

test("unpackMessage() reads what the shim says", () => {
  const header = messageHeader.pack({ type: messageTypes.FAILED, step: 7, value: 2 });
  const packet = Buffer.concat([header, Buffer.from("openat2")]);
  expect(unpackMessage(packet)).toEqual({ type: messageTypes.FAILED, step: 7, value: 2, text: "openat2" });
});

test("describe() tells each step in a line", () => {
  expect(
    describe([
      { op: "clone", namespaces: ["pid", "mount"], deathSignal: 9 },
      { op: "attach", slot: 2, root: 1, path: "/proc", follow: false },
      { op: "umask", mask: 0o22 },
    ]),
  ).toEqual([
    "clone init into new namespaces: pid, mount",
    'mount #2 on "/proc" in #1',
    "set the umask to 022",
  ]);
});
