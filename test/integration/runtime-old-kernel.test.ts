/** The runtime on Linux 5.10, as far as its lack of system calls can be imitated: the same tests pass there. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

let scratch: string;
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "currunt-old-"));
});
afterAll(() => rmSync(scratch, { recursive: true }));

/** Executes its arguments with a filter: no mount_setattr(2), no flags for close_range(2), no MFD_EXEC. */
const oldKernel = `
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define FAIL(error) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error))
int main(int argc, char **argv) {
  struct sock_filter filter[] = {
    LOAD(nr),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 442, 0, 1), FAIL(ENOSYS),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 436, 0, 3),
    LOAD(args[2]), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 4, 0), FAIL(EINVAL),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_memfd_create, 0, 2),
    LOAD(args[1]), BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x18, 1, 0),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW), FAIL(EINVAL),
  };
  struct sock_fprog program = { sizeof filter / sizeof *filter, filter };
  if (argc < 2 || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program)) return 99;
  execv(argv[1], argv + 1);
  return 98;
}`;

test("containers start, with all their mounts, where Linux 5.10's calls are all there is", () => {
  const source = join(scratch, "old.c");
  writeFileSync(source, oldKernel);
  const program = join(scratch, "old");
  expect(Bun.spawnSync(["cc", "-o", program, source]).exitCode).toBe(0);
  const files = ["create", "exec", "terminal"].map((name) => `test/integration/runtime-${name}.test.ts`);
  const { exitCode, stderr } = Bun.spawnSync([program, process.execPath, "test", ...files], {
    cwd: join(import.meta.dir, "../.."),
    stderr: "pipe",
  });
  expect(stderr.toString()).toContain("\n 0 fail\n");
  expect(exitCode).toBe(0);
});
