/** Exit codes: the container's own, 125 for our failure, 126 and 127 for its program, 128+n for a signal. */
import { describe, expect, test } from "bun:test";
import { useCurrunt } from "../fixtures/currunt.ts";

const file = useCurrunt();

describe("exit codes", () => {
  for (const code of [0, 1, 2, 124, 125, 126, 127, 255]) {
    test(`run passes ${code} on`, async () => {
      expect((await file.current.inside(`exit ${code}`)).code).toBe(code);
    });
  }

  test("run gives 128 and the signal's number for a program that a signal ended", async () => {
    // PID 1 of a namespace ignores its own signals: a child of it is the one that dies, the shell passes that on.
    expect((await file.current.inside("sh -c 'kill -SEGV $$'; exit $?")).code).toBe(139);
    const id = await file.current.detached(["sleep", "1000"]);
    const waiting = file.current.run(["wait", id]);
    await file.current.ok("kill", id);
    expect((await waiting).stdout).toBe("137\n");
    await file.current.ok("rm", id);
  });

  const failures = [
    { command: ["/not-executable"], code: 126, says: /not-executable.*(permission denied|not executable)/i },
    { command: ["/etc"], code: 126, says: /etc/ },
    {
      command: ["no-such-program"],
      code: 127,
      says: /no-such-program.*not found|not found.*no-such-program/i,
    },
    { command: ["/no/such/program"], code: 127, says: /\/no\/such\/program/ },
    { command: ["/bad-interpreter"], code: 127, says: /bad-interpreter/ },
  ];
  for (const { command, code, says } of failures) {
    test(`run gives ${code} for ${command[0]}`, async () => {
      const image = await file.current.image();
      const failed = await file.current.run(["run", "-rm", "-network", "none", image, ...command]);
      expect(failed.code).toBe(code);
      expect(failed.stderr).toMatch(says);
      expect(failed.stdout).toBe("");
      expect(await file.current.ok("ps", "-all", "-quiet")).toBe("");
    });

    test(`a detached run gives ${code} for ${command[0]} and leaves nothing running`, async () => {
      const image = await file.current.image();
      const failed = await file.current.run(["run", "-detach", "-rm", "-network", "none", image, ...command]);
      expect(failed.code).toBe(code);
      expect(failed.stderr).toMatch(says);
      expect(await file.current.remaining()).toEqual([]);
    });

    test(`exec gives ${code} for ${command[0]}`, async () => {
      const id = await file.current.detached(["sleep", "1000"], "-rm");
      const failed = await file.current.run(["exec", id, ...command]);
      await file.current.ok("rm", "-force", id);
      expect(failed.code).toBe(code);
      expect(failed.stderr).toMatch(says);
    });
  }

  test("exec passes the code on, and 128+n", async () => {
    const id = await file.current.detached(["sleep", "1000"], "-rm");
    expect((await file.current.run(["exec", id, "sh", "-c", "exit 5"])).code).toBe(5);
    expect((await file.current.run(["exec", id, "sh", "-c", "kill -TERM $$"])).code).toBe(143);
    await file.current.ok("rm", "-force", id);
  });

  test("our own failures are 125", async () => {
    expect((await file.current.run(["run", "-no-such-flag", "x"])).code).toBe(125);
    expect((await file.current.run(["run"])).code).toBe(125);
    expect((await file.current.run(["run", "-pull", "never", "127.0.0.1:1/absent"])).code).toBe(125);
    expect((await file.current.run(["exec", "absent", "true"])).code).toBe(125);
  });
});
