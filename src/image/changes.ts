/** What differs between the layers of a container and what it sees now, as docker tells it. */
import { S_IFDIR, S_IFMT } from "../../ffi/kernel.ts";
import type { Fd } from "../sys/fd.ts";
import type { Status } from "../sys/stat.ts";
import { lookup } from "../sys/stat.ts";
import { joinPath } from "./layer-path.ts";
import type { ByteString } from "./tar-header.ts";
import { isRemoval, namesIn, noMarks, openSubdirectory, readMarks } from "./tree-reader.ts";

/** Added, changed, deleted. */
export type ChangeKind = "A" | "C" | "D";

export interface Change {
  readonly kind: ChangeKind;
  /** Relative to the root; bytes. */
  readonly path: ByteString;
}

/** Directories, open for reading; they stay the caller's. */
export interface Views {
  /** The upper directory of the overlay; undefined: all of `now` may be new. */
  readonly upper: Fd | undefined;
  /** All that is seen. */
  readonly now: Fd;
  /** What was seen at first; undefined: nothing was there. */
  readonly before: Fd | undefined;
}

/**
 * The changes in the order of their paths, parents first. A directory counts as changed when its owner or mode is another, or something in
 * it is; a file whose size, time, owner and mode are the same is the same.
 */
export function listChanges(views: Views, omit: ReadonlySet<ByteString> = new Set()): Change[] {
  return changesIn("", views, omit);
}

function changesIn(path: ByteString, { upper, now, before }: Views, omit: ReadonlySet<ByteString>): Change[] {
  const marks = upper === undefined ? noMarks : readMarks(upper);
  // Nothing of what was below shines through, or it comes from another place: only the whole can tell.
  const whole = upper === undefined || marks.opaque || marks.redirected;
  const listing = whole ? now : upper;
  const changes: Change[] = [];
  const seen = new Set<ByteString>();
  for (const name of namesIn(listing)) {
    const inner = joinPath(path, name.toString("latin1"));
    if (omit.has(inner)) continue;
    seen.add(inner);
    const old = before === undefined ? undefined : lookup(before, name);
    const own = whole ? undefined : lookup(listing, name);
    if (own !== undefined && isRemoval(listing, name, own, marks)) {
      if (old !== undefined) changes.push({ kind: "D", path: inner });
      continue;
    }
    const status = lookup(now, name);
    if (status !== undefined)
      changes.push(
        ...changesAt(inner, name, { old, status }, { upper: whole ? undefined : upper, now, before }, omit),
      );
  }
  return whole && before !== undefined
    ? [...changes, ...missing(path, before, now, seen)].sort(byPath)
    : changes;
}

function changesAt(
  path: ByteString,
  name: Buffer,
  { old, status }: { readonly old: Status | undefined; readonly status: Status },
  views: Views,
  omit: ReadonlySet<ByteString>,
): Change[] {
  const below = isDirectory(status) ? changesBelow(path, name, old, views, omit) : [];
  if (old === undefined) return [{ kind: "A", path }, ...below];
  return below.length > 0 || differ(old, status) ? [{ kind: "C", path }, ...below] : [];
}

function changesBelow(
  path: ByteString,
  name: Buffer,
  old: Status | undefined,
  views: Views,
  omit: ReadonlySet<ByteString>,
): Change[] {
  using now = openSubdirectory(views.now, name);
  using upper = views.upper === undefined ? undefined : openSubdirectory(views.upper, name);
  const hadDirectory = views.before !== undefined && old !== undefined && isDirectory(old);
  using before =
    hadDirectory && views.before !== undefined ? openSubdirectory(views.before, name) : undefined;
  return now === undefined ? [] : changesIn(path, { upper, now, before }, omit);
}

/** What was in a directory and is in it no more. */
function missing(path: ByteString, before: Fd, now: Fd, seen: ReadonlySet<ByteString>): Change[] {
  return namesIn(before).flatMap((name): Change[] => {
    const inner = joinPath(path, name.toString("latin1"));
    return seen.has(inner) || lookup(now, name) !== undefined ? [] : [{ kind: "D", path: inner }];
  });
}

function differ(old: Status, status: Status): boolean {
  if (old.mode !== status.mode || old.uid !== status.uid || old.gid !== status.gid) return true;
  // The time of a directory tells of names that came and went, which are told themselves.
  if (isDirectory(status)) return false;
  const sameTime =
    old.modified.seconds === status.modified.seconds &&
    old.modified.nanoseconds === status.modified.nanoseconds;
  return (
    !sameTime ||
    old.sizeBytes !== status.sizeBytes ||
    old.major !== status.major ||
    old.minor !== status.minor
  );
}

function isDirectory({ mode }: Status): boolean {
  return (mode & S_IFMT) === S_IFDIR;
}

function byPath(a: Change, b: Change): number {
  // By components: what is in a directory comes right after it.
  const [left, right] = [a.path.replaceAll("/", "\0"), b.path.replaceAll("/", "\0")];
  return left < right ? -1 : left > right ? 1 : 0;
}
