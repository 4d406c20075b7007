import { expect, test } from "bun:test";
import { CurruntError } from "../../../src/base/error.ts";
import { globalFlags } from "../../../src/cli/global.ts";
import { runFlags } from "../../../src/cli/run-flags.ts";
import { readRunOptions } from "../../../src/cli/run-options.ts";
import { tokenize } from "../../../src/cli/tokenize.ts";

const table = { ...runFlags, ...globalFlags };
const pieces = [
  ...Object.keys(table).flatMap((name) => [`-${name}`, `--${name}`, `-${name}=`, `--no-${name}`]),
  ...["-i", "-t", "-it", "-e", "-v", "-p", "-x", "-", "--", "---", "-=", "--=", "", " ", "=", ":", "/", "\0"],
  ...[
    "A=1",
    "/a:/b",
    ".:/c:ro",
    "1:2",
    "host",
    "none",
    "[",
    '["a"]',
    "'",
    '"',
    "\\",
    "64m",
    "1s",
    "-1",
    "ä",
    "💥",
  ],
  ...["true", "false", "always", "ctrl-a", "nofile=1:2", "seccomp=x", "busybox", "sh", "-c", "__proto__"],
];

/** The same numbers each time: xorshift, so that a failure can be repeated. */
function* numbers(seed: number): Generator<number, never> {
  let state = seed;
  for (;;) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    yield state >>> 0;
  }
}

test("any command line is either read or refused with an error of ours", async () => {
  const random = numbers(2463534242);
  const next = (below: number) => random.next().value % below;
  let read = 0;
  for (let round = 0; round < 5000; round++) {
    const argv = Array.from({ length: next(6) }, () =>
      Array.from({ length: 1 + (next(4) === 0 ? 1 : 0) }, () => pieces[next(pieces.length)] ?? "").join(""),
    );
    try {
      const { values, given, positionals } = tokenize(table, argv, {
        stopAtPositional: true,
        environment: {},
        help: "currunt help run",
      });
      await readRunOptions({ flags: values, given, positionals, directory: "/", environment: {} });
      read++;
    } catch (error) {
      if (error instanceof CurruntError && /^[\x20-\uffff]/.test(error.message)) continue;
      throw new Error(`${JSON.stringify(argv)} ended in ${error}`, { cause: error });
    }
  }
  expect(read).toBeGreaterThan(250);
});
