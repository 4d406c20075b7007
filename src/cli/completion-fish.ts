/** The completion script for fish. */
import type { Command } from "./command.ts";
import type { Flag, FlagTable } from "./flag.ts";
import { globalFlags } from "./global.ts";
import { commandGroups } from "./groups.ts";

/** Completes commands with their summaries, flags with their help, and the names of containers and images. */
export function fishScript(entries: readonly { command: Command; summary: string }[]): string {
  const none = "__fish_use_subcommand";
  const single = entries.filter(({ command }) => !command.name.includes(" "));
  const groups = [...commandGroups()].flatMap(([group, words]) => [
    `complete -c currunt -n ${none} -a ${group}`,
    `complete -c currunt -n ${quote(`__fish_seen_subcommand_from ${group}`)} -a ${quote(words.join(" "))}`,
  ]);
  return [
    "# fish completion for currunt",
    "function __currunt_containers",
    "    currunt ps -all -format '{{.Names}}' 2>/dev/null",
    "end",
    "function __currunt_images",
    "    currunt images -format '{{.Repository}}:{{.Tag}}' 2>/dev/null",
    "end",
    "complete -c currunt -f",
    ...single.map(
      ({ command, summary }) => `complete -c currunt -n ${none} -a ${command.name} -d ${quote(summary)}`,
    ),
    ...flagLines(globalFlags, none),
    ...entries.flatMap(({ command }) => commandLines(command)),
    ...groups,
  ].join("\n");
}

function commandLines({ name, flags, completes }: Command): string[] {
  const words = name.split(" ").map((word) => `__fish_seen_subcommand_from ${word}`);
  const seen = quote(words.join("; and "));
  const positional =
    name === "completion" ? "bash zsh fish" : completes === undefined ? "" : `(__currunt_${completes}s)`;
  const lines = flagLines(flags, seen);
  if (positional === "" || completes === "command") return lines;
  return [`complete -c currunt -n ${seen} -a ${quote(positional)}`, ...lines];
}

function flagLines(table: FlagTable, condition: string): string[] {
  return Object.entries<Flag>(table).map(([name, flag]) => {
    const names = [name, ...(flag.aliases ?? [])].flatMap((long) => [`-o ${long}`, `-l ${long}`]);
    const short = flag.short === undefined ? [] : [`-s ${flag.short}`];
    return [
      "complete -c currunt -n",
      condition,
      ...short,
      ...names,
      ...values(flag),
      `-d ${quote(flag.help)}`,
    ].join(" ");
  });
}

function values(flag: Flag): string[] {
  if (flag.type === "boolean") return [];
  if (flag.choices !== undefined) return ["-x", `-a ${quote(flag.choices.join(" "))}`];
  const actions = {
    file: ["-r", "-F"],
    directory: ["-x", "-a '(__fish_complete_directories)'"],
    container: ["-x", "-a '(__currunt_containers)'"],
    image: ["-x", "-a '(__currunt_images)'"],
  };
  return flag.completes === undefined ? ["-x"] : actions[flag.completes];
}

function quote(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
