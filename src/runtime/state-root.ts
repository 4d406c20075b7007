/** Where the states of OCI containers lie, and the files of one of them. */
import { CurruntError } from "../base/error.ts";
import { runsInUserNamespace } from "../sys/process.ts";

/** The root of root: not the engine's run root, whose directories are swept. */
const systemRoot = "/run/currunt-oci";

/** What the choice of the root depends on. */
export interface Caller {
  /** Effective user ID. */
  readonly uid: number;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Asked about root: whether it is the root of a user namespace only, as in what rootless podman starts. */
  readonly inUserNamespace?: () => boolean;
}

/** The directory that holds a directory a container, unless `-root` names another. */
export function defaultStateRoot({
  uid,
  environment,
  inUserNamespace = runsInUserNamespace,
}: Caller): string {
  const runtimeDirectory = environment["XDG_RUNTIME_DIR"] ?? "";
  if (!runtimeDirectory.startsWith("/")) return systemRoot;
  const isOwn = uid !== 0 || (environment["USER"] !== "root" && inUserNamespace());
  return isOwn ? `${runtimeDirectory}/currunt-oci` : systemRoot;
}

/** The files and directories of one container. */
export interface StatePaths {
  /** The root that it lies in. */
  readonly root: string;
  readonly directory: string;
  /** What the other commands need to know; there from one moment to the next, and replaced by rename. */
  readonly state: string;
  /** The same while the container is created: what will be made. A half-written one says that nothing has been made yet. */
  readonly beginning: string;
  /** The spec as it was when the container was created; whole where there is a state. */
  readonly spec: string;
  /** A fifo that is there until the container is started: whoever starts it writes a byte. */
  readonly fifo: string;
  /** What went wrong in a container that was waiting for its start. */
  readonly failure: string;
  /** What the other commands come to, for the executable's entry: see brief.ts. */
  readonly brief: string;
  /** Of the whole root: seccomp profiles that have been compiled. No container can have the name. */
  readonly filters: string;
}

/** Where container `id` keeps its state. Refuses an ID that is no name of a directory. */
export function statePaths(root: string, id: string): StatePaths {
  if (!/^[\w+.-]{1,255}$/.test(id) || id === "." || id === "..") {
    throw new CurruntError("invalid", `invalid container ID format: ${JSON.stringify(id)}`, {
      hint: "letters, digits, and _ + - . are allowed",
    });
  }
  const directory = `${root}/${id}`;
  return {
    root,
    directory,
    state: `${directory}/state.json`,
    beginning: `${directory}/creating.json`,
    spec: `${directory}/config.json`,
    fifo: `${directory}/exec.fifo`,
    failure: `${directory}/failure`,
    brief: `${directory}/brief`,
    filters: `${root}/@filters`,
  };
}
