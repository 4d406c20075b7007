/** Names without a registry: what they may stand for. docker's answer is Docker Hub; registries.conf can give others. */
import { CurruntError, explain, hintOf } from "../base/error.ts";
import type { ConfigPlaces } from "./config-place.ts";
import type { Reference } from "./reference.ts";
import { formatReference, parseReference, splitShortName } from "./reference.ts";
import { loadRegistriesConf } from "./registries-conf.ts";

/** The references that `text` may mean, in the order in which to try them. Throws "invalid" when it means none. */
export function candidatesFor(text: string, places: ConfigPlaces = {}): Reference[] {
  const usual = parseReference(text);
  const short = splitShortName(text);
  if (short === undefined) return [usual];
  const { aliases, searchRegistries, shortNameMode } = loadRegistriesConf(places);
  const alias = aliases.get(short.name);
  if (alias !== undefined) return [parseReference(alias + short.suffix)];
  if (searchRegistries === undefined) return [usual];
  const [first, ...others] = searchRegistries.map((registry) => parseReference(`${registry}/${text}`));
  const hint = `write the whole name, as ${formatReference(usual)}`;
  if (first === undefined) {
    throw new CurruntError(
      "invalid",
      `${JSON.stringify(text)} names no registry, and registries.conf has none to search`,
      {
        hint,
      },
    );
  }
  if (others.length > 0 && shortNameMode === "enforcing") {
    throw new CurruntError(
      "invalid",
      `${JSON.stringify(text)} may be in any of ${searchRegistries.join(", ")}, and registries.conf wants no guessing`,
      { hint },
    );
  }
  return [first, ...others];
}

/** Pulls the first candidate that there is. */
export async function firstPulled<T>(
  candidates: readonly Reference[],
  pull: (candidate: Reference) => Promise<T>,
): Promise<T> {
  const failures: unknown[] = [];
  for (const candidate of candidates) {
    try {
      return await pull(candidate);
    } catch (error) {
      failures.push(error);
      // Only a registry that has no such image, or does not answer, leaves the question open.
      const open =
        error instanceof CurruntError && ["not-found", "denied", "unavailable"].includes(error.kind);
      if (!open) throw error;
    }
  }
  const [first] = failures;
  if (failures.length === 1 || !(first instanceof CurruntError)) throw first;
  throw new CurruntError("not-found", `none of the registries has it: ${failures.map(explain).join("; ")}`, {
    hint: hintOf(first),
  });
}
