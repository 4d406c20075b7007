/** What the shim wrote down when it failed after its conversation had ended. */
import { unpackMessage } from "../../ffi/plan-record.ts";
import { openat } from "./file.ts";
import { StepError } from "./shim.ts";
import { readBytes } from "./small-file.ts";

/** The failure that the file at `path` holds; undefined when it is empty. */
export function readFailure(path: string): StepError | undefined {
  using file = openat(undefined, path, 0);
  const bytes = readBytes(file);
  if (bytes.length === 0) return undefined;
  const { value, text } = unpackMessage(bytes);
  const [operation = "", kernelText = ""] = text.split("\n");
  return new StepError(undefined, operation, value, kernelText);
}
