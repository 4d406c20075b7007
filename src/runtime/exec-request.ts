/** What `exec` runs: the process of a file, or the container's own with changes. */
import { CurruntError } from "../base/error.ts";
import { tryReadSmallFile } from "../sys/small-file.ts";
import type { Capabilities, Process, Spec, User } from "./spec.ts";
import { validateProcess } from "./validate.ts";

/** Changes to the container's own process. */
export interface ProcessChanges {
  readonly args: readonly string[];
  readonly terminal: boolean;
  readonly cwd?: string | undefined;
  /** Added to the container's: "NAME=value". */
  readonly env: readonly string[];
  /** "UID[:GID]". */
  readonly user?: string | undefined;
  readonly additionalGids: readonly number[];
  /** Added to the container's: "CAP_CHOWN". */
  readonly capabilities: readonly string[];
  readonly apparmorProfile?: string | undefined;
  readonly selinuxLabel?: string | undefined;
  readonly noNewPrivileges: boolean;
}

/** The process that the JSON file at `path` describes. */
export function readProcess(path: string): Process {
  const text = tryReadSmallFile(path);
  if (text === undefined) throw new CurruntError("not-found", `read ${path}: no such file or directory`);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new CurruntError("invalid", `read ${path}: it is no JSON`, { cause });
  }
  return validateProcess(json).process;
}

/** The container's process with changes. */
export function changedProcess({ process }: Spec, changes: ProcessChanges): Process {
  if (process === undefined)
    throw new CurruntError("invalid", "the container has no process: pass one with -process");
  const { apparmorProfile, selinuxLabel, cwd = process.cwd } = changes;
  return {
    ...process,
    args: changes.args,
    terminal: changes.terminal,
    cwd,
    env: [...(process.env ?? []), ...changes.env],
    user: changedUser(process.user, changes),
    capabilities: withCapabilities(process.capabilities, changes.capabilities),
    noNewPrivileges: changes.noNewPrivileges || process.noNewPrivileges === true,
    ...(apparmorProfile === undefined ? {} : { apparmorProfile }),
    ...(selinuxLabel === undefined ? {} : { selinuxLabel }),
  };
}

/** All of the text must be numbers: "1" that is read as root was CVE-2026-30892. */
function changedUser(user: User, { user: text, additionalGids }: ProcessChanges): User {
  const groups = [...(user.additionalGids ?? []), ...additionalGids];
  if (text === undefined) return { ...user, additionalGids: groups };
  const match = /^(\d{1,10})(?::(\d{1,10}))?$/.exec(text);
  const [uid, gid] = [Number(match?.[1]), match?.[2] === undefined ? user.gid : Number(match[2])];
  if (match === null || uid > 0xfffffffe || gid > 0xfffffffe) {
    throw new CurruntError(
      "invalid",
      `flag -user: ${JSON.stringify(text)} is not UID or UID:GID, in numbers`,
    );
  }
  return { ...user, uid, gid, additionalGids: groups };
}

/** Never inheritable: a file could take those up (CVE-2022-29162); so ambient only where the container has some. */
function withCapabilities(sets: Capabilities = {}, added: readonly string[]): Capabilities {
  if (added.length === 0) return sets;
  const names = added.map((name) => (name.startsWith("CAP_") ? name : `CAP_${name.toUpperCase()}`));
  const add = (set: readonly string[] = []) => [...set, ...names];
  return {
    ...sets,
    bounding: add(sets.bounding),
    effective: add(sets.effective),
    permitted: add(sets.permitted),
    ...((sets.inheritable ?? []).length === 0 ? {} : { ambient: add(sets.ambient) }),
  };
}
