import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { commands } from "../../../src/cli/commands.ts";
import { spellings } from "../../../src/cli/spellings.ts";

const main = join(import.meta.dir, "../../../src/main.ts");

/** Runs the program from its sources. */
function currunt(...argv: string[]): { code: number; out: string; err: string } {
  const { exitCode, stdout, stderr } = Bun.spawnSync([process.execPath, main, ...argv], { stdin: "ignore" });
  return { code: exitCode, out: stdout.toString(), err: stderr.toString() };
}

describe("currunt", () => {
  test.each([["version"], ["--version"], ["-v"], ["-version"]])("%s begins as dockerd reads it", (word) => {
    const { code, out, err } = currunt(word);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toMatch(/^currunt version \S+\ncommit: \S+\nspec: 1\.3\.0\n$/);
  });

  test.each([["help"], ["-help"], ["--help"], ["-h"]])("%s shows the overview", (word) => {
    const { code, out, err } = currunt(word);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toContain("usage: currunt [flags] COMMAND");
    expect(out).not.toContain("monitor");
  });

  test("without a command shows the overview as an error", () => {
    const { code, out, err } = currunt();
    expect({ code, out }).toEqual({ code: 125, out: "" });
    expect(err).toContain("usage: currunt [flags] COMMAND");
  });

  test("an unknown command is an error with the nearest name", () => {
    const { code, out, err } = currunt("versoin");
    expect({ code, out }).toEqual({ code: 125, out: "" });
    expect(err).toBe(
      'currunt: unknown command "versoin": did you mean "version"?\nhint: "currunt help" lists the commands\n',
    );
  });

  test("global flags stand before and after the command", () => {
    for (const argv of [
      ["-data-root", "/x", "version", "-format", "json"],
      ["version", "-data-root=/x", "-format=json"],
    ]) {
      expect(currunt(...argv)).toMatchObject({ code: 0, err: "" });
    }
  });

  test("an unknown flag is exit code 125, before the command too", () => {
    expect(currunt("version", "-nothing").code).toBe(125);
    expect(currunt("-nothing", "version").code).toBe(125);
    expect(currunt("version", "extra")).toMatchObject({
      code: 125,
      err: 'currunt: version: takes no arguments, and "extra" is one too many\nhint: usage: currunt version [flags]\n',
    });
  });

  test("-log-format json carries a stable code", () => {
    const { code, err } = currunt("-log-format", "json", "version", "-nothing");
    expect(code).toBe(125);
    expect(JSON.parse(err)).toMatchObject({ level: "error", code: "invalid", msg: "unknown flag -nothing" });
  });

  test("a closed pipe is silent and ends as if by SIGPIPE", async () => {
    const script = `trap "" PIPE; { while echo; do :; done 2>/dev/null; "$0" "$@"; echo "code $?" >&2; } | true`;
    const child = Bun.spawn(["sh", "-c", script, process.execPath, main, "help"], { stderr: "pipe" });
    expect(await child.stderr.text()).toBe("code 141\n");
  });
});

describe("commands", () => {
  test.each(["run", "exec", "ps", "logs", "stop", "rmi", "man"])("%s -help is the help of it", (name) => {
    const { code, out, err } = currunt(name, "-help");
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toStartWith(`usage: currunt ${name}`);
    expect(currunt("help", name).out).toBe(out);
  });

  test("-h is help, but the host name for run", () => {
    expect(currunt("ps", "-h").out).toStartWith("usage: currunt ps");
    expect(currunt("run", "-h").err).toBe("currunt: flag -h: needs a value\n");
  });

  test.each<[string[], string]>([
    [["run"], "no image was named"],
    [["run", "-imge", "x"], "unknown flag -imge: did you mean -image?"],
    [["run", "-cpus", "1", "-cpu-quota", "5", "x"], "-cpus was given, and -cpu-period or -cpu-quota"],
    [["run", "-p", "80:80", "x"], "published ports need the bridge network"],
    [["run", "-it", "busybox"], "-interactive and -tty were given, and standard input is not a terminal"],
    [["create", "-attach", "x"], "flag -attach: is a flag of start"],
    [["exec", "-it", "web", "sh"], "standard input is not a terminal"],
    [["exec", "web"], "exec: needs the name of a container and a command"],
    [["logs"], "logs: needs the name of a container"],
    [["logs", "-tail", "few", "web"], 'flag -tail: "few" is not a number of lines or "all"'],
    [["kill", "-signal", "NONE", "web"], 'flag -signal: "NONE" is not a signal'],
    [["start", "-attach", "a", "b"], "start: -attach and -interactive take one container"],
    [["inspect", "-type", "volume", "x"], 'flag -type: "volume" is not one of container, image'],
    [["ps", "extra"], 'ps: takes no arguments, and "extra" is one too many'],
    [["completion", "csh"], 'completion: there is none for "csh"'],
  ])("%j is refused with exit code 125", (argv, message) => {
    const { code, out, err } = currunt(...argv);
    expect({ code, out }).toEqual({ code: 125, out: "" });
    expect(err).toStartWith("currunt: ");
    expect(err).toContain(message);
  });
});

test("the container's own arguments do not choose how errors are written", () => {
  const { code, err } = currunt("run", "-it", "image", "--log-format", "json", "-debug");
  expect(code).toBe(125);
  expect(err).toBe(
    "currunt: -interactive and -tty were given, and standard input is not a terminal\nhint: leave -tty out to pass standard input on as it is\n",
  );
});

test("a full disk behind standard output is told", () => {
  const { exitCode, stderr } = Bun.spawnSync([
    "sh",
    "-c",
    '"$0" "$@" >/dev/full',
    process.execPath,
    main,
    "help",
  ]);
  expect(exitCode).toBe(125);
  expect(stderr.toString()).toMatch(/^currunt: write to standard output: .*ENOSPC|no space/i);
});

test("an error on a terminal is plain text", () => {
  const line = `${process.execPath} ${main} nothing`;
  const { stdout } = Bun.spawnSync(["script", "-qec", line, "/dev/null"], {
    env: { ...process.env, TERM: "xterm" },
  });
  expect(stdout.toString()).toBe(
    'currunt: unknown command "nothing"\r\nhint: "currunt help" lists the commands\r\n',
  );
});

describe("commands of two words", () => {
  test("each other spelling leads to a command, and is not one itself", () => {
    for (const [spelling, [name = ""]] of Object.entries(spellings)) {
      expect(Object.keys(commands)).toContain(name);
      expect(Object.keys(commands)).not.toContain(spelling);
    }
  });

  test("have help, by either spelling", () => {
    expect(currunt("help", "image", "prune").out).toStartWith("usage: currunt image prune");
    expect(currunt("image", "ls", "-help").out).toStartWith("usage: currunt images");
    expect(currunt("help", "container", "ls").out).toStartWith("usage: currunt ps");
  });

  test("say what there is when the second word is missing or unknown", () => {
    const { code, err } = currunt("image");
    expect(code).toBe(125);
    expect(err).toContain("there are history, import, inspect");
    expect(currunt("image", "prnue").err).toContain('did you mean "image prune"?');
    expect(currunt("-data-root", "/x", "system", "nothing").err).toContain(
      'unknown command "system nothing"',
    );
  });
});
