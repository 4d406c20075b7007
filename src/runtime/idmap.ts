/** Idmapped mounts: binds whose files belong to other users in the container than on disk. */
import type { Slot } from "../../ffi/plan.ts";
import { CurruntError } from "../base/error.ts";
import type { Draft } from "./draft.ts";
import { parseOptions, sourcePath } from "./mount.ts";
import type { Linux, LinuxIDMapping, Mount, Spec } from "./spec.ts";

/** True when the spec has such a mount. */
export function hasIdmaps({ mounts = [] }: Spec): boolean {
  return mounts.some((mount) => isIdmapped(mount));
}

/**
 * Opens the sources of the idmapped mounts and maps them, by the mounts' indices. To be done before init is cloned: only with
 * the host's powers over the filesystem may its owners be mapped.
 */
export function openIdmaps(draft: Draft, { mounts = [], linux }: Spec, bundle: string): Map<number, Slot> {
  const trees = new Map<number, Slot>();
  for (const [index, mount] of mounts.entries()) {
    if (!isIdmapped(mount)) continue;
    const { bind, idmap } = parseOptions(mount);
    if (bind === undefined) {
      throw new CurruntError("invalid", `mounts[${index}]: only a bind can have its owners mapped`);
    }
    const path = sourcePath(mount, bundle);
    const slot = draft.open((slot) => ({ op: "tree", slot, path, recursive: bind === "rbind" }));
    const recursive = idmap === "ridmap";
    draft.add({ op: "idmap", slot, recursive, ...mappingOf(draft, mount, linux, index) });
    trees.set(index, slot);
  }
  return trees;
}

function isIdmapped({ uidMappings = [], gidMappings = [], options = [] }: Mount): boolean {
  return (
    uidMappings.length + gidMappings.length > 0 || options.includes("idmap") || options.includes("ridmap")
  );
}

/** The mount's own mappings, else those of the container's user namespace (runtime-spec, config.md, "mounts"). */
function mappingOf(
  draft: Draft,
  { uidMappings = [], gidMappings = [] }: Mount,
  { namespaces = [], uidMappings: uids = [], gidMappings: gids = [] }: Linux = {},
  index: number,
): { uids: string; gids: string } | { namespace: Slot } {
  if (uidMappings.length > 0) return { uids: linesOf(uidMappings), gids: linesOf(gidMappings) };
  const path = namespaces.find(({ type }) => type === "user")?.path ?? "";
  if (path !== "") return { namespace: draft.open((slot) => ({ op: "open", slot, path, read: true })) };
  if (uids.length > 0) return { uids: linesOf(uids), gids: linesOf(gids) };
  throw new CurruntError("invalid", `mounts[${index}]: owners cannot be mapped: there are no mappings`, {
    hint: "give the mount uidMappings and gidMappings, or the container a user namespace",
  });
}

/** As the kernel reads it: `man 7 user_namespaces`. */
function linesOf(mappings: readonly LinuxIDMapping[]): string {
  return mappings.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`).join("");
}
