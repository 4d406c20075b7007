/** The words that begin commands of two words, `image`, `container` …, and what may follow them. */
import { commands } from "./commands.ts";
import { spellings } from "./spellings.ts";

/** The second words of each group, sorted. */
export function commandGroups(): Map<string, readonly string[]> {
  const pairs = [...Object.keys(commands), ...Object.keys(spellings)].filter((name) => name.includes(" "));
  const groups = Map.groupBy(pairs, (name) => name.slice(0, name.indexOf(" ")));
  return new Map(
    [...groups].map(([group, names]) => [group, names.map((name) => name.slice(group.length + 1)).sort()]),
  );
}
