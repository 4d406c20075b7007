/** A detached container's life: ps, logs, stop, kill, rm, inspect, wait, start, attach, exec, names and prefixes. */
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { tryLock } from "../../src/sys/lock.ts";
import { useCurrunt } from "../fixtures/currunt.ts";
import { eachLine } from "../fixtures/registry.ts";

const file = useCurrunt();

async function remove(...ids: string[]): Promise<void> {
  await file.current.ok("rm", "-force", ...ids);
}

describe("run -image alone", () => {
  test("detaches, prints the ID and leaves the container running", async () => {
    const image = await file.current.image();
    const { code, stdout, stderr } = await file.current.run(["run", "-image", image, "-cmd", "sleep 1000"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^[0-9a-f]{64}\n$/);
    const id = stdout.trim();
    expect(await file.current.ok("ps", "-quiet")).toBe(id.slice(0, 12));
    await remove(id);
  });

  test("says on standard error that the host's network is shared, or the documentation does", async () => {
    const help = await file.current.ok("run", "-help");
    expect(help).toMatch(/network[\s\S]*host/);
  });
});

test("a container that another command is at for a moment is waited for, and not for long", async () => {
  const id = await file.current.detached(["true"], "-name", "taken");
  await file.current.ok("wait", id);
  const path = join(file.current.data, "containers", id, "lock");
  for (const args of [
    ["cp", `${id}:/bin`, "-"],
    ["diff", id],
    ["start", id],
    ["rm", id],
  ]) {
    const held = tryLock(path);
    const command = file.current.run(args);
    // Long enough for the command to find it held.
    await Bun.sleep(150);
    expect({ args, ended: await Promise.race([command, "no"]) }).toEqual({ args, ended: "no" });
    held?.close();
    expect({ args, code: (await command).code }).toEqual({ args, code: 0 });
    if (args[0] === "start") await file.current.ok("wait", id);
  }
});

describe("ps", () => {
  test("lists running containers, all of them with -all, as a table and as JSON", async () => {
    const running = await file.current.detached(["sleep", "1000"], "-name", "runs");
    const ended = await file.current.detached(["sh", "-c", "exit 3"], "-name", "ended");
    await file.current.ok("wait", ended);
    const table = await file.current.ok("ps");
    expect(table).toContain(running.slice(0, 12));
    expect(table).toContain("runs");
    expect(table).toContain("sleep 1000");
    expect(table).not.toContain("ended");
    const all = await file.current.ok("ps", "-all");
    expect(all).toContain("ended");
    expect(all).toMatch(/\(3\)|\b3\b/);
    const json = JSON.parse(await file.current.ok("ps", "-all", "-format", "json"));
    expect(json).toHaveLength(2);
    expect(JSON.stringify(json)).toContain(running);
    expect((await file.current.ok("ps", "-aq")).split("\n").sort()).toEqual(
      [running, ended].map((id) => id.slice(0, 12)).sort(),
    );
    await remove(running, ended);
  });
});

describe("names", () => {
  test("a container is found by name, ID and the unique start of its ID", async () => {
    const id = await file.current.detached(["sleep", "1000"], "-name", "found");
    for (const name of ["found", id, id.slice(0, 12), id.slice(0, 6)]) {
      expect((await file.current.inspect(name)).id ?? (await file.current.inspect(name)).Id).toBe(id);
    }
    await remove(id);
  });

  test("a name that is taken is refused, and free again after rm", async () => {
    const first = await file.current.detached(["sleep", "1000"], "-name", "taken");
    const image = await file.current.image();
    const second = await file.current.run(["run", "-detach", "-name", "taken", image, "true"]);
    expect(second.code).toBe(125);
    expect(second.stderr).toContain("taken");
    await remove(first);
    const third = await file.current.detached(["sleep", "1000"], "-name", "taken");
    await remove(third);
  });

  for (const name of ["", "-x", "a b", "a/b", ".", "é", "x".repeat(300)]) {
    test(`the name ${JSON.stringify(name).slice(0, 20)} is refused`, async () => {
      const { code, stderr } = await file.current.inside("true", "-name", name);
      expect(code).toBe(125);
      expect(stderr).toContain("name");
    });
  }
});

describe("logs", () => {
  test("gives both streams where they belong, with -tail and -timestamps", async () => {
    const id = await file.current.detached(["sh", "-c", "echo 1; echo 2 >&2; echo 3; printf 'no newline'"]);
    await file.current.ok("wait", id);
    const all = await file.current.run(["logs", id]);
    expect(all.stdout).toBe("1\n3\nno newline");
    expect(all.stderr).toBe("2\n");
    expect(await file.current.ok("logs", "-tail", "1", id)).toBe("no newline");
    expect(await file.current.ok("logs", "-timestamps", id)).toMatch(/^\d{4}-\d\d-\d\dT\S+ 1\n\d{4}-\S+ 3\n/);
    await remove(id);
  });

  test("-follow ends with the container and misses nothing", async () => {
    const id = await file.current.detached([
      "sh",
      "-c",
      "for i in $(seq 2000); do echo line $i; done; exit 0",
    ]);
    const { stdout, code } = await file.current.run(["logs", "-follow", id]);
    expect(code).toBe(0);
    expect(stdout).toBe(Array.from({ length: 2000 }, (_, index) => `line ${index + 1}\n`).join(""));
    await remove(id);
  });

  test("keeps a very long line whole", async () => {
    const id = await file.current.detached([
      "sh",
      "-c",
      "head -c 100000 /dev/zero | tr '\\0' x; echo; echo end",
    ]);
    await file.current.ok("wait", id);
    expect(await file.current.ok("logs", id)).toBe(`${"x".repeat(100_000)}\nend`);
    await remove(id);
  });
});

describe("stop and kill", () => {
  test("stop sends TERM, waits, and the exit code is the program's", async () => {
    const id = await file.current.detached([
      "sh",
      "-c",
      "trap 'exit 3' TERM; echo ready; while :; do sleep 0.05; done",
    ]);
    await waitForLog(id, "ready");
    await file.current.ok("stop", id);
    expect(await file.current.ok("wait", id)).toBe("3");
    expect(await file.current.remaining()).toEqual([]);
    await remove(id);
  });

  test("stop kills what does not end in time", async () => {
    const id = await file.current.detached([
      "sh",
      "-c",
      "trap '' TERM; echo ready; while :; do sleep 0.05; done",
    ]);
    await waitForLog(id, "ready");
    const begun = performance.now();
    await file.current.ok("stop", "-time", "1", id);
    const took = performance.now() - begun;
    expect(await file.current.ok("wait", id)).toBe("137");
    expect(took).toBeGreaterThan(900);
    await remove(id);
  });

  test("stop of one that has ended is no error; kill of it is", async () => {
    const id = await file.current.detached(["true"]);
    await file.current.ok("wait", id);
    await file.current.ok("stop", id);
    const killed = await file.current.run(["kill", id]);
    expect(killed.code).not.toBe(0);
    expect(killed.stderr).toMatch(/not running/);
    await remove(id);
  });

  test("kill takes names and numbers of signals", async () => {
    const script = "trap 'echo HUP' HUP; trap 'echo USR1' USR1; echo ready; while :; do sleep 0.05; done";
    const id = await file.current.detached(["sh", "-c", script]);
    await waitForLog(id, "ready");
    await file.current.ok("kill", "-signal", "HUP", id);
    await waitForLog(id, "HUP");
    await file.current.ok("kill", "-s", "SIGUSR1", id);
    await waitForLog(id, "USR1");
    await file.current.ok("kill", "--signal=9", id);
    expect(await file.current.ok("wait", id)).toBe("137");
    await remove(id);
  });

  test("every process of the container ends with it", async () => {
    const id = await file.current.detached([
      "sh",
      "-c",
      "(setsid sleep 1000 &) ; (sleep 1000 &); echo ready; sleep 1000",
    ]);
    await waitForLog(id, "ready");
    await file.current.ok("kill", id);
    await file.current.ok("wait", id);
    expect(await file.current.remaining()).toEqual([]);
    await remove(id);
  });
});

describe("rm", () => {
  test("refuses a running container, removes it with -force, and ignores a missing one with -force", async () => {
    const id = await file.current.detached(["sleep", "1000"]);
    const refused = await file.current.run(["rm", id]);
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toMatch(/running/);
    expect(refused.stderr).toMatch(/-force|stop/);
    await file.current.ok("rm", "-force", id);
    expect(existsSync(join(file.current.data, "containers", id))).toBe(false);
    expect(existsSync(join(file.current.runRoot, id))).toBe(false);
    expect((await file.current.run(["rm", id])).code).not.toBe(0);
    await file.current.ok("rm", "-force", id);
  });

  test("takes several, and removes those it can", async () => {
    const ids = [await file.current.detached(["true"]), await file.current.detached(["true"])];
    for (const id of ids) await file.current.ok("wait", id);
    const { code, stderr } = await file.current.run(["rm", ids[0] ?? "", "absent", ids[1] ?? ""]);
    expect(code).not.toBe(0);
    expect(stderr).toContain("absent");
    expect(await file.current.ok("ps", "-aq")).toBe("");
  });
});

describe("wait and start", () => {
  test("wait resolves when the container ends, for several waiters", async () => {
    const id = await file.current.detached(["sh", "-c", "read line; exit 5"], "-interactive");
    const waiters = [1, 2, 3].map(() => file.current.run(["wait", id]));
    await file.current.ok("kill", id);
    for (const waiter of waiters) expect((await waiter).stdout).toBe("137\n");
    await remove(id);
  });

  test("start runs an ended container again on its own files", async () => {
    const id = await file.current.detached(["sh", "-c", "echo run >> /count; cat /count"]);
    await file.current.ok("wait", id);
    await file.current.ok("start", id);
    await file.current.ok("wait", id);
    expect((await file.current.ok("logs", id)).split("\n").filter((line) => line === "run")).toHaveLength(3);
    await remove(id);
  });

  test("create makes one that start -attach runs", async () => {
    const image = await file.current.image();
    const id = await file.current.ok("create", "-network", "none", image, "sh", "-c", "echo made; exit 4");
    expect(await file.current.ok("ps", "-quiet")).toBe("");
    const { stdout, code } = await file.current.run(["start", "-attach", id]);
    expect({ stdout, code }).toEqual({ stdout: "made\n", code: 4 });
    await remove(id);
  });
});

describe("attach", () => {
  test("without a terminal gives what comes from now on, several at once, and passes the exit code on", async () => {
    const id = await file.current.detached(
      ["sh", "-c", "read a; echo got $a; read b; echo got $b; exit 8"],
      "-interactive",
    );
    const [first, second] = [file.current.spawn(["attach", id]), file.current.spawn(["attach", id])];
    const seen: string[] = [];
    const readers = [first, second].map((child) => eachLine(child.stdout, (line) => seen.push(line)));
    first.stdin.write("one\n");
    first.stdin.flush();
    await waitForLog(id, "got one");
    second.stdin.write("two\n");
    second.stdin.flush();
    expect(await first.exited).toBe(8);
    expect(await second.exited).toBe(8);
    await Promise.all(readers);
    expect(seen.filter((line) => line === "got two")).toHaveLength(2);
    await remove(id);
  });

  test("the container goes on when an attached client is killed", async () => {
    const id = await file.current.detached(["sh", "-c", "echo ready; sleep 1000"]);
    const client = file.current.spawn(["attach", id]);
    await waitForLog(id, "ready");
    client.kill("SIGKILL");
    await client.exited;
    await file.current.ok("exec", id, "true");
    await remove(id);
  });
});

describe("exec", () => {
  test("runs in the container's namespaces with its environment, and takes its own", async () => {
    const id = await file.current.detached(["sleep", "1000"], "-env", "A=container", "-hostname", "ship");
    expect(await file.current.ok("exec", id, "sh", "-c", "hostname; echo $A; pwd; id -u")).toBe(
      "ship\ncontainer\n/\n0",
    );
    const flags = ["-env", "A=own", "-workdir", "/tmp", "-user", "alice"];
    expect(await file.current.ok("exec", ...flags, id, "sh", "-c", "echo $A; pwd; id -u; id -G")).toBe(
      "own\n/tmp\n1000\n1000 10 29",
    );
    await remove(id);
  });

  test("passes standard input and keeps the streams apart", async () => {
    const id = await file.current.detached(["sleep", "1000"]);
    const { stdout, stderr, code } = await file.current.run(
      ["exec", "-i", id, "sh", "-c", "cat; echo err >&2; exit 2"],
      {
        stdin: "through\n",
      },
    );
    expect({ stdout, stderr, code }).toEqual({ stdout: "through\n", stderr: "err\n", code: 2 });
    await remove(id);
  });

  test("has the confinement of the container", async () => {
    const id = await file.current.detached(["sleep", "1000"]);
    const status = await file.current.ok(
      "exec",
      id,
      "sh",
      "-c",
      "grep -E 'CapEff|CapBnd|Seccomp:' /proc/self/status",
    );
    expect(status).toBe("CapEff:\t00000000a80425fb\nCapBnd:\t00000000a80425fb\nSeccomp:\t2");
    await remove(id);
  });

  test("in a container that has ended says so", async () => {
    const id = await file.current.detached(["true"]);
    await file.current.ok("wait", id);
    const { code, stderr } = await file.current.run(["exec", id, "true"]);
    expect(code).toBe(125);
    expect(stderr).toMatch(/not running/);
    await remove(id);
  });

  test("-detach returns at once", async () => {
    const id = await file.current.detached(["sleep", "1000"]);
    await file.current.ok("exec", "-detach", id, "sh", "-c", "sleep 1000");
    expect(await file.current.ok("exec", id, "sh", "-c", "ps | grep -c '[s]leep 1000'")).toBe("2");
    await remove(id);
  });
});

/** Resolves when `logs -follow` has shown `text`. */
async function waitForLog(id: string, text: string): Promise<void> {
  const child = file.current.spawn(["logs", "-follow", id]);
  const seen: string[] = [];
  await new Promise<void>((resolve, reject) => {
    void eachLine(child.stdout, (line) => {
      seen.push(line);
      if (line.includes(text)) resolve();
    }).then(() => reject(new Error(`the log ended without ${text}: ${seen.join("\n")}`)));
  });
  child.kill("SIGKILL");
  await child.exited;
}
