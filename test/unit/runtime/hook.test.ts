/** Hooks as steps, and as programs that are run here. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { explain } from "../../../src/base/error.ts";
import { hookSteps, runHooks, runPoststopHooks } from "../../../src/runtime/hook.ts";

const bundle = mkdtempSync(join(tmpdir(), "currunt-hook-"));
afterAll(() => rmSync(bundle, { recursive: true }));
const container = { ociVersion: "1.2.0", id: "one", bundle, annotations: { key: "value" } };
const sh = (script: string, timeout?: number) => {
  return { path: "/bin/sh", args: ["sh", "-c", script], ...(timeout === undefined ? {} : { timeout }) };
};

describe("hookSteps()", () => {
  test("have the state around the pid, which only the container knows", () => {
    const hooks = { createContainer: [{ path: "/hook", timeout: 3 }] };
    const [step] = hookSteps("createContainer", { hooks, container, directory: bundle });
    expect(step).toMatchObject({ path: "/hook", args: ["/hook"], env: [], timeoutMs: 3000 });
    const [before, behind] = step?.op === "hook" ? step.state : ["", ""];
    expect(JSON.parse(`${before}1${behind}`)).toEqual({ ...container, status: "created", pid: 1 });
  });

  test("of startContainer take the process's environment only when they have none", () => {
    const hooks = { startContainer: [{ path: "/a" }, { path: "/b", env: [] }, { path: "/c", env: ["A=1"] }] };
    const options = { hooks, container, processEnv: ["B=2"], directory: "/" };
    const steps = hookSteps("startContainer", options);
    expect(steps.map((step) => step.op === "hook" && step.env)).toEqual([["B=2"], [], ["A=1"]]);
    const created = hookSteps("createContainer", {
      ...options,
      hooks: { createContainer: [{ path: "/a" }] },
    });
    expect(created.map((step) => step.op === "hook" && step.env)).toEqual([[]]);
  });
});

describe("runHooks()", () => {
  test("runs in the bundle, with the state on stdin, and stays where it was", async () => {
    const before = process.cwd();
    await runHooks("poststart", { poststart: [sh("cat > state; pwd > directory")] }, container, 42);
    const state = JSON.parse(readFileSync(join(bundle, "state"), "utf8")) as unknown;
    expect(state).toEqual({ ...container, status: "running", pid: 42 });
    expect(readFileSync(join(bundle, "directory"), "utf8").trim()).toBe(bundle);
    expect(process.cwd()).toBe(before);
  });

  test("stops at the first that fails, and says what it said", async () => {
    const run = (...hooks: ReturnType<typeof sh>[]) =>
      runHooks("createRuntime", { createRuntime: hooks }, container, 42);
    await expect(run(sh("exit 0"), sh("echo why >&2; exit 9"), sh("touch third"))).rejects.toThrow(
      'run hook createRuntime[1] "/bin/sh": exit code 9: why',
    );
    expect(() => readFileSync(join(bundle, "third"))).toThrow();
    await expect(run(sh("kill -KILL $$"))).rejects.toThrow("killed by signal 9");
    const missing = await run({ ...sh(""), path: "/nonexistent" }).catch((error) => explain(error));
    expect(missing).toContain('execve "/nonexistent": ENOENT');
    await expect(run(sh("sleep 100", 0.05))).rejects.toThrow("it took longer than its timeout");
  });

  test("of poststop all run, and what went wrong comes back", () => {
    const hooks = { poststop: [sh("exit 1"), { path: "/nonexistent" }, sh("cat > last")] };
    expect(runPoststopHooks(hooks, container)).toEqual([
      'run hook poststop[0] "/bin/sh": exit code 1',
      expect.stringContaining('run hook poststop[1] "/nonexistent": '),
    ]);
    expect(readFileSync(join(bundle, "last"), "utf8")).toContain('"status":"stopped","pid":0');
  });
});
