/** `run` in the foreground: streams, commands, overrides and the exit code, without a terminal. */
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { useCurrunt } from "../fixtures/currunt.ts";

const file = useCurrunt();

describe("run -attach", () => {
  test("keeps standard output and standard error apart and passes the exit code on", async () => {
    const { code, stdout, stderr } = await file.current.inside("echo out; echo err >&2; exit 42");
    expect({ code, stdout, stderr }).toEqual({ code: 42, stdout: "out\n", stderr: "err\n" });
  });

  test("says that its own standard output is full, and not that the container failed", async () => {
    const { program, env } = file.current;
    const image = await file.current.image();
    const script = `"$0" run -rm -network none ${image} echo lost > /dev/full`;
    const { exitCode, stderr } = Bun.spawnSync(["sh", "-c", script, program], { env });
    expect(exitCode).toBe(125);
    expect(stderr.toString()).toContain("wrote to stdout: write: ENOSPC");
  });

  test("the seed's form: -image, -entrypoint, -cmd and -workdir", async () => {
    const image = await file.current.image();
    const flags = ["-entrypoint", "/bin/sh", "-cmd", `-c "ls"`, "-workdir", "/proc"];
    const { code, stdout } = await file.current.run(["run", "-rm", "-attach", "-image", image, ...flags]);
    expect(code).toBe(0);
    expect(stdout.split("\n")).toContain("self");
    expect(stdout.split("\n")).toContain("1");
  });

  test("-cmd and -entrypoint split words as a shell does, and take a JSON array", async () => {
    const image = await file.current.image();
    const script = `for a in "$@"; do echo "[$a]"; done`;
    const words = await file.current.run([
      ...["run", "-rm", "-attach", "-image", image, "-entrypoint", `sh -c '${script}' name`],
      ...["-cmd", `one "two words" 'it''s' back\\ slash ""`],
    ]);
    expect(words.stderr).toBe("");
    expect(words.stdout).toBe("[one]\n[two words]\n[its]\n[back slash]\n[]\n");
    const json = await file.current.run([
      ...[
        "run",
        "-rm",
        "-attach",
        "-image",
        image,
        "-entrypoint",
        JSON.stringify(["sh", "-c", script, "name"]),
      ],
      ...["-cmd", JSON.stringify(["a b", "", '"'])],
    ]);
    expect(json.stdout).toBe('[a b]\n[]\n["]\n');
  });

  test("double dashes, docker's short flags and -- mean the same", async () => {
    const image = await file.current.image();
    const { stdout } = await file.current.run([
      ...["run", "--rm", "-w", "/tmp", "-e", "A=1", "-eB=2", "--env=C=3", "-u", "1000", image],
      ...["sh", "-c", "echo $(pwd) $A$B$C $(id -u)"],
    ]);
    expect(stdout).toBe("/tmp 123 1000\n");
  });

  test("flags after the image belong to the command", async () => {
    const image = await file.current.image();
    const { stdout } = await file.current.run(["run", "--rm", image, "echo", "-name", "--rm", "--help"]);
    expect(stdout).toBe("-name --rm --help\n");
  });

  test("passes standard input with -interactive to its end, and none without", async () => {
    const image = await file.current.image();
    const input = "x".repeat(300_000);
    const interactive = await file.current.run(
      ["run", "-rm", "-attach", "-interactive", "-image", image, "-cmd", "wc -c"],
      {
        stdin: input,
      },
    );
    expect(interactive.stdout.trim()).toBe("300000");
    const without = await file.current.run(["run", "-rm", "-attach", "-image", image, "-cmd", "wc -c"], {
      stdin: input,
    });
    expect(without.stdout.trim()).toBe("0");
  });

  test("loses no byte of a large output", async () => {
    const { stdout } = await file.current.inside("yes 0123456789 | head -c 20000000");
    expect(stdout.length).toBe(20_000_000);
  }, 60_000);

  test("ends quietly when nobody reads its output", async () => {
    const image = await file.current.image();
    const command = `"${file.current.program}" run -rm -name unread "${image}" yes | head -n 1`;
    const child = Bun.spawn(["bash", "-c", command], {
      env: file.current.env,
      stdout: "pipe",
      stderr: "pipe",
    });
    expect(await new Response(child.stdout).text()).toBe("y\n");
    await child.exited;
    expect(await new Response(child.stderr).text()).toBe("");
    // The container outlives its client, as it does a terminal that goes away.
    await file.current.ok("rm", "-force", "unread");
  });

  test("-env, -env-file and a name alone set the environment, and nothing of the caller's leaks", async () => {
    const list = join(file.current.work, "list");
    await writeFile(list, "# comment\n\nFROM_FILE=a b=c\nBOTH=file\nCALLER\n");
    try {
      const flags = ["-env-file", list, "-env", "BOTH=flag", "-env", "CALLER", "-env", "EMPTY="];
      const image = await file.current.image();
      const { stdout } = await file.current.run(["run", "--rm", ...flags, image, "env"], {
        env: { CALLER: "from outside", SECRET: "must not leak" },
      });
      const lines = stdout.trim().split("\n");
      expect(lines).toContain("FROM_FILE=a b=c");
      expect(lines).toContain("BOTH=flag");
      expect(lines).toContain("CALLER=from outside");
      expect(lines).toContain("EMPTY=");
      expect(lines).toContain("HOME=/root");
      expect(stdout).not.toContain("SECRET");
      expect(stdout).not.toContain("CURRUNT");
    } finally {
      await rm(list);
    }
  });

  test("-hostname is the host name, the default is the start of the ID", async () => {
    const named = await file.current.inside(
      "hostname; cat /etc/hostname; grep ship /etc/hosts",
      "-hostname",
      "ship",
    );
    expect(named.stdout).toMatch(/^ship\nship\n.*\bship\n$/);
    const cid = join(file.current.work, "cid");
    const unnamed = await file.current.inside("hostname", "-cidfile", cid);
    const id = (await readFile(cid, "utf8")).trim();
    await rm(cid);
    expect(id).toMatch(/^[0-9a-f]{64}$/);
    expect(unnamed.stdout.trim()).toBe(id.slice(0, 12));
  });

  test("-cidfile refuses a file that exists and is not left when the run fails", async () => {
    const cid = join(file.current.work, "cid");
    await writeFile(cid, "mine");
    const refused = await file.current.inside("true", "-cidfile", cid);
    expect(refused.code).toBe(125);
    expect(refused.stderr).toContain(cid);
    expect(await readFile(cid, "utf8")).toBe("mine");
    await rm(cid);
  });

  test("-rm removes the container, without it the container stays with its exit code", async () => {
    await file.current.inside("exit 3");
    expect(await file.current.ok("ps", "-all", "-quiet")).toBe("");
    const image = await file.current.image();
    const kept = await file.current.run([
      "run",
      "-attach",
      "-name",
      "kept",
      "-image",
      image,
      "-cmd",
      "sh -c 'exit 3'",
    ]);
    expect(kept.code).toBe(3);
    const listed = JSON.parse(await file.current.ok("ps", "-all", "-format", "json"));
    expect(listed).toHaveLength(1);
    expect(JSON.stringify(listed)).toContain("kept");
    await file.current.ok("rm", "kept");
    expect(await file.current.ok("ps", "-all", "-quiet")).toBe("");
  });

  test("-read-only makes the root read-only but not its tmpfs and volumes", async () => {
    const { stdout, code } = await file.current.inside(
      "touch /x 2>/dev/null || echo refused; touch /scratch/x /dev/shm/x && echo written",
      ...["-read-only", "-tmpfs", "/scratch"],
    );
    expect({ code, stdout }).toEqual({ code: 0, stdout: "refused\nwritten\n" });
  });

  test("-label is kept and shown by inspect", async () => {
    const id = await file.current.detached(["sleep", "1000"], "-label", "a.b=c d", "-label", "bare");
    const text = JSON.stringify(await file.current.inspect(id));
    expect(text).toContain('"a.b":"c d"');
    expect(text).toContain('"bare":""');
    await file.current.ok("rm", "-force", id);
  });

  test("forwards signals that reach the client to the program", async () => {
    const image = await file.current.image();
    const script = "trap 'echo got TERM; exit 9' TERM; echo ready; while :; do sleep 0.05; done";
    const child = file.current.spawn(["run", "-rm", "-network", "none", image, "sh", "-c", script]);
    const reader = child.stdout.getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).toBe("ready\n");
    child.kill("SIGTERM");
    expect(new TextDecoder().decode((await reader.read()).value)).toBe("got TERM\n");
    expect(await child.exited).toBe(9);
  });

  test("--dry-run prints the plan and changes nothing", async () => {
    const image = await file.current.image();
    const { code, stdout } = await file.current.run(["run", "--dry-run", "-rm", image, "true"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^clone init into new namespaces: .*pid/);
    expect(stdout).toContain("the root and let go of the old one");
    expect(stdout).toMatch(/\nexecute "true" from .*\n$/);
    expect(await file.current.ok("ps", "-all", "-quiet")).toBe("");
    expect(existsSync(join(file.current.runRoot, "shim"))).toBe(false);
  });
});
