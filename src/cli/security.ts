/** What a container may do, from the command line: capabilities, `-security-opt`, `-ulimit`. */
import { CurruntError } from "../base/error.ts";
import type { RunOptions, Ulimit } from "../engine/options.ts";
import { normalizePath } from "./volume.ts";

/** "net_admin" and "CAP_NET_ADMIN" as the latter, "all" as "ALL". */
export function parseCapability(text: string): string {
  const name = text.toUpperCase();
  if (!/^[A-Z][A-Z_]+$/.test(name)) {
    throw new CurruntError("invalid", `capability ${JSON.stringify(text)}: is not a name`, {
      hint: "write a name of capabilities(7), as NET_ADMIN, or ALL",
    });
  }
  return name === "ALL" || name.startsWith("CAP_") ? name : `CAP_${name}`;
}

/** The `-security-opt` values; a later one wins. A seccomp profile's path becomes absolute. */
export function parseSecurityOptions(
  list: readonly string[],
  directory: string,
): Pick<RunOptions, "noNewPrivileges" | "seccomp"> {
  let noNewPrivileges = false;
  let seccomp: RunOptions["seccomp"] = "default";
  for (const text of list) {
    const [, name = text, value] = /^([^=:]+)(?:[=:](.*))?$/s.exec(text) ?? [];
    if (name === "no-new-privileges" && (value === undefined || /^(true|false)$/.test(value))) {
      noNewPrivileges = value !== "false";
    } else if (name === "seccomp" && value !== undefined && value !== "") {
      seccomp = seccompChoice(value, directory);
    } else {
      throw refused(text, name);
    }
  }
  return { noNewPrivileges, seccomp };
}

function seccompChoice(value: string, directory: string): RunOptions["seccomp"] {
  if (value === "unconfined") return "unconfined";
  if (value === "default" || value === "builtin") return "default";
  return { profilePath: value.startsWith("/") ? value : normalizePath(`${directory}/${value}`) };
}

function refused(text: string, name: string): CurruntError {
  const known = ["apparmor", "label", "systempaths", "writable-cgroups", "mask", "unmask"];
  return known.includes(name)
    ? new CurruntError("unsupported", `security option ${JSON.stringify(text)}: not in this version`)
    : new CurruntError("invalid", `security option ${JSON.stringify(text)}: is not one`, {
        hint: "options are no-new-privileges, seccomp=unconfined and seccomp=FILE",
      });
}

const limits = new Set([
  ...["core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc"],
  ...["rss", "rtprio", "rttime", "sigpending", "stack"],
]);

/** `nofile=1024:2048`; -1 and "unlimited" are no limit; without a hard limit both are the same. */
export function parseUlimit(text: string): Ulimit {
  const [, name = "", soft = "", hard = soft] = /^([a-z]+)=([^:]+)(?::([^:]+))?$/.exec(text) ?? [];
  const values = { soft: limitValue(soft), hard: limitValue(hard) };
  if (limits.has(name) && values.soft <= values.hard) {
    return { type: `RLIMIT_${name.toUpperCase()}`, ...values };
  }
  throw new CurruntError("invalid", `ulimit ${JSON.stringify(text)}: is not NAME=SOFT[:HARD]`, {
    hint: `names are ${[...limits].join(", ")}; the soft limit must not be above the hard one`,
  });
}

/** NaN for what is none: it compares false with everything. */
function limitValue(text: string): number {
  if (text === "-1" || text === "unlimited") return Number.POSITIVE_INFINITY;
  return /^\d+$/.test(text) ? Number(text) : Number.NaN;
}
