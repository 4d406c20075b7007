/** Looks a user up in a container's passwd and group, by docker's rules. */
import { CurruntError } from "../base/error.ts";
import type { UserReference } from "./options.ts";

/** Who the program runs as. */
export interface ResolvedUser {
  readonly uid: number;
  readonly gid: number;
  /** The main group among them: a process without it could drop out of a group's deny bits (CVE-2022-36109). */
  readonly additionalGids: readonly number[];
  /** Home directory; "/" for a user without an entry. */
  readonly home: string;
}

const maximumID = 2 ** 31 - 1;

/** `user[:group]`, each a name or a number, as image configs and `-user` write it; empty: root. */
export function parseUser(text: string): UserReference {
  const [user = "", group] = text.split(/:(.*)/s);
  return { user: user === "" ? "0" : user, ...(group === undefined || group === "" ? {} : { group }) };
}

/**
 * Finds `reference` in the texts of /etc/passwd and /etc/group. A name must be there, a number need not. Supplementary
 * groups are those that list the user, unless a group was asked for.
 */
export function resolveUser(reference: UserReference, passwd: string, group: string): ResolvedUser {
  const entry = findUser(reference.user, passwd);
  const uid = entry?.uid ?? numericID(reference.user);
  if (uid === undefined) throw unknown("user", reference.user, "passwd");
  const home = entry?.home === undefined || entry.home === "" ? "/" : entry.home;
  if (reference.group !== undefined) {
    const gid = resolveGroup(reference.group, group);
    return { uid, gid, additionalGids: [gid], home };
  }
  const gid = entry?.gid ?? 0;
  const listed = entry === undefined ? [] : groupsOf(entry.name, group);
  return { uid, gid, additionalGids: [...new Set([gid, ...listed])], home };
}

interface PasswdEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

/** By name first, then by number: a name may consist of digits. */
function findUser(user: string, passwd: string): PasswdEntry | undefined {
  const number = numericID(user);
  let byNumber: PasswdEntry | undefined;
  for (const [name = "", , uidText = "", gidText = "", , home = ""] of fields(passwd)) {
    const uid = numericID(uidText);
    const gid = numericID(gidText);
    if (uid === undefined || gid === undefined) continue;
    const entry = { name, uid, gid, home };
    if (name === user) return entry;
    if (uid === number) byNumber ??= entry;
  }
  return byNumber;
}

function resolveGroup(wanted: string, group: string): number {
  for (const [name, , gid = ""] of fields(group)) {
    if (name === wanted && numericID(gid) !== undefined) return Number(gid);
  }
  const number = numericID(wanted);
  if (number === undefined) throw unknown("group", wanted, "group");
  return number;
}

function groupsOf(user: string, group: string): number[] {
  return [...fields(group)]
    .filter(([, , , members = ""]) => members.split(",").some((member) => member.trim() === user))
    .flatMap(([, , gid = ""]) => numericID(gid) ?? []);
}

/** The colon-separated fields of each line that is neither empty nor a comment. */
function* fields(text: string): Generator<string[]> {
  for (const line of text.split("\n")) {
    const trimmed = line.trim();
    if (trimmed !== "" && !trimmed.startsWith("#")) yield trimmed.split(":");
  }
}

function numericID(text: string): number | undefined {
  if (!/^\d+$/.test(text)) return undefined;
  const number = Number(text);
  return number <= maximumID ? number : undefined;
}

function unknown(kind: "user" | "group", name: string, file: string): CurruntError {
  const problem = /^\d+$/.test(name) ? `larger than ${maximumID}` : `not in the container's /etc/${file}`;
  return new CurruntError("invalid", `find ${kind} ${JSON.stringify(name)}: ${problem}`, {
    hint: `use a name that the image has, or a number`,
  });
}
