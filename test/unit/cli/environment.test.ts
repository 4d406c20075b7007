import { describe, expect, test } from "bun:test";
import { parseEnvironmentFile } from "../../../src/cli/environment.ts";

const environment = { HOME: "/root", EMPTY: "" };

describe("parseEnvironmentFile()", () => {
  test("follows docker's rules", () => {
    const content = [
      "\uFEFF# a comment",
      "",
      "A=1",
      "  B=two words ",
      "C='quoted' # not a comment",
      "D=",
      "E=a=b",
      "HOME",
      "EMPTY",
      "MISSING",
      "   # indented comment",
      "F=crlf\r",
      "G=last",
    ].join("\n");
    expect(parseEnvironmentFile(content, "env", environment)).toEqual([
      "A=1",
      "B=two words ",
      "C='quoted' # not a comment",
      "D=",
      "E=a=b",
      "HOME=/root",
      "EMPTY=",
      "F=crlf",
      "G=last",
    ]);
  });

  test.each([
    ["A=1\n=2", 'read variables from "env": line 2: no name before the ='],
    ["export A=1", 'read variables from "env": line 1: "export A" is not a name'],
  ])("refuses %j", (content, message) => {
    expect(() => parseEnvironmentFile(content, "env", environment)).toThrow(message);
  });
});
