import { describe, expect, test } from "bun:test";
import { splitWords } from "../../../src/cli/words.ts";

describe("splitWords()", () => {
  test.each<[string, string[]]>([
    ["", []],
    ["   ", []],
    ["ls", ["ls"]],
    ["-c ls", ["-c", "ls"]],
    ["  a\t b\nc  ", ["a", "b", "c"]],
    ["-c 'echo hello world'", ["-c", "echo hello world"]],
    ['-c "echo $HOME"', ["-c", "echo $HOME"]],
    ["a''b", ["ab"]],
    ["''", [""]],
    ['a "" b', ["a", "", "b"]],
    [`'it'"'"'s'`, ["it's"]],
    ["a\\ b", ["a b"]],
    ["a\\\nb", ["ab"]],
    ["'a\\b'", ["a\\b"]],
    ['"a\\b"', ["a\\b"]],
    ['"a\\"b"', ['a"b']],
    ['"\\\\ \\$ \\`"', ["\\ $ `"]],
    ['"a\\\nb"', ["ab"]],
    ["a'b c'd", ["ab cd"]],
    ["a#b # c", ["a#b", "#", "c"]],
    ["$HOME *.c ~", ["$HOME", "*.c", "~"]],
    ["ä 'ö ü'", ["ä", "ö ü"]],
    ['["/bin/sh", "-c", "echo hi"]', ["/bin/sh", "-c", "echo hi"]],
    ["[]", []],
    [' [ "a" ] ', ["a"]],
    ["[ -f /etc/passwd ]", ["[", "-f", "/etc/passwd", "]"]],
  ])("splits %j", (text, words) => {
    expect(splitWords(text, "-cmd")).toEqual(words);
  });

  test.each([
    ["echo 'a", `flag -cmd: the quote at character 6 of "echo 'a" is never closed`],
    ['"a', 'flag -cmd: the quote at character 1 of "\\"a" is never closed'],
    ["a\\", 'flag -cmd: "a\\\\" ends in a backslash'],
    ['["a"', 'flag -cmd: "[\\"a\\"" begins as a JSON array and is none'],
    ["[1]", 'flag -cmd: "[1]" is not an array of strings'],
    ['["a", null]', 'flag -cmd: "[\\"a\\", null]" is not an array of strings'],
  ])("refuses %j", (text, message) => {
    expect(() => splitWords(text, "-cmd")).toThrow(message);
  });
});
