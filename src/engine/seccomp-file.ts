/** Reads a seccomp profile that the user wrote. */
import { readFileSync } from "node:fs";
import * as v from "valibot";
import { CurruntError, wrap } from "../base/error.ts";
import type { LinuxSeccomp } from "../runtime/spec.ts";

const action = v.picklist([
  "SCMP_ACT_KILL",
  "SCMP_ACT_KILL_PROCESS",
  "SCMP_ACT_KILL_THREAD",
  "SCMP_ACT_TRAP",
  "SCMP_ACT_ERRNO",
  "SCMP_ACT_TRACE",
  "SCMP_ACT_ALLOW",
  "SCMP_ACT_LOG",
  "SCMP_ACT_NOTIFY",
]);
const operator = v.picklist([
  "SCMP_CMP_NE",
  "SCMP_CMP_LT",
  "SCMP_CMP_LE",
  "SCMP_CMP_EQ",
  "SCMP_CMP_GE",
  "SCMP_CMP_GT",
  "SCMP_CMP_MASKED_EQ",
]);
const natural = v.pipe(v.number(), v.integer(), v.minValue(0));
const profile = v.object({
  defaultAction: action,
  defaultErrnoRet: v.exactOptional(natural),
  architectures: v.exactOptional(v.array(v.string())),
  flags: v.exactOptional(v.array(v.string())),
  syscalls: v.exactOptional(
    v.array(
      v.object({
        names: v.array(v.string()),
        action,
        errnoRet: v.exactOptional(natural),
        args: v.exactOptional(
          v.array(
            v.object({
              index: v.pipe(natural, v.maxValue(5)),
              value: v.number(),
              valueTwo: v.exactOptional(v.number()),
              op: operator,
            }),
          ),
        ),
      }),
    ),
  ),
});

/** The profile at `path`, in the form of the runtime specification's `linux.seccomp`. */
export function readSeccompProfile(path: string): LinuxSeccomp {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw wrap(error, `read the seccomp profile ${JSON.stringify(path)}`);
  }
  const parsed = v.safeParse(profile, json);
  if (parsed.success) return parsed.output;
  const issues = parsed.issues.map((issue) => `${v.getDotPath(issue) ?? "the file"}: ${issue.message}`);
  throw new CurruntError(
    "invalid",
    `read the seccomp profile ${JSON.stringify(path)}: ${issues.join("; ")}`,
    {
      hint: "it has the form of linux.seccomp in the OCI runtime specification",
    },
  );
}
