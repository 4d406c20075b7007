import { describe, expect, test } from "bun:test";
import { loadAll } from "../../../src/cli/all-commands.ts";
import { commands } from "../../../src/cli/commands.ts";
import { bashScript } from "../../../src/cli/completion-bash.ts";
import { fishScript } from "../../../src/cli/completion-fish.ts";
import { zshScript } from "../../../src/cli/completion-zsh.ts";
import type { Flag } from "../../../src/cli/flag.ts";
import { globalFlags } from "../../../src/cli/global.ts";
import { explanation, renderHelp, renderOverview, spellings } from "../../../src/cli/help.ts";
import { renderManual } from "../../../src/cli/man.ts";

const all = await loadAll();
const texts: [string, string][] = [
  ["overview", renderOverview(commands, globalFlags)],
  ...all.map(({ command }): [string, string] => [command.name, renderHelp(command)]),
];

describe("the help", () => {
  test.each(texts)("of %s is at most 80 columns wide and has no blanks at ends of lines", (_, text) => {
    for (const line of text.split("\n")) {
      expect(line.length).toBeLessThanOrEqual(80);
      expect(line).toBe(line.trimEnd());
    }
  });

  test.each(texts)("of %s is as agreed", (_, text) => {
    expect(text).toMatchSnapshot();
  });

  test("names a command by the name that it is called by", () => {
    expect(all.map(({ command }) => command.name)).toEqual(Object.keys(commands));
  });

  test("tells no flag's name or letter twice", () => {
    for (const { command } of all) {
      const names = Object.entries(command.flags).flatMap(([name, flag]) => [name, ...(flag.aliases ?? [])]);
      const letters = Object.values(command.flags).flatMap((flag) => flag.short ?? []);
      expect(new Set(names).size).toBe(names.length);
      expect(new Set(letters).size).toBe(letters.length);
    }
  });

  test("says what a flag takes, its default and its variable", () => {
    const flag: Flag = {
      type: "size",
      short: "m",
      help: "limit",
      default: "1m",
      env: "LIMIT",
      repeatable: true,
    };
    expect(spellings("memory", flag)).toBe("-m, -memory SIZE");
    expect(explanation(flag)).toBe("limit (repeatable; default 1m; or LIMIT)");
  });
});

describe("the manual page", () => {
  const page = renderManual(all);

  test("has every command and flag", () => {
    for (const { command } of all) {
      expect(page).toContain(`.SS "${command.name} \\- `);
      for (const name of Object.keys(command.flags)) {
        expect(page).toContain(`\\fB\\-${name.replaceAll("-", "\\-")}\\fR`);
      }
    }
  });

  test("has no line that roff would take for a request by accident", () => {
    const requests = page.match(/^\.\S*/gm) ?? [];
    expect([...new Set(requests)].sort()).toEqual(
      [".B", ".PP", ".RE", ".RS", ".SH", ".SS", ".TH", ".TP", ".br", ".fi", ".nf"].sort(),
    );
    expect(page).not.toMatch(/^'/m);
  });
});

describe("the completion scripts", () => {
  test("have every command and flag", () => {
    for (const script of [bashScript(all), zshScript(all), fishScript(all)]) {
      for (const { command } of all) {
        for (const word of command.name.split(" ")) expect(script).toContain(word);
        for (const name of Object.keys(command.flags)) expect(script).toContain(name);
      }
    }
  });

  const stub = `currunt() { case "$*" in ps*) printf 'web\\ndb\\n' ;; images*) printf 'busybox:1\\nbusybox:2\\nr:5/x:y\\n' ;; esac; }`;
  const complete = `COMP_LINE=$1 COMP_POINT=\${#1}; _currunt; printf '%s\\n' "\${COMPREPLY[@]}"`;

  test.each<[string, string[]]>([
    ["currunt r", ["run", "rm", "rmi", "resume", "restore"]],
    ["currunt -data-root /x sto", ["stop"]],
    ["currunt run -inter", ["-interactive"]],
    ["currunt run --inter", ["--interactive"]],
    ["currunt run -image busy", ["busybox:1", "busybox:2"]],
    ["currunt run -image busybox:", ["1", "2"]],
    ["currunt run -pull ", ["always", "missing", "never"]],
    ["currunt run -it r", ["r:5/x:y"]],
    ["currunt run busybox -inter", []],
    ["currunt exec -it w", ["web"]],
    ["currunt rm ", ["web", "db"]],
    ["currunt image pru", ["prune"]],
    ["currunt image prune -dry", ["-dry-run"]],
    ["currunt system prune -vol", ["-volumes"]],
    ["currunt completion ", ["bash", "zsh", "fish"]],
    ["currunt help exe", ["exec"]],
  ])("bash completes %j", (line, expected) => {
    const script = `${stub}\n${bashScript(all)}\n${complete}`;
    const { stdout, stderr } = Bun.spawnSync(["bash", "-c", script, "bash", line]);
    expect(stderr.toString()).toBe("");
    expect(
      stdout
        .toString()
        .split("\n")
        .filter((word) => word !== ""),
    ).toEqual(expected);
  });
});
