/** Programs of the default seccomp profile for the less usual sets of capabilities: apart, as loading all of them costs a millisecond. */

/** Stamped in by `build.ts`: programs in base64, by `filterKey()` of their capabilities. */
declare const CURRUNT_FORESEEN_FILTERS: Readonly<Record<string, string>> | undefined;

/** The program for a set of capabilities in base64; undefined for one that was not foreseen. */
export function foreseenProgram(key: string): string | undefined {
  return typeof CURRUNT_FORESEEN_FILTERS === "undefined" ? undefined : CURRUNT_FORESEEN_FILTERS[key];
}
