/** The log file that a caller of the OCI runtime reads errors from. */
import { O_APPEND, O_CREAT, O_WRONLY } from "../../ffi/kernel.ts";
import { openat, writeAll } from "../sys/file.ts";

/**
 * Appends a line in one write; the file is made when it is missing. "file:PATH" is crun's spelling of a path; its logs of the system
 * ("journald:NAME", "syslog:NAME") get what is on standard error from whoever reads that.
 */
export function appendLine(path: string, line: string): void {
  if (/^(journald|syslog):/.test(path)) return;
  using file = openat(undefined, path.replace(/^file:/, ""), O_WRONLY | O_CREAT | O_APPEND, 0o644);
  writeAll(file, Buffer.from(`${line}\n`));
}
