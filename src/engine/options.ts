/** What each operation of the engine takes: everything is parsed, no strings are left to split. */

import type { LayerFormatChoice } from "../image/layer-format.ts";
import type { Access } from "../image/open-source.ts";
import type { PullEvent } from "../image/progress.ts";
import type { LinuxResources } from "../runtime/spec.ts";

/** Limits, in the words of the runtime specification. */
export type Resources = LinuxResources;

/** Where the container's files come from. */
export type RootSource =
  | {
      readonly kind: "image";
      /** As the user wrote it: `busybox`, `registry:5000/a/b:tag@sha256:…`, or an image ID. */
      readonly reference: string;
      readonly pull: "always" | "missing" | "never";
      /** `linux/arm64/v8`; absent: this machine's. */
      readonly platform?: string;
      /** How its layers are stored when they are pulled; absent: as directories. */
      readonly layerFormat?: LayerFormatChoice;
      readonly access?: RegistryAccess;
    }
  | {
      /** A directory of the host as the read-only lower layer of an overlay. */
      readonly kind: "rootfs";
      /** Absolute path. */
      readonly directory: string;
    };

/** `-user name|uid[:group|gid]`: numbers stay text, names are looked up in the container's passwd and group. */
export interface UserReference {
  readonly user: string;
  readonly group?: string;
}

/** `-volume source:target[:options]`. */
export interface VolumeMount {
  /** Absolute host path; absent: an anonymous volume, which is filled with what the image has at `target`. */
  readonly source?: string;
  /** Absolute path in the container. */
  readonly target: string;
  readonly readOnly: boolean;
  /** Mount options by their runtime-spec names: `rslave`, `noexec` … */
  readonly options: readonly string[];
  /** Leaves an anonymous volume empty. */
  readonly noCopy: boolean;
}

/** `-tmpfs target[:options]`. */
export interface TmpfsMount {
  readonly target: string;
  /** As for mount(8): `size=64m`, `mode=1777`, `noexec` … */
  readonly options: readonly string[];
}

/** A soft and a hard limit; `Infinity` is "unlimited". */
export interface Ulimit {
  /** The kernel's name: `RLIMIT_NOFILE`. */
  readonly type: string;
  readonly soft: number;
  readonly hard: number;
}

/** How the caller's terminal is joined to a container's process. */
export interface StreamOptions {
  /** Sends the caller's standard input; without it the program reads /dev/null. */
  readonly interactive: boolean;
  /** A pseudo-terminal for the program; the caller's own is set to raw mode. */
  readonly terminal: boolean;
  /** The bytes that leave a terminal without ending the program; absent: Ctrl-P Ctrl-Q; empty: none. */
  readonly detachKeys?: Uint8Array;
}

/** What `run` and `create` can ask. */
export interface RunOptions extends StreamOptions {
  readonly source: RootSource;
  /** Absent: a generated one. */
  readonly name?: string;
  /** Replaces the image's; an empty list clears it. */
  readonly entrypoint?: readonly string[];
  /** Replaces the image's command; absent: the image's (unless an entrypoint is given: docker's rule). */
  readonly command?: readonly string[];
  readonly workdir?: string;
  /** `NAME=value`, later ones win; a name alone removes the image's variable. */
  readonly env: readonly string[];
  readonly user?: UserReference;
  readonly hostname?: string;
  /** `run` only: stay until the program ends. Without it the container is left running and its ID is returned. */
  readonly attach: boolean;
  readonly volumes: readonly VolumeMount[];
  readonly tmpfs: readonly TmpfsMount[];
  readonly readOnly: boolean;
  readonly network: "host" | "none";
  /** Removes the container and its anonymous volumes when it ends. */
  readonly remove: boolean;
  readonly labels: Readonly<Record<string, string>>;
  /** Gets the ID; must not exist. */
  readonly cidFile?: string;
  /** Signal number that `stop` sends; absent: the image's, else 15. */
  readonly stopSignal?: number;
  /** Seconds from the stop signal to KILL; absent: 10. */
  readonly stopTimeoutSeconds?: number;
  /** Capability names (`CAP_NET_ADMIN`) or `ALL`. */
  readonly capabilitiesAdd: readonly string[];
  readonly capabilitiesDrop: readonly string[];
  /** All capabilities, no seccomp, nothing masked or read-only. */
  readonly privileged: boolean;
  readonly noNewPrivileges: boolean;
  readonly seccomp: "default" | "unconfined" | { readonly profilePath: string };
  readonly ulimits: readonly Ulimit[];
  /** Limits on what all processes together use; absent: none. */
  readonly resources?: LinuxResources;
  /** Size of /dev/shm; absent: 64 MiB. */
  readonly shmSizeBytes?: number;
  /** More lines for /etc/hosts. */
  readonly extraHosts: readonly { readonly name: string; readonly address: string }[];
  /** Name servers instead of the host's. */
  readonly dns: readonly string[];
  /** No progress of a pull. */
  readonly quiet: boolean;
}

/** The options of a `run` that asks for nothing: cli and tests start from it. */
export const defaultRunOptions = {
  interactive: false,
  terminal: false,
  env: [],
  attach: false,
  volumes: [],
  tmpfs: [],
  readOnly: false,
  network: "host",
  remove: false,
  labels: {},
  capabilitiesAdd: [],
  capabilitiesDrop: [],
  privileged: false,
  noNewPrivileges: false,
  seccomp: "default",
  ulimits: [],
  extraHosts: [],
  dns: [],
  quiet: false,
} as const satisfies Omit<RunOptions, "source">;

/** What `exec` can ask. */
export interface ExecOptions extends StreamOptions {
  /** Program and arguments; not empty. */
  readonly command: readonly string[];
  readonly env: readonly string[];
  readonly workdir?: string;
  readonly user?: UserReference;
  readonly privileged: boolean;
  /** Starts the program and returns. */
  readonly detach: boolean;
}

/** What `start` can ask. */
export interface StartOptions {
  /** Stay until the program ends, as `run` does. */
  readonly attach: boolean;
  /** Send standard input (with `attach`). */
  readonly interactive: boolean;
  readonly detachKeys?: Uint8Array;
}

/** What `attach` can ask. Whether there is a terminal is the container's own choice. */
export interface AttachOptions {
  /** Do not send standard input. */
  readonly noStdin: boolean;
  readonly detachKeys?: Uint8Array;
  /** Pass signals that reach the client on to the program. */
  readonly signalProxy: boolean;
}

/** What `logs` can ask. */
export interface LogOptions {
  /** Goes on until the container ends. */
  readonly follow: boolean;
  /** Only the last lines; absent: all. */
  readonly tail?: number;
  /** Only lines at or after this time, milliseconds since 1970. */
  readonly since?: number;
  /** Only lines before this time, milliseconds since 1970. */
  readonly until?: number;
  readonly timestamps: boolean;
}

/** What `stop` can ask; absent: the container's own values. */
export interface StopOptions {
  readonly signal?: number;
  readonly timeoutSeconds?: number;
}

/** What `rm` can ask. */
export interface RemoveOptions {
  /** Kills a running container; a missing one is no error. */
  readonly force: boolean;
  /** Removes anonymous volumes too. */
  readonly volumes: boolean;
}

/** What a pull tells while it runs. */
export type PullProgress = PullEvent;
export type PullListener = (event: PullProgress) => void;

/** How whoever pulls, also within `run` and `create`, is told of it and can stop it. */
export interface PullWatch {
  readonly onEvent?: PullListener;
  readonly signal?: AbortSignal;
  /** Called before a container's program starts with what the user should know of its files. */
  readonly onWarning?: (message: string) => void;
}

/** How registries are spoken to, where configuration and credential files do not say all. */
export type RegistryAccess = Pick<Access, "login" | "authFile" | "verifyTls">;

/** What `pull` can ask. */
export interface PullOptions {
  readonly platform?: string;
  readonly quiet: boolean;
  /** How new layers are stored; absent: as directories. */
  readonly layerFormat?: LayerFormatChoice;
  readonly access?: RegistryAccess;
}
