/** The C half of the build: the compiler's flags give a small static program without libc. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildGunzip, buildShim, compileC } from "../../../ffi/compile.ts";

const scratch = mkdtempSync(join(tmpdir(), "currunt-build-"));
afterAll(() => rmSync(scratch, { recursive: true }));

const exitWith7 = `
static char zeroed[256];
void never_called(void) { for (;;) ; }
__attribute__((noreturn, used)) void _start(void) {
  for (int i = 0; i < 256; i++) zeroed[i] = 0;
#ifdef __x86_64__
  __asm__ volatile("syscall" : : "a"(231), "D"(7) : "memory");
#else
  register long number __asm__("x8") = 94, code __asm__("x0") = 7;
  __asm__ volatile("svc 0" : : "r"(number), "r"(code) : "memory");
#endif
  __builtin_unreachable();
}`;

test("compileC() makes a static executable of less than one page, which runs", () => {
  const [source, out] = [join(scratch, "small.c"), join(scratch, "bin/small")];
  writeFileSync(source, exitWith7);
  compileC([source], out);
  expect(statSync(out).size).toBeLessThan(4096);
  expect(Bun.spawnSync([out]).exitCode).toBe(7);
});

test("compileC() tells what the compiler said, and leaves the old executable alone", () => {
  const [source, out] = [join(scratch, "broken.c"), join(scratch, "broken")];
  writeFileSync(source, "int x = ;");
  writeFileSync(out, "old");
  utimesSync(out, 1, 1);
  expect(() => compileC([source], out)).toThrow(/compile C with .*broken\.c:1/s);
  expect(statSync(out)).toMatchObject({ mtimeMs: 1000, size: 3 });
});

test("buildShim() without a compiler names the package to install", () => {
  const { PATH, CC } = process.env;
  try {
    process.env["PATH"] = scratch;
    delete process.env["CC"];
    expect(() => buildShim(join(scratch, "shim-x64"), "x64")).toThrow(
      /no C compiler for x64 .*apt-get install -y gcc/s,
    );
    expect(() => buildShim(join(scratch, "shim-arm64"), "arm64")).toThrow(
      /no C compiler for arm64 .*apt-get install -y gcc/s,
    );
  } finally {
    process.env["PATH"] = PATH;
    if (CC !== undefined) process.env["CC"] = CC;
  }
});

test("buildGunzip() makes code that runs wherever it is put", () => {
  const code = [0, 0x12340000].map((address) => {
    const out = join(scratch, `gunzip-${address}`);
    buildGunzip(out, undefined, address);
    return readFileSync(out);
  });
  expect(code[0]?.equals(code[1] ?? Buffer.alloc(0))).toBe(true);
});
