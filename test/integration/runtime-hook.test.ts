/** Hooks: when each kind runs, what it sees, what becomes of the container when one fails. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Hook } from "../../src/runtime/spec.ts";
import { Bundle } from "../fixtures/bundle.ts";

let bundle: Bundle;
let order: string;
beforeAll(async () => {
  bundle = await Bundle.make();
  order = join(bundle.directory, "order");
});
afterAll(() => bundle[Symbol.asyncDispose]());
beforeEach(() => rmSync(order, { force: true }));

/** A hook of the host's that runs a shell script. */
const hook = (script: string, more: Partial<Hook> = {}): Hook => {
  return { path: "/bin/sh", args: ["sh", "-c", script], env: ["PATH=/bin:/usr/bin"], ...more };
};
const note = (what: string) => hook(`echo ${what} >> ${order}`);
const mounted = "grep -c ' /proc proc ' /proc/self/mounts";

describe("hooks of the creation", () => {
  test("run in the order of the specification, each kind in its own", async () => {
    const { error, stdout } = await bundle.sh("echo program", {
      hooks: {
        createContainer: [note("createContainer")],
        createRuntime: [note("createRuntime1"), note("createRuntime2")],
        prestart: [note("prestart")],
        startContainer: [{ path: "/bin/sh", args: ["sh", "-c", "echo startContainer > /started"] }],
      },
    });
    expect(error).toBeUndefined();
    expect(stdout).toBe("program\n");
    expect(readFileSync(order, "utf8")).toBe("prestart\ncreateRuntime1\ncreateRuntime2\ncreateContainer\n");
    expect(readFileSync(join(bundle.rootfs, "started"), "utf8")).toBe("startContainer\n");
  });

  test("get the state on stdin, with the pid of the namespace that they run in", async () => {
    const files = Object.fromEntries(
      ["createRuntime", "createContainer"].map((kind) => [kind, join(bundle.directory, kind)]),
    );
    const { error } = await bundle.sh("cat /start", {
      annotations: { "com.example": "tëxt" },
      hooks: {
        createRuntime: [hook(`cat > ${files["createRuntime"]}`)],
        createContainer: [hook(`cat > ${files["createContainer"]}`)],
        startContainer: [{ path: "/bin/sh", args: ["sh", "-c", "cat > /start"] }],
      },
    });
    expect(error).toBeUndefined();
    const common = {
      ociVersion: "1.2.0",
      id: "test",
      bundle: bundle.directory,
      annotations: { "com.example": "tëxt" },
    };
    const read = (path = "") => JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
    const runtime = read(files["createRuntime"]);
    expect(runtime).toEqual({ ...common, status: "created", pid: expect.any(Number) });
    expect(runtime["pid"]).toBeGreaterThan(1);
    expect(read(files["createContainer"])).toEqual({ ...common, status: "created", pid: 1 });
    expect(read(join(bundle.rootfs, "start"))).toEqual({ ...common, status: "created", pid: 1 });
  });

  test("createRuntime finds the container's mounts under its root, through the pid", async () => {
    const seen = join(bundle.directory, "seen");
    const script = `pid=$(sed 's/.*"pid":\\([0-9]*\\).*/\\1/'); ls /proc/$pid/root${bundle.rootfs}/proc/1/status /proc/$pid/root${bundle.rootfs}/dev/null > ${seen}`;
    const { error } = await bundle.sh("true", { hooks: { createRuntime: [hook(script)] } });
    expect(error).toBeUndefined();
    expect(readFileSync(seen, "utf8").trim().split("\n")).toHaveLength(2);
  });

  test("createContainer sees the host's files from the container's namespaces, with the mounts in place", async () => {
    const seen = join(bundle.directory, "seen");
    const script = `{ readlink /proc/self/ns/uts; echo $$; ls /dev/null; ls proc/self/status; pwd; } > ${seen}`;
    const { error, stdout } = await bundle.sh("readlink /proc/self/ns/uts", {
      hooks: { createContainer: [hook(script)] },
    });
    expect(error).toBeUndefined();
    expect(readFileSync(seen, "utf8").split("\n").slice(0, 1).join("")).toBe(stdout.trim());
    expect(readFileSync(seen, "utf8")).toContain("/dev/null\n");
    expect(readFileSync(seen, "utf8")).toContain("proc/self/status\n");
    expect(readFileSync(seen, "utf8")).toEndWith(`\n${bundle.rootfs}\n`);
  });

  test("startContainer runs as the program's user in the container; masked paths are masked for it", async () => {
    const { error, stdout } = await bundle.sh("cat /tmp/who", {
      process: { user: { uid: 1000, gid: 1000 }, args: ["sh", "-c", "cat /tmp/who"] },
      mounts: [
        { destination: "/proc", type: "proc", source: "proc" },
        { destination: "/tmp", type: "tmpfs", source: "tmpfs", options: ["mode=1777"] },
      ],
      hooks: {
        startContainer: [
          {
            path: "/bin/sh",
            args: ["sh", "-c", `id -u > /tmp/who; ${mounted} >> /tmp/who; env >> /tmp/who`],
          },
        ],
      },
    });
    expect(error).toBeUndefined();
    expect(stdout).toContain("1000\n1\n");
    // As runc has it: without an environment of its own, that of the process.
    expect(stdout).toContain("PATH=/bin\n");
    expect(stdout).toContain("HOME=/home/alice\n");
  });

  test("have the environment of the spec and nothing else (CVE-2025-23266)", async () => {
    const [first, second] = [join(bundle.directory, "env1"), join(bundle.directory, "env2")];
    const show = (to: string): Hook => {
      return { path: "/bin/sh", args: ["sh", "-c", `/usr/bin/tr '\\0' '\\n' < /proc/self/environ > ${to}`] };
    };
    const { error } = await bundle.sh("true", {
      process: { args: ["true"], env: ["PATH=/bin", "LD_PRELOAD=/evil.so"] },
      hooks: {
        createRuntime: [{ ...show(first), env: ["ONLY=this"] }],
        createContainer: [show(second)],
      },
    });
    expect(error).toBeUndefined();
    expect(readFileSync(first, "utf8").trim()).toBe("ONLY=this");
    expect(readFileSync(second, "utf8").trim()).toBe("");
  });

  test("need not read the state, may print as much as they like, and leave processes behind", async () => {
    const { error } = await bundle.sh("true", {
      annotations: { long: "x".repeat(200_000) },
      hooks: {
        createRuntime: [hook("exec 0<&-; dd if=/dev/zero bs=1M count=2 2>/dev/null; sleep 1 & exit 0")],
        createContainer: [hook("exec 0<&-; dd if=/dev/zero bs=1M count=2 2>/dev/null; sleep 1 & exit 0")],
      },
    });
    expect(error).toBeUndefined();
  });
});

describe("a hook that fails", () => {
  const kinds = ["prestart", "createRuntime", "createContainer", "startContainer"] as const;
  for (const kind of kinds) {
    const shell = kind === "startContainer" ? { env: ["PATH=/bin"] } : {};

    test(`of kind ${kind} keeps the program from running, and says why`, async () => {
      const { error } = await bundle.sh("echo ran > /ran", {
        hooks: { [kind]: [hook("echo no luck >&2; exit 3", shell)] },
      });
      expect(error).toContain(`run hook ${kind}[0] "/bin/sh": exit code 3: no luck`);
      expect(existsSync(join(bundle.rootfs, "ran"))).toBe(false);
    });

    test(`of kind ${kind} keeps those behind it from running`, async () => {
      const fails = { path: "/nonexistent/hook" };
      const { error } = await bundle.sh("true", { hooks: { [kind]: [fails, note("second")] } });
      expect(error).toContain(`run hook ${kind}[0] "/nonexistent/hook"`);
      expect(error).toContain("no such file or directory");
      expect(existsSync(order)).toBe(false);
    });

    test(`of kind ${kind} is killed when its time is up`, async () => {
      const started = performance.now();
      const { error } = await bundle.sh("true", {
        hooks: { [kind]: [hook("sleep 100", { ...shell, timeout: 1 })] },
      });
      expect(error).toContain(`run hook ${kind}[0] "/bin/sh": it took longer than its timeout`);
      expect(performance.now() - started).toBeGreaterThan(990);
      expect(performance.now() - started).toBeLessThan(20_000);
    });
  }

  test("because of a signal names it", async () => {
    const kill = hook("kill -TERM $$");
    const first = await bundle.sh("true", { hooks: { createRuntime: [kill] } });
    expect(first.error).toContain("killed by signal 15");
    const second = await bundle.sh("true", { hooks: { createContainer: [kill] } });
    expect(second.error).toContain("killed by signal 15");
  });

  test("leaves no mount of the root behind on the host", async () => {
    writeFileSync(join(bundle.directory, "unused"), "");
    await bundle.sh("true", { hooks: { createContainer: [hook("exit 1")], createRuntime: [hook("true")] } });
    expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(bundle.directory);
  });
});
