/** The facade: what the command line and the daemon call. Each operation loads its own code when it is used. */
import type { Roots } from "../base/paths.ts";
import type {
  AttachOptions,
  ExecOptions,
  LogOptions,
  PullOptions,
  PullWatch,
  RemoveImageOptions,
  RemoveOptions,
  RunOptions,
  StartOptions,
  StopOptions,
} from "./options.ts";

/** Container states as `ps` and `inspect` show them. */
export type ContainerStatus = "created" | "running" | "exited";

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
  readonly labels: Readonly<Record<string, string>>;
}

/** An image that is complete on disk. */
export interface ImageSummary {
  /** "sha256:…": digest of its config. */
  readonly id: string;
  /** Whole references that name it, "docker.io/library/busybox:latest", sorted. */
  readonly references: readonly string[];
  /** Digest of the manifest that it was pulled by. */
  readonly manifestDigest: string;
  /** "linux/arm64/v8". */
  readonly platform: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  /** Bytes of all layers, unpacked. */
  readonly sizeBytes: number;
}

/** How a session with a program ended. */
export type SessionEnd =
  | { readonly kind: "exited"; readonly exitCode: number }
  /** The user pressed the detach keys: the program goes on. */
  | { readonly kind: "detached" };

/** What `run` gives back; `end` is absent when the container was left in the background. */
export interface RunResult {
  readonly id: string;
  readonly end?: SessionEnd;
}

/** The engine over one pair of roots. It opens the index on first use and holds it. */
export class Engine {
  readonly roots: Roots;

  constructor(roots: Roots) {
    this.roots = roots;
  }

  /** Creates and starts a container; with `attach` joins the caller's streams to it until it ends or is left. */
  run(options: RunOptions, watch: PullWatch = {}): Promise<RunResult> {
    return notYet(options, watch);
  }

  /** Creates a container that `start` can start; resolves to its ID. */
  create(options: RunOptions, watch: PullWatch = {}): Promise<string> {
    return notYet(options, watch);
  }

  /** The plan that `run` would give to the kernel, a readable line a step. Nothing is changed. */
  dryRun(options: RunOptions): Promise<string[]> {
    return notYet(options);
  }

  /** Starts a created or ended container. `name` is here and below a name, an ID or the unique start of an ID. */
  start(name: string, options: StartOptions): Promise<RunResult> {
    return notYet(name, options);
  }

  /** Joins the caller's streams to a running container. */
  attach(name: string, options: AttachOptions): Promise<SessionEnd> {
    return notYet(name, options);
  }

  /** Runs another program in a running container. A detached one resolves when it runs. */
  exec(name: string, options: ExecOptions): Promise<SessionEnd> {
    return notYet(name, options);
  }

  /** Sends the stop signal, then KILL after the time-out; resolves when the container has ended. */
  stop(name: string, options: StopOptions = {}): Promise<void> {
    return notYet(name, options);
  }

  /** Sends signal number `signal` to the container's init. */
  kill(name: string, signal: number): Promise<void> {
    return notYet(name, signal);
  }

  /** Removes an ended container with all it changed; resolves to its ID, or undefined when `force` found none. */
  remove(name: string, options: RemoveOptions): Promise<string | undefined> {
    return notYet(name, options);
  }

  /** Resolves to the exit code when the container ends, at once when it has. */
  wait(name: string): Promise<number> {
    return notYet(name);
  }

  /** Newest first; only running ones unless `all`. */
  list(options: { all: boolean }): Promise<ContainerSummary[]> {
    return notYet(options);
  }

  /** All that is known about a container, as JSON data: `{ id, name, state, config, mounts, spec … }`. */
  inspect(name: string): Promise<Record<string, unknown>> {
    return notYet(name);
  }

  /** Writes the log to standard output and standard error, each stream where it belongs. */
  logs(name: string, options: LogOptions): Promise<void> {
    return notYet(name, options);
  }

  /** Gets an image from its registry. */
  pull(reference: string, options: PullOptions, watch: PullWatch = {}): Promise<ImageSummary> {
    return notYet(reference, options, watch);
  }

  /** The images that are here, the last pulled first. */
  images(): Promise<ImageSummary[]> {
    return notYet();
  }

  /** All that is known about an image, as JSON data. */
  inspectImage(name: string): Promise<Record<string, unknown>> {
    return notYet(name);
  }

  /** Removes a reference, and the image with its last one. `deleted` is the image's ID when it is gone. */
  removeImage(
    name: string,
    options: RemoveImageOptions,
  ): Promise<{ readonly untagged: readonly string[]; readonly deleted: string | undefined }> {
    return notYet(name, options);
  }
}

async function notYet(..._values: unknown[]): Promise<never> {
  throw new Error("not yet");
}
