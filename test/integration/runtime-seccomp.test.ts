/** A seccomp profile's filter in a real container: what its calls come to, and the agent that answers for some of them. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { LinuxSeccomp, LinuxSyscall } from "../../src/runtime/spec-seccomp.ts";
import { Bundle } from "../fixtures/bundle.ts";
import { mustRun } from "../fixtures/process.ts";

let bundle: Bundle;
let agent: string;
beforeAll(async () => {
  bundle = await Bundle.make();
  agent = join(bundle.directory, "agent");
  await mustRun(["cc", "-O1", "-o", agent, join(import.meta.dir, "../fixtures/seccomp-agent.c")]);
});
afterAll(() => bundle[Symbol.asyncDispose]());

describe("actions", () => {
  const profile = (rule: Partial<LinuxSyscall>, rest: Partial<LinuxSeccomp> = {}): LinuxSeccomp => ({
    defaultAction: "SCMP_ACT_ALLOW",
    syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", ...rule }],
    ...rest,
  });
  const mkdir = async (seccomp: LinuxSeccomp, noNewPrivileges = false) =>
    bundle.sh("mkdir /tmp/x; echo $?", { linux: { seccomp }, process: { noNewPrivileges } });

  test("SCMP_ACT_ERRNO gives EPERM, or what the rule says", async () => {
    expect((await mkdir(profile({ action: "SCMP_ACT_ERRNO" }))).stderr).toContain("Operation not permitted");
    const { stderr } = await mkdir(profile({ action: "SCMP_ACT_ERRNO", errnoRet: 123 }), true);
    expect(stderr).toContain("No medium found");
  });

  test("SCMP_ACT_KILL_PROCESS and SCMP_ACT_TRAP end the process with SIGSYS", async () => {
    expect((await mkdir(profile({ action: "SCMP_ACT_KILL_PROCESS" }))).stdout).toBe("159\n");
    expect((await mkdir(profile({ action: "SCMP_ACT_TRAP" }))).stdout).toBe("159\n");
  });

  test("SCMP_ACT_TRACE without a tracer is ENOSYS, SCMP_ACT_LOG lets the call be", async () => {
    expect((await mkdir(profile({ action: "SCMP_ACT_TRACE" }))).stderr).toContain("not implemented");
    expect((await mkdir(profile({ action: "SCMP_ACT_LOG" }))).stdout).toBe("0\n");
  });

  test.each([
    [{ action: "SCMP_ACT_KILL", errnoRet: 1 }, 'syscalls[0].action: "SCMP_ACT_KILL" takes no errno'],
    [{ action: "SCMP_ACT_NOTIFY", names: ["write"] }, '"write" cannot be notified'],
  ] as const)("%j is refused", async (rule, message) => {
    expect((await mkdir(profile(rule))).error).toContain(message);
  });

  test("flags: unknown ones are refused, that of a listener is nothing without one", async () => {
    expect((await mkdir(profile({}, { flags: ["SECCOMP_FILTER_FLAG_FAST"] }))).error).toContain("flags");
    const flags = [
      "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
      "SECCOMP_FILTER_FLAG_TSYNC",
      "SECCOMP_FILTER_FLAG_LOG",
    ];
    expect((await mkdir(profile({}, { flags }))).stdout).toBe("1\n");
  });

  test("a profile that lets next to nothing happen need not know of our own last calls", async () => {
    const names =
      "execve read write close exit_group brk mmap munmap mprotect arch_prctl set_tid_address readlink getrandom getuid prctl rseq set_robust_list prlimit64 rt_sigaction ioctl fstat newfstatat getpid getppid uname getcwd stat geteuid getegid getgid close_range".split(
        " ",
      );
    const seccomp: LinuxSeccomp = {
      defaultAction: "SCMP_ACT_ERRNO",
      syscalls: [{ names, action: "SCMP_ACT_ALLOW" }],
    };
    const { stdout, error } = await bundle.sh("echo here", {
      linux: { seccomp },
      process: { noNewPrivileges: true },
    });
    expect({ stdout, error }).toEqual({ stdout: "here\n", error: undefined });
  });
});

/** Runs an agent while `use` does something; what it was told. */
async function withAgent(use: (listenerPath: string) => Promise<void>): Promise<unknown> {
  const listenerPath = join(bundle.directory, "agent.sock");
  rmSync(listenerPath, { force: true });
  const process = Bun.spawn([agent, listenerPath], { stdout: "pipe", stderr: "pipe" });
  try {
    // It says so when it listens.
    await process.stderr.getReader().read();
    await use(listenerPath);
  } finally {
    process.kill();
  }
  return JSON.parse(await new Response(process.stdout).text());
}

describe("SCMP_ACT_NOTIFY", () => {
  const profile = (listenerPath: string, names = ["mkdir", "mkdirat"]): LinuxSeccomp => ({
    defaultAction: "SCMP_ACT_ALLOW",
    listenerPath,
    listenerMetadata: "for the agent",
    syscalls: [{ names, action: "SCMP_ACT_NOTIFY" }],
  });

  test.each([false, true])("has an agent answer, noNewPrivileges %p", async (noNewPrivileges) => {
    const told = await withAgent(async (path) => {
      const { stderr, stdout, error } = await bundle.sh("mkdir /tmp/x; echo $?; ls /proc/self/fd | wc -l", {
        annotations: { key: "value" },
        linux: { seccomp: profile(path) },
        process: { noNewPrivileges },
      });
      expect({ error, stdout }).toEqual({ error: undefined, stdout: "1\n4\n" });
      expect(stderr).toContain("No medium found");
    });
    expect(told).toEqual({
      ociVersion: "1.2.0",
      fds: ["seccompFd"],
      pid: expect.any(Number),
      metadata: "for the agent",
      state: {
        ociVersion: "1.2.0",
        id: "test",
        pid: expect.any(Number),
        status: "creating",
        bundle: bundle.directory,
        annotations: { key: "value" },
      },
    });
  });

  test("may be about calls that we make ourselves on the way to the program", async () => {
    const names = [
      "capset",
      "prctl",
      "setresuid",
      "setgroups",
      "execve",
      "chdir",
      "close_range",
      "read",
      "close",
    ];
    await withAgent(async (path) => {
      const { stdout, error } = await bundle.sh("echo here", { linux: { seccomp: profile(path, names) } });
      expect({ stdout, error }).toEqual({ stdout: "here\n", error: undefined });
    });
  });

  test("is told of processes that join, too", async () => {
    using container = await bundle.sleeping();
    const told = await withAgent(async (path) => {
      Object.assign(container, {
        spec: { ...container.spec, linux: { ...container.spec.linux, seccomp: profile(path) } },
      });
      expect((await container.exec("mkdir /tmp/y")).stderr).toContain("No medium found");
    });
    expect(told).toMatchObject({ state: { status: "running", pid: container.init.pid } });
  });

  test("fails when nobody listens, and leaves no process behind", async () => {
    const { error } = await bundle.sh("true", { linux: { seccomp: profile("/nowhere/agent.sock") } });
    expect(error).toContain('send the seccomp listener to "/nowhere/agent.sock"');
  });
});
