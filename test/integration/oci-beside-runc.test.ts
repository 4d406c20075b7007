/** The OCI runtime beside runc: the same commands on the same bundle, and what callers read of them is the same. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Oci } from "../fixtures/oci.ts";

const runc = Bun.which("runc");

describe.skipIf(runc === null)("as runc does", () => {
  let both: readonly Oci[];
  beforeAll(async () => {
    both = [await Oci.make(), await Oci.make(runc ?? "")];
  });
  afterAll(async () => {
    for (const one of both) await one[Symbol.asyncDispose]();
  });

  /** What one of the two answers, by a function that takes out what may differ; both answers, ours first. */
  async function compare<T>(ask: (oci: Oci) => Promise<T>): Promise<void> {
    const [ours, theirs] = await Promise.all(both.map(ask));
    expect<unknown>(ours).toEqual(theirs);
  }

  const change = {
    linux: { namespaces: (["mount", "pid", "ipc", "uts", "network"] as const).map((type) => ({ type })) },
  };

  test("state, list and ps have the same shape through a container's life", async () => {
    await compare(async (oci) => {
      const id = `beside-${oci.program.split("/").at(-1)}`;
      await oci.create(id, change, "--pid-file", "pid");
      const seen: unknown[] = [];
      const look = async () => {
        const { pid, ...state } = await oci.state(id);
        const [listed = {}] = JSON.parse(await oci.ok("list", "-f", "json"));
        seen.push(
          Object.keys(state).sort(),
          state.status,
          pid > 0,
          Object.keys(listed).sort(),
          listed.status,
        );
      };
      await look();
      await oci.ok("start", id);
      await look();
      const pids = JSON.parse(await oci.ok("ps", "-f", "json", id));
      seen.push(pids.length, (await oci.ok("ps", id)).split("\n")[0]?.trim().split(/\s+/));
      await oci.ok("pause", id);
      await look();
      await oci.ok("resume", id);
      await oci.ok("kill", id, "KILL");
      while ((await oci.state(id)).status !== "stopped") await Bun.sleep(5);
      await look();
      await oci.ok("delete", id);
      return [...seen, await oci.ok("list", "-q")];
    });
  });

  test("exit codes are the same", async () => {
    await compare(async (oci) => {
      const id = `beside-${oci.program.split("/").at(-1)}`;
      const codes: number[] = [];
      const call = async (...args: string[]) => {
        codes.push((await oci.call(args)).code);
      };
      oci.configure({ ...change, process: { args: ["sh", "-c", "exit 3"] } });
      await call("run", id);
      oci.configure({ ...change, process: { args: ["nothing"] } });
      await call("run", id);
      await call("create", id);
      await call("start", id);
      await call("state", id);
      await call("delete", id);
      await call("delete", "--force", id);
      await oci.create(id, change);
      await call("create", id);
      await call("exec", id, "nothing");
      await call("exec", id, "sh", "-c", "exit 5");
      await call("start", id);
      await call("start", id);
      await call("delete", id);
      await call("resume", id);
      await call("kill", id, "NOSUCH");
      await call("kill", id, "9");
      await call("delete", "--force", id);
      return codes;
    });
  });

  test("errors have the words that callers look for", async () => {
    const cases: [string, string[]][] = [
      ["does not exist", ["state", "none"]],
      ["does not exist", ["start", "none"]],
      ["does not exist", ["kill", "none", "9"]],
      ["does not exist", ["delete", "none"]],
      ["does not exist", ["exec", "none", "true"]],
      ["invalid container ID format", ["create", "a/b"]],
    ];
    for (const [words, args] of cases) {
      for (const oci of both) expect((await oci.call(args)).stderr).toContain(words);
    }
  });
});
