/** What the engine stores of a container, and the rules for IDs and names. */
import { CurruntError } from "../base/error.ts";
import { randomHex } from "../base/random.ts";
import type { Spec } from "../runtime/spec.ts";
import type { LinuxSeccomp } from "../runtime/spec-seccomp.ts";
import type { UserReference } from "./options.ts";

/** Container states as `ps` and `inspect` show them. */
export type ContainerStatus = "created" | "running" | "exited";

/** What never changes about a container: all that a start needs. */
export interface ContainerRecord {
  /** 64 hexadecimal digits. */
  readonly id: string;
  readonly name: string;
  readonly image?: { readonly id: string; readonly reference: string };
  /** The directory of `-rootfs`, instead of an image. */
  readonly rootfs?: string;
  /** Layers by ID, bottom first; empty with `rootfs`. */
  readonly layers: readonly string[];
  /** As far as it is known before the root is mounted: user, capabilities in effect, HOME and seccomp are filled in then. */
  readonly spec: Spec;
  /** Looked up in the container's passwd and group at each start. */
  readonly user: UserReference;
  readonly seccomp: "default" | "unconfined" | LinuxSeccomp;
  readonly terminal: boolean;
  /** The program's input stays open for clients; else it is /dev/null. */
  readonly interactive: boolean;
  /** Gone with its anonymous volumes when it ends. */
  readonly remove: boolean;
  readonly stopSignal: number;
  readonly stopTimeoutSeconds: number;
  readonly labels: Readonly<Record<string, string>>;
  /** Directories under `volumes/` that belong to this container alone. */
  readonly anonymousVolumes: readonly AnonymousVolume[];
}

/** A volume without a name. */
export interface AnonymousVolume {
  readonly name: string;
  /** Where it is mounted in the container. */
  readonly target: string;
  /** Filled with what the image has at `target`, at the first start. */
  readonly copy: boolean;
}

/** A container as the index has it. */
export interface Container {
  readonly record: ContainerRecord;
  readonly status: ContainerStatus;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly startedAt?: number;
  readonly exitedAt?: number;
  /** Of the last run that has ended. */
  readonly exitCode?: number;
}

/** 64 random hexadecimal digits. */
export function newID(): string {
  return randomHex(32);
}

/** The start of an ID, as it is shown to people and as the default host name. */
export function shortID(id: string): string {
  return id.slice(0, 12);
}

/** Docker's rule: at least two characters, so that a name is never taken for a flag or a path. */
export function checkName(name: string): void {
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]{1,127}$/.test(name)) return;
  throw new CurruntError("invalid", `name the container ${JSON.stringify(name)}: not a valid name`, {
    hint: "use 2 to 128 letters, digits, dots, dashes and underscores, beginning with a letter or digit",
  });
}
