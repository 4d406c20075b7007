/** Reads a seccomp profile that the user wrote. */
import { readFileSync } from "node:fs";
import { wrap } from "../base/error.ts";
import { parseSeccompProfile } from "../runtime/seccomp-file.ts";
import type { LinuxSeccomp } from "../runtime/spec-seccomp.ts";

/** The profile at `path`, in the runtime specification's form or docker's, for a container with these capabilities. */
export function readSeccompProfile(path: string, capabilities: readonly string[]): LinuxSeccomp {
  try {
    return parseSeccompProfile(JSON.parse(readFileSync(path, "utf8")), { capabilities });
  } catch (error) {
    throw wrap(error, `read the seccomp profile ${JSON.stringify(path)}`);
  }
}
