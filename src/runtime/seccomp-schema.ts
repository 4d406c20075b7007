/** The shape of `linux.seccomp`; shared with the profiles that come alone, in a file. */
import type { Shape } from "../base/shape.ts";
import { listOf, objectOf, oneOf, text, whole } from "../base/shape.ts";
import type { LinuxSeccomp, LinuxSeccompArg, LinuxSyscall } from "./spec-seccomp.ts";

const natural = whole(0);
/** Numbers of 64 bits, which JSON rounds above 2^53; the type's bigint is for profiles of our own. */
const word: Shape<number | bigint> = whole();

const action = oneOf(
  "SCMP_ACT_KILL",
  "SCMP_ACT_KILL_PROCESS",
  "SCMP_ACT_KILL_THREAD",
  "SCMP_ACT_TRAP",
  "SCMP_ACT_ERRNO",
  "SCMP_ACT_TRACE",
  "SCMP_ACT_ALLOW",
  "SCMP_ACT_LOG",
  "SCMP_ACT_NOTIFY",
);

/** Empty as if absent: Go writes it so for a profile that is none. */
const actionOrNone: typeof action = (value) => (value === "" ? undefined : action(value));

const condition = objectOf<LinuxSeccompArg>(
  {
    index: whole(0, 5),
    value: word,
    valueTwo: word,
    op: oneOf(
      "SCMP_CMP_NE",
      "SCMP_CMP_LT",
      "SCMP_CMP_LE",
      "SCMP_CMP_EQ",
      "SCMP_CMP_GE",
      "SCMP_CMP_GT",
      "SCMP_CMP_MASKED_EQ",
    ),
  },
  ["index", "value", "op"],
);

/** The members of one entry of a profile's `syscalls`. */
export const seccompEntryMembers = {
  names: listOf(text, 1),
  action,
  errnoRet: natural,
  args: listOf(condition),
};

/** The members of a profile but `syscalls`. */
export const seccompMembers = {
  defaultAction: actionOrNone,
  defaultErrnoRet: natural,
  architectures: listOf(text),
  flags: listOf(text),
  listenerPath: text,
  listenerMetadata: text,
};

/** `linux.seccomp`. An object without an action means no filter: it is not required here. */
export const seccompShape: Shape<LinuxSeccomp> = objectOf<LinuxSeccomp>({
  ...seccompMembers,
  syscalls: listOf(objectOf<LinuxSyscall>(seccompEntryMembers, ["names", "action"])),
});
