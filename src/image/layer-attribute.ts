/** Extended attributes of entries: which ones a layer may carry, and under which name they are stored. */
import { CurruntError } from "../base/error.ts";
import { failedWith } from "../sys/error.ts";
import type { ByteString } from "./tar-header.ts";
import { bytesOf, showBytes } from "./tar-header.ts";

/** Where overlayfs keeps its own attributes: `trusted.`, or `user.` in a user namespace (mount option `userxattr`). */
export type OverlayNamespace = "trusted" | "user";

/** Belong to the machine that the image was made on: its policy, its file server. */
const skipped = new Set(["security.selinux", "system.nfs4_acl"]);

/** The name that an attribute of an entry is stored under; undefined: it is not stored. */
export function storedName(name: ByteString, namespace: OverlayNamespace): ByteString | undefined {
  if (skipped.has(name)) return undefined;
  const overlay = `${namespace}.overlay.`;
  // As it stands it would be an order to overlayfs. Escaped, the container sees it under its own name
  // (Documentation/filesystems/overlayfs.rst, "Nesting overlayfs mounts").
  if (name.startsWith(overlay)) return `${overlay}overlay.${name.slice(overlay.length)}`;
  return name.startsWith("trusted.") ? undefined : name;
}

/**
 * The name that an attribute of a layer's file has in an archive: the opposite of `storedName`. undefined: it is none of the image's.
 * `escaped`: as the file system has it, not as it is seen through the overlay.
 */
export function archivedName(name: ByteString, { escaped }: { escaped: boolean }): ByteString | undefined {
  if (skipped.has(name)) return undefined;
  const overlay = "trusted.overlay.";
  const inner = `${overlay}overlay.`;
  if (escaped && name.startsWith(inner)) return overlay + name.slice(inner.length);
  if (!escaped && name.startsWith(overlay)) return name;
  return name.startsWith("trusted.") ? undefined : name;
}

export interface AttributeOptions {
  readonly namespace: OverlayNamespace;
  /** Links, devices and pipes cannot have `user.` attributes (`man 7 xattr`). */
  readonly special: boolean;
  readonly warn: (message: string) => void;
}

/** Stores the attributes through `set`. What the file system or our rights do not allow becomes a warning. */
export function applyAttributes(
  xattrs: ReadonlyMap<ByteString, Buffer>,
  set: (name: Uint8Array, value: Uint8Array) => void,
  { namespace, special, warn }: AttributeOptions,
): void {
  for (const [name, value] of xattrs) {
    const stored = storedName(name, namespace);
    if (stored === undefined) {
      if (!skipped.has(name))
        warn(`extended attribute ${showBytes(name)} is not kept: images may not set it`);
      continue;
    }
    if (name.includes("\0")) throw new CurruntError("invalid", `the name of an attribute contains a NUL`);
    try {
      set(bytesOf(stored), value);
    } catch (error) {
      if (special && name.startsWith("user.") && failedWith(error, "EPERM", "EACCES")) continue;
      if (!failedWith(error, "EOPNOTSUPP", "EPERM")) throw error;
      warn(`extended attribute ${showBytes(name)} is not kept: ${error.code}`);
    }
  }
}
