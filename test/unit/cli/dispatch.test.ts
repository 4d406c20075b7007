import { describe, expect, test } from "bun:test";
import { join } from "node:path";

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
