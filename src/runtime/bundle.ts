/** A bundle: the directory with a container's config.json. */
import { posix } from "node:path";
import { CurruntError } from "../base/error.ts";
import { tryReadSmallFile } from "../sys/small-file.ts";
import type { Spec } from "./spec.ts";
import { refuseHostSysctls } from "./sysctl.ts";
import { validateSpec } from "./validate.ts";

export interface Bundle {
  /** Absolute. */
  readonly directory: string;
  readonly spec: Spec;
  /** What of the spec was left out: sentences for people. */
  readonly warnings: readonly string[];
}

/** Reads and checks the spec of the bundle in `directory`; `config`: another file than its config.json. */
export function readBundle(directory: string, config = `${directory}/config.json`): Bundle {
  const text = tryReadSmallFile(config);
  if (text === undefined) {
    throw new CurruntError("not-found", `read ${config}: no such file or directory`, {
      hint: 'a bundle is a directory with a config.json; "currunt spec" makes one',
    });
  }
  const { spec, warnings } = validateSpec(parse(text, config));
  refuseHostSysctls(spec);
  return { directory, spec, warnings };
}

function parse(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new CurruntError("invalid", `read ${path}: it is no JSON`, { cause });
  }
}

/** The root filesystem's directory, absolute. */
export function rootfsOf({ directory, spec }: Pick<Bundle, "directory" | "spec">): string {
  return posix.resolve(directory, spec.root?.path ?? "rootfs");
}
