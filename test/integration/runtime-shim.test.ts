/** The shim itself: sync points, failures at any step, deaths on either side. Whatever happens, no process is left. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Step } from "../../ffi/plan.ts";
import { explainStep } from "../../src/runtime/explain.ts";
import { pipe } from "../../src/sys/fd.ts";
import { reap, waitForEnd } from "../../src/sys/process.ts";
import { runPlan, StepError } from "../../src/sys/shim.ts";
import { Bundle, readAll } from "../fixtures/bundle.ts";

const root = join(import.meta.dir, "../..");
let bundle: Bundle;
beforeAll(async () => {
  bundle = await Bundle.make();
});
afterAll(() => bundle[Symbol.asyncDispose]());

const clone: Step = { op: "clone", namespaces: ["mount"], deathSignal: 9 };
const exec = (...args: string[]): Step => ({ op: "exec", paths: [`/bin/${args[0]}`], args, env: [] });

/** Runs the steps on the caller's streams; the program's end as an exit code. */
async function run(
  steps: Step[],
  onSync?: (point: string, pid: number) => void | Promise<void>,
): Promise<number> {
  const { pid, pidfd } = await runPlan({ steps, fds: [], stdio: "inherit", onSync });
  pidfd.close();
  const ended = waitForEnd(pid);
  return ended !== undefined && "exitCode" in ended.end ? ended.end.exitCode : -1;
}

describe("runPlan()", () => {
  test("stops at a sync point until the caller has done its part", async () => {
    const seen: string[] = [];
    const steps: Step[] = [
      clone,
      { op: "sync", point: "first" },
      { op: "sync", point: "second" },
      exec("true"),
    ];
    const onSync = async (point: string, pid: number) => {
      await Bun.sleep(1);
      // Still the shim, which shows nobody what it is.
      seen.push(`${point} ${readlinkSync(`/proc/${pid}/exe`)}`);
    };
    expect(await run(steps, onSync)).toBe(0);
    expect(seen).toEqual(["first /memfd:currunt (deleted)", "second /memfd:currunt (deleted)"]);
  });

  test("connects the program's streams", async () => {
    const out = pipe();
    using reader = out.reader;
    using writer = out.writer;
    const stdio = { stdin: reader, stdout: writer, stderr: writer };
    const { pid, pidfd } = await runPlan({ steps: [clone, exec("echo", "hello")], fds: [], stdio });
    pidfd.close();
    waitForEnd(pid);
    writer.close();
    expect(readAll(reader)).toBe("hello\n");
  });

  test("carries plans of any size", async () => {
    const env = Array.from({ length: 2000 }, (_, i) => `VARIABLE_${i}=${"x".repeat(500)}`);
    const args = ["sh", "-c", '[ "$#" = 999 ] && [ -n "$VARIABLE_1999" ]', "sh", ...new Array(999).fill("y")];
    expect(await run([clone, { op: "exec", paths: ["/bin/sh"], args, env }])).toBe(0);
  });

  test("names the step, the call and the error number of a failure", async () => {
    const steps: Step[] = [clone, { op: "open", slot: 0, path: "/no/such/path", read: false }, exec("true")];
    const failure = await run(steps).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(StepError);
    const reason = "openat: ENOENT: no such file or directory";
    const message = `do step "open" of the plan: ${reason}`;
    expect(failure).toMatchObject({ operation: "openat", code: "ENOENT", step: steps[1], message });
    const explained = explainStep(failure as StepError, steps);
    expect(explained.message).toBe(`open "/no/such/path" as #0: ${reason}`);
    expect(reap(-1)).toBeUndefined();
  });

  test("ends all when a sync point fails", async () => {
    const steps: Step[] = [clone, { op: "sync", point: "bad" }, exec("true")];
    const failing = run(steps, () => {
      throw new Error("no network today");
    });
    await expect(failing).rejects.toThrow("no network today");
    expect(reap(-1)).toBeUndefined();
  });

  test("tells when init is killed before it is the program", async () => {
    const steps: Step[] = [clone, { op: "sync", point: "deadly" }, exec("true")];
    const killed = run(steps, (_point, pid) => {
      process.kill(pid, "SIGKILL");
    });
    await expect(killed).rejects.toThrow("killed while it was set up");
    expect(reap(-1)).toBeUndefined();
  });

  test("executes a part while the next is made, and counts the steps of all", async () => {
    const rest = async () => {
      await Bun.sleep(20);
      return [{ op: "session" } as const];
    };
    const last = () => [{ op: "open", slot: 0, path: "/nowhere", read: false } as const];
    const failing = runPlan({ steps: [clone], rest: [rest, last], fds: [], stdio: "inherit" });
    await expect(failing).rejects.toMatchObject({ step: { op: "open" }, code: "ENOENT" });
    expect(reap(-1)).toBeUndefined();
  });

  test("ends init when the rest cannot be made", async () => {
    const rest = () => Promise.reject(new Error("bad spec"));
    await expect(runPlan({ steps: [clone], rest: [rest], fds: [], stdio: "inherit" })).rejects.toThrow(
      "bad spec",
    );
    expect(reap(-1)).toBeUndefined();
  });

  test("stays awake while a step hangs", async () => {
    const fifo = join(bundle.directory, "fifo");
    expect(Bun.spawnSync(["mkfifo", fifo]).exitCode).toBe(0);
    const opening = run([clone, { op: "open", slot: 0, path: fifo, read: true }, exec("true")]);
    // Longer than the shim is waited for in place: only an event loop that goes on gets to open the other side.
    await Bun.sleep(200);
    // The step goes on as soon as there is a writer, and may be gone before anything is written.
    await Bun.write(fifo, "x").catch(() => undefined);
    expect(await opening).toBe(0);
  });

  test("refuses a directory outside of the root, reached through a descriptor", async () => {
    const steps: Step[] = [
      clone,
      { op: "open", slot: 0, path: "/", read: false },
      { op: "attributes", slot: 0, set: [], clear: [], propagation: "slave", recursive: true },
      { op: "tree", slot: 1, path: bundle.rootfs, recursive: false },
      { op: "cover", slot: 1, path: "/" },
      { op: "filesystem", slot: 2, type: "proc", options: [], attributes: [] },
      { op: "attach", slot: 2, root: 1, path: "/proc", follow: false },
      { op: "pivot", slot: 1 },
    ];
    const program: Step = { op: "exec", paths: ["/bin/true"], args: ["true"], env: [] };
    const inside: Step = { op: "chdir", path: "/bin", optional: false };
    expect(await run([...steps, inside, program])).toBe(0);
    let hosts = 0;
    for (let fd = 4; fd < 8; fd++) {
      const outside: Step = { op: "chdir", path: `/proc/self/fd/${fd}`, optional: false };
      // One is the host's root; the others are the container's, or none at all.
      const failure = await run([...steps, outside, program]).catch((error: unknown) => error);
      if (failure !== 0) expect(failure).toMatchObject({ step: { op: "chdir" } });
      hosts += failure instanceof StepError && failure.operation === "getcwd" ? 1 : 0;
    }
    expect(hosts).toBe(1);
  });

  test("refuses a slot that nothing is in", async () => {
    await expect(run([clone, { op: "pivot", slot: 5 }])).rejects.toThrow("EPROTO");
    await expect(run([clone, { op: "pivot", slot: 5000 }])).rejects.toThrow("EPROTO");
    expect(reap(-1)).toBeUndefined();
  });
});

/** Pids of processes that are the shim, or run a program with `marker` among its arguments. */
function remnants(marker: string): string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      const exe = readlinkSync(`/proc/${pid}/exe`);
      const fd = Bun.spawnSync(["cat", `/proc/${pid}/cmdline`]).stdout.toString();
      return (exe.startsWith("/memfd:currunt") && parentOf(pid) === "1") || fd.includes(marker);
    } catch {
      return false;
    }
  });
}

function parentOf(pid: string): string | undefined {
  const status = Bun.spawnSync(["cat", `/proc/${pid}/status`]).stdout.toString();
  return /^PPid:\s*(\d+)$/m.exec(status)?.[1];
}

describe("when the caller is killed", () => {
  test("at any moment of a start, nothing of the container goes on", async () => {
    const marker = `9${process.pid}`;
    const before = remnants(marker);
    const left = () => remnants(marker).filter((pid) => !before.includes(pid));
    const script = join(bundle.directory, "start.ts");
    writeFileSync(
      script,
      `import { startContainer } from ${JSON.stringify(join(root, "src/runtime/create.ts"))};
       import { specWith } from ${JSON.stringify(join(root, "test/fixtures/bundle.ts"))};
       const spec = specWith({ process: { args: ["sleep", "${marker}"] } });
       console.log("starting");
       for (;;) await startContainer({ id: "k", spec, bundle: "${bundle.directory}", stdio: "inherit", deathSignal: 9 });`,
    );
    for (let i = 0; i < 12; i++) {
      const child = Bun.spawn([process.execPath, script], {
        stdin: "ignore",
        stdout: "pipe",
        stderr: "inherit",
      });
      await child.stdout.getReader().read();
      await Bun.sleep(3 * i);
      child.kill("SIGKILL");
      await child.exited;
    }
    // They die of a signal that was sent when the caller died: give the kernel a moment to take them down.
    for (let i = 0; i < 100 && left().length > 0; i++) await Bun.sleep(20);
    expect(left()).toEqual([]);
  });
});
