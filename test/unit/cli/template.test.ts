import { describe, expect, test } from "bun:test";
import { parseTemplate } from "../../../src/cli/template.ts";

const data = {
  ID: "abc",
  Names: ["web", "www"],
  Labels: { "a.b": "c" },
  State: { Pid: 7, Running: true },
  None: null,
};

describe("parseTemplate()", () => {
  test.each([
    ["plain", "plain"],
    ["{{.ID}}", "abc"],
    ["{{ .ID }}", "abc"],
    ["{{- .ID -}}", "abc"],
    ["{{.ID}}: {{.State.Pid}}", "abc: 7"],
    ["{{.state.running}}", "true"],
    ["{{.ID}}\\t{{.None}}|\\n", "abc\t|\n"],
    ["{{json .Names}}", '["web","www"]'],
    ["{{json .ID}}", '"abc"'],
    ["{{json .}}", JSON.stringify(data)],
    ['{{join .Names ", "}}', "web, www"],
    ['{{join .Names "\\n"}}', "web\nwww"],
    ["{{.Labels}}", '{"a.b":"c"}'],
  ])("renders %j", (source, expected) => {
    expect(parseTemplate(source).render(data)).toBe(expected);
  });

  test.each([
    ["{{ID}}", 'flag -format: cannot read "{{ID}}"'],
    ["{{}}", 'flag -format: cannot read "{{}}"'],
    ["{{range .Names}}", 'flag -format: cannot read "{{range .Names}}"'],
    ["{{join .Names}}", 'flag -format: cannot read "{{join .Names}}"'],
    ['{{.ID "x"}}', 'flag -format: cannot read "{{.ID \\"x\\"}}"'],
  ])("refuses %j when it is read", (source, message) => {
    expect(() => parseTemplate(source)).toThrow(message);
  });

  test("shows texts, and hands json, join and paths the structured data", () => {
    const render = (source: string) =>
      parseTemplate(source).render({ L: "a=1,b=2" }, { L: { a: "1", b: ["x", "y"] } });
    expect(render("{{.L}}")).toBe("a=1,b=2");
    expect(render("{{json .L.a}}")).toBe('"1"');
    expect(render("{{.L.a}}")).toBe("1");
    expect(render('{{join .L.b "+"}}')).toBe("x+y");
  });

  test("names the fields when one does not exist", () => {
    expect(() => parseTemplate("{{.Nmes}}").render(data)).toThrow(
      'flag -format: there is no field ".Nmes": did you mean ".Names"?',
    );
    expect(() => parseTemplate('{{join .ID ","}}').render(data)).toThrow('".ID" is not a list');
  });
});
