/** The help texts, made from the command and flag tables: at most 80 columns, flags in groups, examples. */
import type { Command } from "./command.ts";
import type { Entry } from "./commands.ts";
import type { Flag, FlagTable } from "./flag.ts";

const width = 80;
/** Where the explanation of a flag begins. */
const textColumn = 28;

/** The help of one command. */
export function renderHelp(command: Command): string {
  const usage = command.usage.map((form, index) =>
    `${index === 0 ? "usage: " : "       "}currunt ${command.name} ${form}`.trimEnd(),
  );
  const paragraphs = command.description.split("\n\n").map((paragraph) => wrapText(paragraph, 0).join("\n"));
  const sections = flagGroups(command.flags).map(([group, flags]) =>
    [
      group === "" ? "Flags:" : `${group} flags:`,
      ...flags.flatMap(([name, flag]) => flagLines(name, flag)),
    ].join("\n"),
  );
  return [usage.join("\n"), ...paragraphs, ...sections, ...renderExamples(command)].join("\n\n");
}

/** The overview of all commands. */
export function renderOverview(commands: Readonly<Record<string, Entry>>, globals: FlagTable): string {
  const visible = Object.entries(commands);
  const groups = new Set(visible.map(([, entry]) => entry.group));
  const sections = [...groups].map((group) =>
    [
      `${group}:`,
      ...visible
        .filter(([, entry]) => entry.group === group)
        .flatMap(([name, entry]) => entryLines(`  ${name}`, entry.description, 14)),
    ].join("\n"),
  );
  return [
    "currunt runs containers: one executable, no daemon.",
    "usage: currunt [flags] COMMAND [flags] [ARGUMENT…]",
    ...sections,
    ["Global flags:", ...Object.entries(globals).flatMap(([name, flag]) => flagLines(name, flag))].join("\n"),
    '"currunt help COMMAND" explains a command. One dash or two mean the same.',
  ].join("\n\n");
}

/** The flags by group, in the order of the table; flags without a group come first. */
export function flagGroups(table: FlagTable): [string, [string, Flag][]][] {
  const groups = new Map<string, [string, Flag][]>();
  for (const [name, flag] of Object.entries(table)) {
    const group = flag.group ?? "";
    const members = groups.get(group) ?? [];
    members.push([name, flag]);
    groups.set(group, members);
  }
  return [...groups];
}

/** "-e, -env NAME=VALUE": the spellings of a flag and its value. */
export function spellings(name: string, flag: Flag): string {
  const names = [name, ...(flag.aliases ?? [])].map((long) => `-${long}`);
  if (flag.short !== undefined) names.unshift(`-${flag.short}`);
  const value = metavarOf(flag);
  return names.join(", ") + (value === undefined ? "" : ` ${value}`);
}

/** What the help calls the flag's value; undefined for a boolean. */
export function metavarOf(flag: Flag): string | undefined {
  if (flag.type === "boolean") return undefined;
  return flag.metavar ?? flag.choices?.join("|") ?? metavars[flag.type];
}

const metavars = { string: "TEXT", number: "N", duration: "TIME", size: "SIZE" } as const;

/** The help line of a flag with what the table knows besides: repeatable, default, variable. */
export function explanation(flag: Flag): string {
  const notes = [
    flag.repeatable === true ? "repeatable" : undefined,
    flag.metavar !== undefined && flag.choices !== undefined ? flag.choices.join(", ") : undefined,
    flag.default === undefined || flag.default === "" || flag.default === false
      ? undefined
      : `default ${flag.default}`,
    flag.env === undefined ? undefined : `or ${flag.env}`,
  ].filter((note) => note !== undefined);
  return notes.length === 0 ? flag.help : `${flag.help} (${notes.join("; ")})`;
}

function flagLines(name: string, flag: Flag): string[] {
  const indent = flag.short === undefined ? "      " : "  ";
  return entryLines(indent + spellings(name, flag), explanation(flag), textColumn);
}

/** `label` and its text from `column` on; a long label has a line of its own. */
function entryLines(label: string, text: string, column: number): string[] {
  const lines = wrapText(text, column);
  if (label.length > column - 2) return [label, ...lines];
  return [label.padEnd(column) + (lines[0] ?? "").trimStart(), ...lines.slice(1)];
}

/** `text` in lines of at most 80 columns, each indented by `indent` blanks. */
export function wrapText(text: string, indent: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/)) {
    if (line !== "" && indent + line.length + 1 + word.length > width) {
      lines.push(line);
      line = "";
    }
    line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line].map((content) => " ".repeat(indent) + content);
}

function renderExamples({ examples }: Command): string[] {
  if (examples.length === 0) return [];
  const lines = examples.flatMap(({ command, text }) => [...wrapText(`${text}:`, 2), `    ${command}`]);
  return [["Examples:", ...lines].join("\n")];
}
