/** `currunt man`: the manual page, made from the same tables as the help. */
import { version } from "../base/version.ts";
import { loadAll } from "./all-commands.ts";
import type { Command } from "./command.ts";
import { defineCommand } from "./command.ts";
import type { Flag, FlagTable } from "./flag.ts";
import { globalFlags } from "./global.ts";
import { explanation, metavarOf } from "./help.ts";
import { print } from "./output.ts";

export const man = defineCommand({
  name: "man",
  usage: [""],
  description: "Prints the manual page currunt(1) in the language of man(7).",
  examples: [
    { command: "currunt man | man -l -", text: "read it" },
    { command: "currunt man > /usr/local/share/man/man1/currunt.1", text: "install it" },
  ],
  flags: {},
  positionals: { max: 0, names: "no arguments" },
  async run() {
    await print(renderManual(await loadAll()));
    return 0;
  },
});

/** The page for these commands. */
export function renderManual(entries: readonly { command: Command; summary: string }[]): string {
  return [
    `.TH CURRUNT 1 "" ${quoted(`currunt ${version}`)} "User Commands"`,
    ...[".SH NAME", "currunt \\- run containers"],
    ...[".SH SYNOPSIS", ".B currunt", "[flags] COMMAND [flags] [ARGUMENT\\&...]"],
    ".SH DESCRIPTION",
    "One executable that runs containers: it gets images from registries, runs them isolated from the host, and keeps them without a daemon. One dash or two before a long flag mean the same.",
    ".SH COMMANDS",
    ...entries.flatMap(({ command, summary }) => commandSection(command, summary)),
    ".SH GLOBAL FLAGS",
    ...flagEntries(globalFlags),
    ".SH EXIT STATUS",
    ...tagged("125", "currunt itself failed: a bad flag, a missing image, a full disk"),
    ...tagged("126", "the program in the container cannot be executed"),
    ...tagged("127", "there is no such program in the container"),
    ...tagged("128+N", "signal N ended the program"),
    "Any other code is the program's own.",
    ".SH FILES",
    ...tagged("/var/lib/currunt", "images, containers and their index"),
    ...tagged("/run/currunt", "the state of what runs now"),
  ].join("\n");
}

function commandSection({ name, usage, description, examples, flags }: Command, summary: string): string[] {
  const own = Object.fromEntries(Object.entries(flags).filter(([flag]) => !Object.hasOwn(globalFlags, flag)));
  return [
    `.SS ${quoted(`${name} \\- ${escaped(summary)}`)}`,
    ...usage.flatMap((form, index) => [...(index === 0 ? [] : [".br"]), `.B currunt ${name}`, escaped(form)]),
    ...description.split("\n\n").flatMap((paragraph) => [".PP", escaped(paragraph)]),
    ...flagEntries(own),
    ...examples.flatMap(({ command, text }) => [
      ".PP",
      `${escaped(text)}:`,
      ".PP",
      ".RS 4",
      ".nf",
      escaped(command),
      ".fi",
      ".RE",
    ]),
  ].filter((line) => line !== "");
}

function flagEntries(table: FlagTable): string[] {
  return Object.entries<Flag>(table).flatMap(([name, flag]) => {
    const names = [name, ...(flag.aliases ?? [])].map((long) => `-${long}`);
    if (flag.short !== undefined) names.unshift(`-${flag.short}`);
    const value = metavarOf(flag);
    const spelled = names.map((spelling) => `\\fB${escaped(spelling)}\\fR`).join(", ");
    return [
      ".TP",
      value === undefined ? spelled : `${spelled} \\fI${escaped(value)}\\fR`,
      escaped(explanation(flag)),
    ];
  });
}

function tagged(tag: string, text: string): string[] {
  return [".TP", `.B ${escaped(tag)}`, escaped(text)];
}

/** Text as roff shows it: real hyphens, backslashes, and no line taken for a request. */
function escaped(text: string): string {
  return text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll("…", "\\&...")
    .replace(/^([.'])/gm, "\\&$1");
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}
