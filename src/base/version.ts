/** The version and the commit that `build.ts` stamps into the executable. */

declare const CURRUNT_VERSION: string | undefined;
declare const CURRUNT_COMMIT: string | undefined;

/** "0.1.0"; "development" when run from the sources. */
export const version: string = typeof CURRUNT_VERSION === "undefined" ? "development" : CURRUNT_VERSION;
/** Abbreviated commit, with a plus when the tree had changes; "unknown" when run from the sources. */
export const commit: string = typeof CURRUNT_COMMIT === "undefined" ? "unknown" : CURRUNT_COMMIT;
