/** What the engine answers: a line of each list, and how a session ended. */
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

/** An image that is complete on disk. */
export interface ImageSummary {
  /** "sha256:…": digest of its config. */
  readonly id: string;
  /** Whole references that name it, "docker.io/library/busybox:latest", sorted. */
  readonly references: readonly string[];
  /** What their registries call them, in the same order: an index's digest, or the manifest's. */
  readonly referenceDigests: readonly string[];
  /** Digest of the manifest that it was pulled by. */
  readonly manifestDigest: string;
  /** "linux/arm64/v8". */
  readonly platform: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  /** Bytes of all layers, unpacked. */
  readonly sizeBytes: number;
  readonly labels: Readonly<Record<string, string>>;
  /** How many containers use it. */
  readonly containers: number;
}

/** One step of an image's making. */
export interface ImageStep {
  /** Of the image that ended with it; undefined for all steps but the last, whose images nobody has. */
  readonly id: string | undefined;
  /** Milliseconds since 1970; undefined when it does not say. */
  readonly createdAt: number | undefined;
  readonly createdBy: string;
  readonly comment: string;
  /** Bytes of the layer that it made, unpacked. */
  readonly sizeBytes: number;
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
