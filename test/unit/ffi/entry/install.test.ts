/** The executable's first instructions, in front of a small C program that tells what it was given. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildEntry, buildShim } from "../../../../ffi/compile.ts";
import { installEntry } from "../../../../ffi/entry/install.ts";

const scratch = mkdtempSync(join(tmpdir(), "currunt-entry-"));
afterAll(() => rmSync(scratch, { recursive: true }));

const teller = `
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/wait.h>
#include <unistd.h>
extern char **environ;
static void at_exit(void) { puts("at exit"); }
/* Once it runs the shim, whose name in /proc is another. */
static void tell_of_signals(int pid) {
  char path[64], line[256], ignored[64], blocked[64];
  do {
    sprintf(path, "/proc/%d/status", pid);
    FILE *status = fopen(path, "r");
    line[0] = 0;
    for (char text[256]; fgets(text, sizeof text, status);) {
      if (!strncmp(text, "Name:", 5)) strcpy(line, text);
      sscanf(text, "SigIgn: %s", ignored);
      sscanf(text, "SigBlk: %s", blocked);
    }
    fclose(status);
  } while (strstr(line, "with-entry"));
  printf(", ignored %s, blocked %s", ignored, blocked);
}
static void tell_of_shim(const char *text) {
  unsigned long address, bytes;
  int image, socket, pid, status, kept;
  int count = sscanf(text, "%lu:%lu:%d:%d:%d:%d", &address, &bytes, &image, &socket, &pid, &kept);
  static char copy[1 << 20];
  printf("a program of %lu bytes, ELF %d", bytes, memcmp((char *)address, "\\177ELF", 4) == 0);
  if (count >= 5) {
    int same = pread(image, copy, sizeof copy, 0) == (long)bytes && memcmp(copy, (char *)address, bytes) == 0;
    printf(", sealed %d, the same %d", pwrite(image, "", 1, 0) < 0, same);
    if (getenv("HOLD")) tell_of_signals(pid);
    close(socket);
    waitpid(pid, &status, 0);
    printf(", ended with %d", WEXITSTATUS(status));
    sigset_t blocked;
    sigprocmask(SIG_BLOCK, NULL, &blocked);
    printf(", signals kept %d %d", count == 6 && kept == 1, sigismember(&blocked, SIGTERM) && !sigismember(&blocked, SIGPWR));
  }
  puts("");
}
int main(int argc, char **argv, char **envp) {
  atexit(at_exit);
  for (int i = 1; i < argc; i++) printf("argument %s\\n", argv[i]);
  for (char **variable = environ; *variable; variable++) {
    if (strncmp(*variable, "CURRUNT_SHIM=", 13) == 0) tell_of_shim(*variable + 13);
    else printf("variable %s\\n", *variable);
  }
  printf("%d %d\\n", envp[0] == environ[0], getauxval(AT_PAGESZ) > 0);
  return getenv("BUN_OPTIONS") != NULL;
}`;

/** Asks for small pages as Bun's engine does, for 8 GB and for 4 MB, and tells what came of it (man 5 proc_pid_smaps, VmFlags). */
const asker = `
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
extern char **environ;
static void ask(unsigned long bytes, int protection) {
  char *start = mmap(NULL, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0), line[1024], range[64];
  int result = madvise(start, bytes, MADV_NOHUGEPAGE), ours = 0;
  FILE *maps = fopen("/proc/self/smaps", "r");
  sprintf(range, "%lx-%lx ", (unsigned long)start, (unsigned long)start + bytes);
  while (fgets(line, sizeof line, maps)) {
    if (strstr(line, "-p ") != NULL) ours = strncmp(line, range, strlen(range)) == 0;
    if (ours && strncmp(line, "VmFlags:", 8) == 0) printf("%d %d %d\\n", result, strstr(line, " hg") != NULL, strstr(line, " nh") != NULL);
  }
}
int main(void) {
  ask(8ul << 30, PROT_READ);
  ask(4ul << 20, PROT_NONE);
  printf("%d", madvise((void *)1, 4096, MADV_DONTNEED));
  printf(" %d %d\\n", errno == EINVAL, syscall(SYS_getpid) == getpid());
  return environ == NULL;
}`;

/** What children of ours inherit. */
const limit = Bun.spawnSync(["sh", "-c", "echo $(ulimit -Sn):$(ulimit -Hn)"]).stdout.toString().trim();

const settings = [
  "BUN_JSC_startupJITDeferralScale=20",
  "BUN_JSC_useFTLJIT=0",
  "BUN_JSC_useWarmUpMarkedBlocks=0",
  "BUN_GC_TIMER_DISABLE=1",
  "BUN_JSC_forceRAMSize=67108864",
  "MIMALLOC_ALLOW_THP=1",
  "MIMALLOC_PURGE_DELAY=-1",
  `CURRUNT_NOFILE=${limit}`,
].map((setting) => `variable ${setting}`);

const shimPath = join(import.meta.dir, "../../../../dist/shim");
buildShim(shimPath);
const shim = readFileSync(shimPath);
const shimLine = `a program of ${shim.length} bytes, ELF 1`;
const ours = [...settings, shimLine];

function run(program: string, args: string[], env: Record<string, string>): string[] {
  const { stdout, exitCode } = Bun.spawnSync([program, ...args], { env });
  expect(exitCode).toBe(0);
  return stdout.toString().trimEnd().split("\n");
}

function compile(text: string, ...flags: readonly string[]): Buffer {
  const [source, out] = [join(scratch, "source.c"), join(scratch, "plain")];
  writeFileSync(source, text);
  const { exitCode, stderr } = Bun.spawnSync(["cc", "-o", out, source, "-fPIC", ...flags], {
    stderr: "pipe",
  });
  expect(stderr.toString()).toBe("");
  expect(exitCode).toBe(0);
  return readFileSync(out);
}

let program: Buffer;
beforeAll(() => {
  program = compile(teller);
});

function install(executable = program): string {
  const path = join(scratch, "with-entry");
  writeFileSync(path, installEntry(executable, buildEntry(), shim));
  chmodSync(path, 0o755);
  return path;
}

test("the program gets its arguments, its environment without what Bun obeys, our settings, the auxiliary vector", () => {
  const env = {
    BUN_OPTIONS: "--preload x",
    A: "1",
    NODE_OPTIONS: "x",
    BUNDLE: "b",
    MIMALLOC_X: "",
    JSC_: "",
    CURRUNT_NOFILE: "1:1",
    CURRUNT_BEGUN: "1",
    CURRUNT_SHIM: "1:2:3:4:5",
  };
  expect(run(install(), ["one", "", "three"], env)).toEqual([
    "argument one",
    "argument ",
    "argument three",
    "variable A=1",
    "variable BUNDLE=b",
    ...ours,
    "1 1",
    "at exit",
  ]);
});

test("any number of arguments and variables keeps the stack in order", () => {
  const installed = install();
  for (let count = 0; count < 9; count++) {
    const words = Array.from({ length: count }, (_, index) => `w${index}`);
    const lines = run(installed, words, Object.fromEntries(words.map((word) => [word, ""])));
    expect(lines).toEqual([
      ...words.map((word) => `argument ${word}`),
      ...words.map((word) => `variable ${word}=`),
      ...ours,
      "1 1",
      "at exit",
    ]);
  }
});

const waiting = `${shimLine}, sealed 1, the same 1, ended with 1, signals kept 0 0`;
const staying = waiting.replace("kept 0 0", "kept 1 1");
test.each<[string, string[], Record<string, string>, string]>([
  ["run with a bundle", ["run", "--bundle", "b", "c"], {}, staying],
  ["run that leaves it running", ["run", "--bundle", "b", "-d", "c"], {}, waiting],
  ["create with a global flag of OCI runtimes", ["--root", "/r", "create", "c"], {}, waiting],
  ["exec with a global flag of OCI runtimes", ["--log=/l", "exec", "c", "true"], {}, staying],
  ["exec that leaves it running", ["--log=/l", "exec", "--detach", "c", "true"], {}, waiting],
  ["the engine's run", ["run", "-image", "x"], {}, shimLine],
  ["state", ["--root", "/nowhere", "state", "c"], {}, shimLine],
  ["descriptors to preserve", ["run", "-b", "b", "--preserve-fds=2", "c"], {}, shimLine],
  ["sockets to pass on", ["run", "-b", "b", "c"], { LISTEN_FDS: "1" }, shimLine],
])("a shim waits for the plan where the command line comes to one: %s", (_, args, env, line) => {
  expect(run(install(), args, env)).toContain(line);
});

test("a shim starts without the signals that the caller ignores or blocks", () => {
  const script = `trap '' HUP USR1; exec "$0" run -b b c`;
  const { stdout } = Bun.spawnSync(["sh", "-c", script, install()], { env: { HOLD: "1" } });
  expect(stdout.toString()).toContain("ignored 0000000000000000, blocked 0000000000000000");
});

test("what asks for small pages where the engine's objects are gets large ones, and nothing else does", () => {
  expect(run(install(compile(asker, "-Wl,-z,lazy")), [], {})).toEqual(["0 1 0", "0 0 1", "-1 1 1"]);
});

test("where the dynamic linker's words are read-only by then, all stays as the program asks for", () => {
  expect(run(install(compile(asker, "-Wl,-z,relro,-z,now")), [], {})).toEqual(["0 0 1", "0 0 1", "-1 1 1"]);
});

test("installEntry() refuses what it cannot change", () => {
  const code = buildEntry();
  expect(() => installEntry(Buffer.from("#!/bin/sh\n"), code, shim)).toThrow(
    "not a 64-bit little-endian ELF file",
  );
  const withoutNotes = Buffer.from(program);
  const start = Number(program.readBigUInt64LE(32));
  for (let index = 0; index < program.readUInt16LE(56); index++) {
    const at = start + index * 56;
    if (withoutNotes.readUInt32LE(at) === 4) withoutNotes.writeUInt32LE(0, at);
  }
  expect(() => installEntry(withoutNotes, code, shim)).toThrow("no program header to spare");
});

test("the code is the same wherever it is linked", () => {
  // Addresses in it would be of the place that it was linked for, and nobody puts them right.
  expect(buildEntry(undefined, 0x700_0000).equals(buildEntry())).toBe(true);
});
