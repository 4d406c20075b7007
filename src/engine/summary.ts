/** What the engine answers of containers: a line of the list, and how a session ended. */
import type { ContainerStatus } from "./container.ts";

/** One line of `ps`. */
export interface ContainerSummary {
  /** 64 hexadecimal digits. */
  readonly id: string;
  readonly name: string;
  /** The reference as given, or the directory of `-rootfs`. */
  readonly image: string;
  /** The program with its arguments. */
  readonly command: readonly string[];
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly status: ContainerStatus;
  /** Of the last run; only when it has ended. */
  readonly exitCode?: number;
  readonly startedAt?: number;
  readonly exitedAt?: number;
  /** Process ID of init on the host; only while it runs. */
  readonly pid?: number;
  /** It runs, but its processes stand. */
  readonly paused?: true;
  readonly labels: Readonly<Record<string, string>>;
}

/** How a session with a program ended. */
export type SessionEnd =
  | { readonly kind: "exited"; readonly exitCode: number }
  /** The user pressed the detach keys: the program goes on. */
  | { readonly kind: "detached" }
  /** The caller's terminal or output has gone, or the user lost patience; the program goes on. 128 and the signal. */
  | { readonly kind: "left"; readonly exitCode: number };

/** What `run` gives back; `end` is absent when the container was left in the background. */
export interface RunResult {
  readonly id: string;
  readonly end?: SessionEnd;
}
