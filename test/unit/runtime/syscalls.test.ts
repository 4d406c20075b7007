/** The table of system calls against the kernel's headers and libseccomp. */
import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Architecture } from "../../../src/runtime/syscalls.ts";
import {
  architectures,
  nativeArchitecture,
  syscallNames,
  syscallNumber,
} from "../../../src/runtime/syscalls.ts";

const scratch = mkdtempSync(join(tmpdir(), "currunt-syscalls-"));
afterAll(() => rmSync(scratch, { recursive: true }));

/** The numbers in a header that a compiler finds, by name; undefined where the header is not there. */
function readHeader(header: string): Map<string, number> | undefined {
  const source = join(scratch, "header.c");
  const macros = Bun.spawnSync(["cc", "-E", "-dM", "-include", header, "-x", "c", "/dev/null"]);
  if (macros.exitCode !== 0) return undefined;
  const names = [...macros.stdout.toString().matchAll(/^#define __NR_(\w+) /gm)].map(([, name = ""]) => name);
  writeFileSync(
    source,
    `#include <${header}>\n${names.map((name) => `@${name} = __NR_${name}`).join("\n")}\n`,
  );
  const text = Bun.spawnSync(["cc", "-E", "-P", source]).stdout.toString();
  return new Map(
    [...text.matchAll(/^@(\w+) = .*?(\d+)\)?$/gm)].map(([, name = "", number]) => [name, Number(number)]),
  );
}

describe("the table agrees with the kernel's headers", () => {
  const headers: [string, Architecture][] =
    nativeArchitecture === "x86_64"
      ? [
          ["asm/unistd_64.h", "x86_64"],
          ["asm/unistd_32.h", "i386"],
          ["asm/unistd_x32.h", "x32"],
        ]
      : [["asm/unistd.h", "aarch64"]];
  for (const [header, architecture] of headers) {
    test(`of ${architecture}`, () => {
      const numbers = readHeader(header);
      if (numbers === undefined) throw new Error(`no ${header}: install linux-libc-dev`);
      expect(numbers.size).toBeGreaterThan(300);
      const ours = [...numbers.keys()].map((name) => [name, syscallNumber(architecture, name)]);
      expect(Object.fromEntries(ours)).toEqual(Object.fromEntries(numbers));
    });
  }
});

const tokens: Record<Architecture, string> = {
  x86_64: "SCMP_ARCH_X86_64",
  i386: "SCMP_ARCH_X86",
  x32: "SCMP_ARCH_X32",
  aarch64: "SCMP_ARCH_AARCH64",
  arm: "SCMP_ARCH_ARM",
};

// libseccomp numbers the multiplexed calls of i386 below zero, and leaves the rest of what it lacks there too.
test.skipIf(!existsSync("/usr/include/seccomp.h"))("the table agrees with libseccomp", () => {
  const [source, program] = [join(scratch, "resolve.c"), join(scratch, "resolve")];
  const calls = architectures.flatMap((architecture) =>
    syscallNames().map(
      (name) =>
        `printf("${architecture} ${name} %d\\n", seccomp_syscall_resolve_name_arch(${tokens[architecture]}, "${name}"));`,
    ),
  );
  writeFileSync(
    source,
    `#include <seccomp.h>\n#include <stdio.h>\nint main(void) {\n${calls.join("\n")}\nreturn 0; }\n`,
  );
  expect(Bun.spawnSync(["cc", "-w", "-O0", "-o", program, source, "-lseccomp"]).stderr.toString()).toBe("");
  const wrong: string[] = [];
  let compared = 0;
  for (const line of Bun.spawnSync([program]).stdout.toString().trim().split("\n")) {
    const [architecture = "", name = "", text] = line.split(" ");
    const theirs = Number(text);
    if (theirs < 0) continue;
    compared++;
    const known = architectures.find((one) => one === architecture);
    const ours = known === undefined ? undefined : syscallNumber(known, name);
    const expected = architecture === "x32" ? theirs & ~0x4000_0000 : theirs;
    if (ours !== expected) wrong.push(`${architecture} ${name}: ${ours}, libseccomp says ${expected}`);
  }
  expect(wrong).toEqual([]);
  expect(compared).toBeGreaterThan(1500);
});

test("syscallNumber() knows no name that is none, and none that the architecture lacks", () => {
  expect(syscallNumber("x86_64", "fly")).toBeUndefined();
  expect(syscallNumber("aarch64", "open")).toBeUndefined();
  expect(syscallNumber("x32", "toString")).toBeUndefined();
  expect(syscallNumber("arm", "openat2")).toBe(437);
});
