/** One setting of a cgroup as data: which file gets which text, and what to do when the kernel will not have it. */
import { CurruntError, wrap } from "../../base/error.ts";
import type { ErrnoName } from "../../sys/error.ts";
import { failedWith } from "../../sys/error.ts";
import type { Fd } from "../../sys/fd.ts";
import { tryWriteCgroupFile, writeCgroupFile } from "./file.ts";

/** A setting. The controller decides in which tree the file is. */
export interface Write {
  readonly controller: string;
  readonly file: string;
  readonly data: string;
  /** Where config.json asks for it: "memory.limit". */
  readonly field: string;
  /** Written in place of `file` where the kernel has no such file. */
  readonly instead?: { readonly file: string; readonly data: string };
  /** True: nothing is lost where the kernel has no such file. */
  readonly skipMissing?: boolean;
  /** True: it can be refused for what the next one changes, and is tried again behind it. */
  readonly afterNext?: boolean;
}

/** Writes a controller's settings in their order. */
export function writeAllSettings(directory: Fd, writes: readonly Write[]): void {
  let waiting: Write | undefined;
  for (const write of writes) {
    if (write.afterNext === true && tryWrite(directory, write, ["EINVAL", "EBUSY"]) !== undefined) {
      waiting = write;
      continue;
    }
    if (write.afterNext !== true) mustWrite(directory, write);
    if (waiting !== undefined) mustWrite(directory, waiting);
    waiting = undefined;
  }
  if (waiting !== undefined) mustWrite(directory, waiting);
}

function mustWrite(directory: Fd, write: Write): void {
  const failure = tryWrite(directory, write, []);
  if (failure === undefined) return;
  throw new CurruntError(
    "unsupported",
    `linux.resources.${write.field}: this kernel has no "${write.file}"`,
    {
      hint: `is the controller "${write.controller}" switched on?`,
    },
  );
}

/** Returns why it was not written: what is `expected`, or "ENOENT" where nothing can stand for the missing file. */
function tryWrite(directory: Fd, write: Write, expected: readonly ErrnoName[]): ErrnoName | undefined {
  const { file, data, instead, skipMissing = false } = write;
  try {
    const failure = tryWriteCgroupFile(directory, file, data, ["ENOENT", ...expected]);
    if (failure !== "ENOENT") return failure;
    if (instead !== undefined) {
      writeCgroupFile(directory, instead.file, instead.data);
      return undefined;
    }
    return skipMissing ? undefined : failure;
  } catch (error) {
    throw refusal(write, error);
  }
}

function refusal({ controller, file, data, field }: Write, error: unknown): CurruntError {
  const wrapped = wrap(error, `linux.resources.${field}: write "${data}" to "${file}"`);
  const hint = failedWith(error, "ENODEV")
    ? "there is no such device"
    : failedWith(error, "EINVAL", "EBUSY")
      ? `the kernel does not take this value: see its documentation of the controller "${controller}"`
      : wrapped.hint;
  return new CurruntError(failedWith(error, "EINVAL", "ENODEV") ? "invalid" : wrapped.kind, wrapped.message, {
    cause: error,
    hint,
  });
}
