/** Ends this process at once. */
import { libc } from "../../ffi/libc.ts";

/**
 * `man 2 _exit`: nothing is run, nothing is flushed. What Bun does at an exit takes milliseconds, and closing SQLite
 * would make it write its log back and wait for the disk twice, though each commit is as safe as it was asked to be.
 */
export function exitNow(exitCode: number): never {
  libc._exit(exitCode);
  throw new Error("unreachable: _exit does not return");
}

/** Makes `process.exit` end as `exitNow` does, after all other "exit" listeners. Not under Bun's own command line. */
export function exitFast(): void {
  if (!isExecutable()) return;
  process.on("exit", (exitCode) => exitNow(exitCode));
}

/** Whether this is the compiled executable, and not a script under Bun. */
export function isExecutable(): boolean {
  return Bun.main.startsWith("/$bunfs/");
}
