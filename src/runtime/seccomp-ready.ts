/** Filters that are ready to load: of the default profile as it was compiled when currunt was built, or of another, compiled now. */
import { SECCOMP_FILTER_FLAG_SPEC_ALLOW } from "../../ffi/kernel.ts";
import { cachedFilter } from "./filter-cache.ts";
import type { SeccompFilter } from "./process.ts";
import type { LinuxSeccomp } from "./spec-seccomp.ts";

/** Stamped in by `build.ts`: the program of a container that has neither lost nor got a capability, in base64. */
declare const CURRUNT_DEFAULT_FILTER: { readonly key: string; readonly program: string } | undefined;

/**
 * The filter of `profile`; undefined for a profile without anything in it, which means none. `cache`: a directory for filters
 * that have been compiled.
 */
export async function loadableFilter(
  profile: LinuxSeccomp | undefined,
  cache?: string,
): Promise<SeccompFilter | undefined> {
  // Absent, or empty as Go writes it.
  if (!profile?.defaultAction) return undefined;
  const compile = async () => {
    const { compileSeccomp, seccompFlags } = await import("./seccomp.ts");
    return { filter: compileSeccomp(profile), flags: seccompFlags(profile) };
  };
  return cache === undefined ? await compile() : await cachedFilter(cache, profile, compile);
}

/**
 * The filter of the default profile for a container whose bounding set is `capabilities` (names of config.json). The profile
 * itself is not even made for the sets that the build has foreseen: that would take longer than its clone takes the kernel.
 */
export async function defaultFilter(capabilities: readonly string[]): Promise<SeccompFilter> {
  const program = await readyProgram(filterKey(capabilities));
  if (program !== undefined) {
    return { filter: Uint8Array.fromBase64(program), flags: SECCOMP_FILTER_FLAG_SPEC_ALLOW };
  }
  const [{ compileSeccomp }, { defaultSeccompProfile }] = await Promise.all([
    import("./seccomp.ts"),
    import("./seccomp-profile.ts"),
  ]);
  return {
    filter: compileSeccomp(defaultSeccompProfile(capabilities)),
    flags: SECCOMP_FILTER_FLAG_SPEC_ALLOW,
  };
}

/** What a set of capabilities is called in the table of ready programs. */
export function filterKey(capabilities: readonly string[]): string {
  return capabilities.join(" ");
}

async function readyProgram(key: string): Promise<string | undefined> {
  if (typeof CURRUNT_DEFAULT_FILTER === "undefined") return undefined;
  if (CURRUNT_DEFAULT_FILTER.key === key) return CURRUNT_DEFAULT_FILTER.program;
  const { foreseenProgram } = await import("./seccomp-foreseen.ts");
  return foreseenProgram(key);
}
