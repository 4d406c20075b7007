/** The error of a field of config.json. */
import { CurruntError } from "../base/error.ts";

/** `path` as programs write it: "mounts[1].type". */
export function refuse(path: string, problem: string): CurruntError {
  return new CurruntError("invalid", `read config.json: ${path === "" ? "" : `${path}: `}${problem}`);
}
