/** A profile's filter: compiled when currunt was built if it is one of ours, which nearly every container has; else now. */
import { SECCOMP_FILTER_FLAG_SPEC_ALLOW } from "../../ffi/kernel.ts";
import type { LinuxSeccomp } from "./spec.ts";

/** Stamped in by `build.ts`: programs in base64, by the digest of their profile. */
declare const CURRUNT_SECCOMP: Readonly<Record<string, string>> | undefined;

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
  return new Bun.CryptoHasher("sha256").update(toJson(profile)).digest("hex");
}

function toJson(profile: LinuxSeccomp): string {
  try {
    return JSON.stringify(profile);
  } catch {
    // A value beyond 2^53 is a bigint, which JSON does not take. Asking for each member is five times slower.
    return JSON.stringify(profile, (_, value) => (typeof value === "bigint" ? `${value}n` : value));
  }
}

function readyProgram(profile: LinuxSeccomp): Uint8Array | undefined {
  if (typeof CURRUNT_SECCOMP === "undefined") return undefined;
  const program = CURRUNT_SECCOMP[digestProfile(profile)];
  return program === undefined ? undefined : Uint8Array.fromBase64(program);
}
