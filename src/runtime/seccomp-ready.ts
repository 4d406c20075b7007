/** A profile's filter: compiled when currunt was built if it is the default one, which nearly every container has; else now. */
import { SECCOMP_FILTER_FLAG_SPEC_ALLOW } from "../../ffi/kernel.ts";
import type { LinuxSeccomp } from "./spec.ts";

/** Stamped in by `build.ts`: digest of the default profile, and its program in base64. */
declare const CURRUNT_SECCOMP_PROFILE: string | undefined;
declare const CURRUNT_SECCOMP_PROGRAM: string | undefined;

/** What seccomp(2) loads. */
export interface LoadableFilter {
  /** struct sock_filter[] */
  readonly filter: Uint8Array;
  /** SECCOMP_FILTER_FLAG_* */
  readonly flags: number;
}

/** The filter of `profile`; undefined for a profile without anything in it, which means none. */
export async function loadableFilter(profile: LinuxSeccomp | undefined): Promise<LoadableFilter | undefined> {
  if (profile?.defaultAction === undefined) return undefined;
  const ready = readyProgram(profile);
  if (ready !== undefined) return { filter: ready, flags: SECCOMP_FILTER_FLAG_SPEC_ALLOW };
  const { compileSeccomp, seccompFlags } = await import("./seccomp.ts");
  return { filter: compileSeccomp(profile), flags: seccompFlags(profile) };
}

/** What tells two profiles apart: sha256 of their JSON. */
export function digestProfile(profile: LinuxSeccomp): string {
  const text = JSON.stringify(profile, (_, value) => (typeof value === "bigint" ? `${value}n` : value));
  return new Bun.CryptoHasher("sha256").update(text).digest("hex");
}

function readyProgram(profile: LinuxSeccomp): Uint8Array | undefined {
  if (typeof CURRUNT_SECCOMP_PROFILE === "undefined" || typeof CURRUNT_SECCOMP_PROGRAM === "undefined")
    return undefined;
  if (digestProfile(profile) !== CURRUNT_SECCOMP_PROFILE) return undefined;
  return Uint8Array.fromBase64(CURRUNT_SECCOMP_PROGRAM);
}
