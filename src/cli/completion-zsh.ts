/** The completion script for zsh. */
import type { Command } from "./command.ts";
import type { Flag, FlagTable } from "./flag.ts";
import { globalFlags } from "./global.ts";
import { commandGroups } from "./groups.ts";
import { metavarOf } from "./help.ts";

/** Completes commands with their summaries, flags with their help, and the names of containers and images. */
export function zshScript(entries: readonly { command: Command; summary: string }[]): string {
  const groups = commandGroups();
  const single = entries.filter(({ command }) => !command.name.includes(" "));
  const commands = [
    ...single.map(({ command, summary }) => `    ${quote(`${command.name}:${summary}`)}`),
    ...[...groups.keys()].map((group) => `    ${quote(`${group}:commands for each ${group}`)}`),
  ];
  return `#compdef currunt
_currunt_containers() {
  local -a names=(\${(f)"$(currunt ps -all -format '{{.Names}}' 2>/dev/null)"})
  compadd -a names
}

_currunt_images() {
  local -a names=(\${(f)"$(currunt images -format '{{.Repository}}:{{.Tag}}' 2>/dev/null)"})
  compadd -a names
}

_currunt_commands() {
  local -a commands=(
${commands.join("\n")}
  )
  _describe command commands
}

_currunt() {
  local curcontext=$curcontext state line
  local -A opt_args
  _arguments -C \\
${argumentLines(globalFlags)} \\
    '1:command:_currunt_commands' \\
    '*::argument:->rest'
  [[ $state == rest ]] || return 0
  case "$line[1] $line[2]" in
${entries
  .filter(({ command }) => command.name.includes(" "))
  .map(({ command }) => pairCase(command))
  .join("\n")}
  esac
  case $line[1] in
${single.map(({ command }) => commandCase(command)).join("\n")}
${[...groups].map(([group, words]) => `    ${group}) _arguments '1:command:(${words.join(" ")})' ;;`).join("\n")}
  esac
}

# Loaded by the completion system, or by: source <(currunt completion zsh)
if [[ $funcstack[1] == _currunt ]]; then _currunt "$@"; else compdef _currunt currunt; fi`;
}

function commandCase({ name, flags, completes }: Command): string {
  const rest = name === "completion" ? "'1:shell:(bash zsh fish)'" : quote(positional(name, completes));
  return `    ${name})\n      _arguments \\\n${argumentLines(flags)} \\\n        ${rest}\n      ;;`;
}

/** A command of two words: to what completes its flags, the second is the command. */
function pairCase({ name, flags, completes }: Command): string {
  const shift = "shift words; (( CURRENT-- ))";
  return `    ${quote(name)})\n      ${shift}\n      _arguments \\\n${argumentLines(flags)} \\\n        ${quote(positional(name, completes))}\n      return\n      ;;`;
}

function positional(name: string, completes: Command["completes"]): string {
  if (name === "run" || name === "create" || name === "exec") {
    return `*::argument:_currunt_${completes === "image" ? "images" : "containers"}`;
  }
  if (completes === undefined) return "*:argument: ";
  return `*:${completes}:_currunt_${completes}s`;
}

function argumentLines(table: FlagTable): string {
  return Object.entries<Flag>(table)
    .flatMap(([name, flag]) =>
      spellings(name, flag).map((spelling) => `        ${quote(argument(spelling, flag))}`),
    )
    .join(" \\\n");
}

function argument(spelling: string, flag: Flag): string {
  const many = flag.repeatable === true ? "*" : "";
  const help = flag.help.replace(/[[\]:\\]/g, "\\$&");
  const value = metavarOf(flag)?.replace(/[[\]:\\]/g, "\\$&");
  return `${many}${spelling}[${help}]${value === undefined ? "" : `:${value}:${action(flag)}`}`;
}

function action(flag: Flag): string {
  if (flag.choices !== undefined) return `(${flag.choices.join(" ")})`;
  const actions = {
    file: "_files",
    directory: "_files -/",
    container: "_currunt_containers",
    image: "_currunt_images",
  } as const;
  return flag.completes === undefined ? " " : actions[flag.completes];
}

function spellings(name: string, flag: Flag): string[] {
  const long = [name, ...(flag.aliases ?? [])].flatMap((spelling) => [`-${spelling}`, `--${spelling}`]);
  return flag.short === undefined ? long : [`-${flag.short}`, ...long];
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
