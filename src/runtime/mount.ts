/** Mounts of a spec: options by their names in mount(8) and the specification, and the steps that make a mount. */
import type { FilesystemOption, MountAttribute, Propagation, Slot, Step } from "../../ffi/plan.ts";
import { CurruntError } from "../base/error.ts";
import type { Draft } from "./draft.ts";
import { checkDestination } from "./mount-destination.ts";
import type { Mount } from "./spec.ts";

/** A mount's options, sorted by what they act on. */
export interface MountOptions {
  /** undefined: a filesystem of its own. */
  readonly bind: "bind" | "rbind" | undefined;
  readonly set: readonly MountAttribute[];
  readonly clear: readonly MountAttribute[];
  /** The same for all mounts below too: "rro", "rnosuid" … */
  readonly setBelow: readonly MountAttribute[];
  readonly clearBelow: readonly MountAttribute[];
  readonly propagation: { readonly kind: Propagation; readonly recursive: boolean } | undefined;
  /** The files' owners are mapped; "ridmap": those of all mounts below too. */
  readonly idmap?: "idmap" | "ridmap";
  /** A new tmpfs begins with what it covers. */
  readonly copyUp?: boolean;
  /** What is mounted there changes, and nothing is mounted. */
  readonly remount?: boolean;
  /** For the filesystem itself. */
  readonly data: readonly FilesystemOption[];
}

/** Options that set an attribute of the mount or, with their opposite, clear it. */
const attributes: Record<string, { set?: MountAttribute; clear?: MountAttribute }> = {
  ro: { set: "ro" },
  rw: { clear: "ro" },
  nosuid: { set: "nosuid" },
  suid: { clear: "nosuid" },
  nodev: { set: "nodev" },
  dev: { clear: "nodev" },
  noexec: { set: "noexec" },
  exec: { clear: "noexec" },
  nodiratime: { set: "nodiratime" },
  diratime: { clear: "nodiratime" },
  nosymfollow: { set: "nosymfollow" },
  symfollow: { clear: "nosymfollow" },
  relatime: { set: "relatime" },
  norelatime: { clear: "relatime" },
  noatime: { set: "noatime" },
  atime: { clear: "noatime" },
  strictatime: { set: "strictatime" },
  nostrictatime: { clear: "strictatime" },
};

/** Superblock flags that fsconfig(2) takes by name. */
const filesystemFlags = new Set(["sync", "async", "dirsync", "lazytime", "nolazytime", "mand", "nomand"]);

/** Options that ask for what is so anyway, or that only mount(8) itself heeds. */
const withoutEffect = new Set(["defaults", "iversion", "noiversion", "silent", "loud"]);

/** What mounts and unmounts do across copies of a mount (`man 7 mount_namespaces`). */
export const propagationOptions: Record<string, { kind: Propagation; recursive: boolean }> = {
  private: { kind: "private", recursive: false },
  rprivate: { kind: "private", recursive: true },
  slave: { kind: "slave", recursive: false },
  rslave: { kind: "slave", recursive: true },
  shared: { kind: "shared", recursive: false },
  rshared: { kind: "shared", recursive: true },
  unbindable: { kind: "unbindable", recursive: false },
  runbindable: { kind: "unbindable", recursive: true },
};

/** Sorts the options of a mount. What is no known name is data for the filesystem; a bind has none. */
export function parseOptions({ destination, type, options = [] }: Mount): MountOptions {
  const lists = {
    set: [] as MountAttribute[],
    clear: [] as MountAttribute[],
    setBelow: [] as MountAttribute[],
    clearBelow: [] as MountAttribute[],
  };
  let bind: MountOptions["bind"] = type === "bind" ? "bind" : undefined;
  let propagation: MountOptions["propagation"];
  const data: FilesystemOption[] = [];
  const flags: string[] = [];
  const special: { idmap?: "idmap" | "ridmap"; copyUp?: boolean; remount?: boolean } = {};
  for (const option of options) {
    const below = option.startsWith("r") ? attributes[option.slice(1)] : undefined;
    const spread = propagationOptions[option];
    const own = attributes[option];
    if (option === "bind" || option === "rbind") bind = option;
    else if (spread !== undefined) propagation = spread;
    else if (own !== undefined) change(lists.set, lists.clear, own);
    else if (below !== undefined) change(lists.setBelow, lists.clearBelow, below);
    else if (filesystemFlags.has(option)) flags.push(option);
    else if (option === "idmap" || option === "ridmap") special.idmap = option;
    else if (option === "tmpcopyup") special.copyUp = true;
    else if (option === "remount") special.remount = true;
    else if (!withoutEffect.has(option)) data.push(...splitData(option));
  }
  // A bind has the file system that is there already: mount(2) ignores its data, and engines pass some along.
  if (bind !== undefined) data.length = 0;
  if (special.copyUp === true && type !== "tmpfs") {
    throw new CurruntError("invalid", `mount "${destination}": only a tmpfs has the option "tmpcopyup"`);
  }
  return {
    bind,
    ...lists,
    propagation,
    ...special,
    data: [...flags.map((name) => [name] as const), ...data],
  };
}

function change(
  set: MountAttribute[],
  clear: MountAttribute[],
  attribute: { set?: MountAttribute; clear?: MountAttribute },
): void {
  // The last word counts: "ro,rw" is rw.
  for (const list of [set, clear]) {
    const index = list.findIndex((other) => other === (attribute.set ?? attribute.clear));
    if (index >= 0) list.splice(index, 1);
  }
  if (attribute.set !== undefined) set.push(attribute.set);
  if (attribute.clear !== undefined) clear.push(attribute.clear);
}

/** "size=64m" as a key with its value; commas separate options but inside of quotes, as in SELinux contexts. */
function splitData(option: string): FilesystemOption[] {
  const parts = option.match(/(?:[^,"]|"[^"]*")+/g) ?? [];
  return parts.map((part) => {
    const equals = part.indexOf("=");
    if (equals < 0) return [part];
    return [part.slice(0, equals), part.slice(equals + 1).replace(/^"(.*)"$/, "$1")];
  });
}

/** A mount whose source has been opened: what is left is to make it what it shall be and to put it in place. */
export interface PreparedMount {
  readonly mount: Mount;
  readonly destination: string;
  readonly options: MountOptions;
  /** The tree of a bind. */
  readonly tree: Slot | undefined;
  /** The host's own, for a filesystem that a user namespace may keep us from making. */
  readonly instead?: Slot | undefined;
  /** The filesystem, if it has been made already; else it is when its turn comes. */
  readonly filesystem?: Slot | undefined;
}

/** What `openSources` needs beside the mounts. */
interface SourceOptions {
  readonly bundle: string;
  /** The container's root; undefined: filesystems cannot be made yet. */
  readonly root?: Slot | undefined;
  readonly label?: string | undefined;
  /** Trees that somebody else has opened, by the index of their mount. */
  readonly trees?: ReadonlyMap<number, Slot> | undefined;
}

/**
 * Opens the sources of all binds, while the host's root still is what paths start from, and makes filesystems: the kernel lists
 * mounts in the order in which they were made, and that shall be the one of the spec.
 */
export function openSources(
  draft: Draft,
  mounts: readonly Mount[],
  { bundle, root, label = "", trees = new Map() }: SourceOptions,
): PreparedMount[] {
  const above: string[] = [];
  return mounts.map((mount, index) => {
    const destination = checkDestination(mount);
    const parsed = parseOptions(mount);
    const options = label === "" ? parsed : withLabel(mount, parsed, label);
    const covered = above.some((path) => destination === path || destination.startsWith(`${path}/`));
    above.push(destination);
    if (options.remount === true || mount.type === "cgroup") {
      return { mount, destination, options, tree: undefined };
    }
    if (options.bind === undefined) {
      const prepared = { mount, destination, options, tree: undefined };
      // What takes over the mode of a directory in another mount must wait until that is in place.
      return root === undefined || (covered && copiesMode(prepared))
        ? prepared
        : { ...prepared, filesystem: makeFilesystem(draft, root, prepared) };
    }
    const path = sourcePath(mount, bundle);
    const recursive = options.bind === "rbind";
    const tree = trees.get(index) ?? draft.open((slot) => ({ op: "tree", slot, path, recursive }));
    return { mount, destination, options, tree };
  });
}

/** Where a bind's source is on the host. */
export function sourcePath({ destination, source = "" }: Mount, bundle: string): string {
  if (source === "") {
    throw new CurruntError("invalid", `mount "${destination}": a bind mount needs a source`);
  }
  // Not by posix.resolve(), which takes what is no UTF-8 from a path.
  return source.startsWith("/") ? source : `${bundle}/${source}`;
}

/** Filesystems that have labels of the kernel's own, or none at all. */
const unlabelled = new Set(["proc", "sysfs", "cgroup", "cgroup2", "mqueue"]);

/** The options with an SELinux label for all files of a new filesystem (`man 8 mount`, "context"). */
function withLabel({ type = "" }: Mount, options: MountOptions, label: string): MountOptions {
  if (options.bind !== undefined || unlabelled.has(type)) return options;
  return { ...options, data: [...options.data, ["context", label]] };
}

/** Filesystems that are filled after they are mounted become read-only last. */
function isClosedLater({ destination, mount: { type }, options: { set } }: PreparedMount): boolean {
  return set.includes("ro") && (destination === "/dev" || type === "tmpfs");
}

/** A tmpfs without a mode has the one of the directory that it covers. */
function copiesMode({ mount: { type }, options: { data } }: PreparedMount): boolean {
  return type === "tmpfs" && !data.some(([key]) => key === "mode");
}

/** Makes the mount and attaches it in `root`. Returns the steps that are to be taken when all else is in place. */
export function placeMount(draft: Draft, root: Slot, prepared: PreparedMount): Step[] {
  const { mount, destination, options } = prepared;
  if (options.remount === true) {
    draft.add(remountStep(root, prepared));
    return [];
  }
  const slot = prepared.tree ?? prepared.filesystem ?? makeFilesystem(draft, root, prepared);
  if (options.copyUp === true) draft.add({ op: "copyUp", slot, root, path: destination });
  // What we write to later, and what confines, must not lie where an image's link leads (CVE-2019-19921).
  const follow = mount.type !== "proc" && mount.type !== "sysfs";
  draft.add({ op: "attach", slot, root, path: destination, follow });
  // Changed when it is in its place, which is how mount(2) can do it too, on kernels without mount_setattr(2).
  if (prepared.tree !== undefined) changeTree(draft, slot, options);
  else changeFilesystem(draft, slot, options);
  return prepared.tree === undefined && isClosedLater(prepared) ? [makeReadonly(slot)] : [];
}

/** A filesystem has no mounts below it yet: what holds for those holds for it too. */
function changeFilesystem(draft: Draft, slot: Slot, options: MountOptions): void {
  const { setBelow: set, clearBelow: clear, propagation } = options;
  if (set.length > 0 || clear.length > 0) {
    draft.add({ op: "attributes", slot, set, clear, recursive: false });
  }
  if (propagation === undefined) return;
  const { kind, recursive } = propagation;
  draft.add({ op: "attributes", slot, set: [], clear: [], propagation: kind, recursive });
}

/** With "bind" the mount alone changes, else its filesystem too (`man 2 mount`, "Remounting an existing mount"). */
function remountStep(root: Slot, { destination: path, options }: PreparedMount): Step {
  const { bind, set, clear, setBelow, clearBelow, data } = options;
  if (setBelow.length + clearBelow.length > 0) {
    throw new CurruntError("invalid", `mount "${path}": a remount cannot be recursive`);
  }
  return { op: "remount", root, path, set, clear, options: bind === undefined ? data : [] };
}

/** The step that makes the mount in `slot` read-only. */
export function makeReadonly(slot: Slot): Step {
  return { op: "attributes", slot, set: ["ro"], clear: [], recursive: false };
}

function makeFilesystem(draft: Draft, root: Slot, prepared: PreparedMount): Slot {
  const { mount, destination, options, instead } = prepared;
  const { type, source } = mount;
  if (type === undefined || type === "") {
    throw new CurruntError(
      "invalid",
      `mount "${destination}": neither a type nor the option "bind" is given`,
    );
  }
  const later = isClosedLater(prepared);
  return draft.open((slot) => ({
    op: "filesystem",
    slot,
    type,
    ...(source === undefined || source === "" ? {} : { source }),
    options: options.data,
    attributes: options.set.filter((name) => name !== "ro" || !later),
    ...(copiesMode(prepared) ? { modeOf: { root, path: destination } } : {}),
    instead,
  }));
}

/** A bind keeps the flags of its source but those that are asked for; it is private unless another word is given. */
function changeTree(draft: Draft, slot: Slot, options: MountOptions): void {
  const { set, clear, setBelow, clearBelow, bind } = options;
  const { kind, recursive } = options.propagation ?? { kind: "private", recursive: bind === "rbind" };
  if (setBelow.length > 0 || clearBelow.length > 0) {
    draft.add({ op: "attributes", slot, set: setBelow, clear: clearBelow, recursive: true });
  }
  if (recursive && (set.length > 0 || clear.length > 0)) {
    draft.add({ op: "attributes", slot, set, clear, recursive: false });
    draft.add({ op: "attributes", slot, set: [], clear: [], propagation: kind, recursive });
  } else draft.add({ op: "attributes", slot, set, clear, propagation: kind, recursive });
}
