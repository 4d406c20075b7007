/** Environments as lists of `NAME=value`. */

/** Later lists win, each name keeps the place where it came first; a name alone removes the variable. */
export function mergeEnvironment(...lists: readonly (readonly string[])[]): string[] {
  const merged = new Map<string, string>();
  for (const entry of lists.flat()) {
    const name = entry.split("=", 1)[0] ?? "";
    if (entry.includes("=")) merged.set(name, entry);
    else merged.delete(name);
  }
  return [...merged.values()];
}
