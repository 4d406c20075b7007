/** The completion script for bash. */
import type { Command } from "./command.ts";
import type { Completion, Flag, FlagTable } from "./flag.ts";
import { globalFlags } from "./global.ts";
import { commandGroups } from "./groups.ts";

/** Completes commands, flags with one dash or two, their values, and the names of containers and images. */
export function bashScript(entries: readonly { command: Command }[]): string {
  const groups = commandGroups();
  const single = entries.map(({ command }) => command.name).filter((name) => !name.includes(" "));
  const names = [...single, ...groups.keys()].join(" ");
  return `# bash completion for currunt: source <(currunt completion bash)
_currunt_names() {
  case $1 in
    container) currunt ps -all -format '{{.Names}}' 2>/dev/null ;;
    image) currunt images -format '{{.Repository}}:{{.Tag}}' 2>/dev/null ;;
    command) echo ${names} ;;
  esac
}

# What follows flag $2 of command $1; fails when it takes no value.
_currunt_value() {
  case $1:$2 in
${entries.flatMap(({ command }) => valueCases(command)).join("\n")}
    *) return 1 ;;
  esac
}

_currunt() {
  local words cur command='' flags='' kind='' value='' word i
  # Not COMP_WORDS: bash breaks words at colons, which names of images have.
  read -ra words <<<"\${COMP_LINE:0:COMP_POINT}"
  [[ \${COMP_LINE:COMP_POINT-1:1} == [[:space:]] ]] && words+=('')
  cur=\${words[-1]}
  for ((i = 1; i < \${#words[@]} - 1; i++)); do
    case \${words[i]} in
      ${bothDashes(valued(globalFlags)).join("|")}) ((i++)) ;;
      -*) ;;
      *) command=\${words[i]}; break ;;
    esac
  done
  if [[ $command == @(${[...groups.keys()].join("|")}) ]] && ((i + 1 < \${#words[@]} - 1)); then
    command+=" \${words[++i]}"
  fi
  case $command in
    '') flags='${longFlags(globalFlags)}' kind=command ;;
${entries.map(({ command }) => commandCase(command)).join("\n")}
${[...groups].map(([group, words]) => `    ${group}) kind='words:${words.join(" ")}' ;;`).join("\n")}
  esac
  # The image or container of these ends the flags: the rest is a command line of its own.
  if [[ $command == @(run|create|exec) ]]; then
    while ((++i < \${#words[@]} - 1)); do
      if [[ \${words[i]} != -* ]]; then flags='' kind=file; break; fi
      _currunt_value "$command" "\${words[i]}" >/dev/null && ((++i))
    done
  fi
  value=$(_currunt_value "$command" "\${words[-2]}") && [[ -n $flags ]] && kind=$value
  case $cur in
    --*) flags=\${flags//' -'/' --'}; word="-$flags" ;;
    -*) word=$flags ;;
    *) word='' ;;
  esac
  if [[ -z $value && $cur == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$word" -- "$cur")
    return
  fi
  case $kind in
    file | '') mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
    directory) mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
    words:*) mapfile -t COMPREPLY < <(compgen -W "\${kind#words:}" -- "$cur") ;;
    none) ;;
    *) mapfile -t COMPREPLY < <(compgen -W "$(_currunt_names "$kind")" -- "$cur") ;;
  esac
  # bash replaces only what follows the last colon.
  if [[ $cur == *:* && $COMP_WORDBREAKS == *:* ]]; then
    word=\${cur%"\${cur##*:}"}
    COMPREPLY=("\${COMPREPLY[@]#"$word"}")
  fi
}

complete -o filenames -F _currunt currunt`;
}

function commandCase({ name, flags, completes }: Command): string {
  return `    ${pattern(name)}) flags='${longFlags(flags)}' kind=${name === "completion" ? "'words:bash zsh fish'" : (completes ?? "''")} ;;`;
}

/** The name as a pattern that matches it alone. */
function pattern(name: string): string {
  return name.replaceAll(" ", "\\ ");
}

/** What follows a flag that takes a value. */
function valueCases({ name, flags }: Command): string[] {
  return valued(flags).map(
    (entry) =>
      `    ${spelled(entry)
        .map((flag) => `${pattern(name)}:${flag}`)
        .join("|")}) echo ${kindOf(entry[1])} ;;`,
  );
}

function kindOf(flag: Flag): string {
  const kinds = { file: "file", directory: "directory", container: "container", image: "image" } as const;
  const kind: Completion | undefined = flag.completes;
  if (flag.choices !== undefined) return `'words:${flag.choices.join(" ")}'`;
  return kind === undefined ? "none" : kinds[kind];
}

function longFlags(table: FlagTable): string {
  return Object.keys(table)
    .map((name) => `-${name}`)
    .join(" ");
}

function valued(table: FlagTable): [string, Flag][] {
  return Object.entries(table).filter(([, flag]) => flag.type !== "boolean");
}

function spelled([name, flag]: [string, Flag]): string[] {
  return [...bothDashes([[name, flag]]), ...(flag.short === undefined ? [] : [`-${flag.short}`])];
}

function bothDashes(entries: readonly [string, Flag][]): string[] {
  return entries.flatMap(([name, flag]) =>
    [name, ...(flag.aliases ?? [])].flatMap((spelling) => [`-${spelling}`, `--${spelling}`]),
  );
}
