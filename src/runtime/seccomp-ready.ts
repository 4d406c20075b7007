/** The filter of the default profile, compiled when currunt is built: nearly every container has just that one. */
import type { LinuxSeccomp } from "./spec.ts";
import type { Architecture } from "./syscalls.ts";
import { nativeArchitecture } from "./syscalls.ts";

/** Stamped in by `build.ts`: digest of the profile, and its program in base64. */
declare const CURRUNT_SECCOMP_PROFILE: string | undefined;
declare const CURRUNT_SECCOMP_PROGRAM: string | undefined;

/** What tells two profiles apart: sha256 of their JSON. */
export function digestProfile(profile: LinuxSeccomp): string {
  const text = JSON.stringify(profile, (_, value) => (typeof value === "bigint" ? `${value}n` : value));
  return new Bun.CryptoHasher("sha256").update(text).digest("hex");
}

/** The program for `profile` if the build made it, for this very profile and machine. */
export function readyProgram(profile: LinuxSeccomp, machine: Architecture): Uint8Array | undefined {
  if (typeof CURRUNT_SECCOMP_PROFILE === "undefined" || typeof CURRUNT_SECCOMP_PROGRAM === "undefined")
    return undefined;
  if (machine !== nativeArchitecture || digestProfile(profile) !== CURRUNT_SECCOMP_PROFILE) return undefined;
  return Uint8Array.fromBase64(CURRUNT_SECCOMP_PROGRAM);
}
