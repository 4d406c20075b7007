/** The inodes of an EROFS image while it is made. */
import type { Timestamp } from "../sys/file.ts";
import type { fileTypes } from "./erofs-format.ts";
import type { ByteString } from "./tar-header.ts";

export interface ErofsNode {
  readonly type: keyof typeof fileTypes;
  /** Permission bits, set-id bits and sticky bit. */
  mode: number;
  uid: number;
  gid: number;
  modified: Timestamp;
  /** As `encodeAttributes` makes them. */
  attributes: Buffer | undefined;
  /** Of a file: bytes, and the block where they begin. */
  sizeBytes: number;
  block: number;
  /** Of a device: its number as the kernel packs it. */
  readonly device: number;
  /** Of a symbolic link: its target. */
  readonly target: ByteString;
  /** Of a directory. */
  readonly children: Map<ByteString, ErofsNode> | undefined;
  /** Where it goes, once the whole tree is known. */
  readonly place: ErofsPlace;
}

/** A part of the node itself: an image has many thousand, and looking each up would take longer than writing it. */
export interface ErofsPlace {
  /** Names that lead to it; 0 until it is found in the tree. */
  links: number;
  /** Of a directory: its own one, and its names in byte order, a list a block. */
  parent: ErofsNode | undefined;
  blocks: readonly (readonly ByteString[])[];
  /** Bytes of content that the tree has for it: of a directory or a link. */
  contentBytes: number;
  /** Where the inode is, in bytes from the start of the metadata. */
  offset: number;
  /** Bytes of content right behind the inode. */
  inline: number;
  /** First block of what is not. */
  block: number;
}

/** Of a node that was not found yet. */
export function noPlace(): ErofsPlace {
  return { links: 0, parent: undefined, blocks: [], contentBytes: 0, offset: 0, inline: 0, block: 0 };
}

const inodeTypes: Readonly<Record<ErofsNode["type"], number>> = {
  file: 0o100000,
  directory: 0o040000,
  character: 0o020000,
  block: 0o060000,
  fifo: 0o010000,
  symlink: 0o120000,
};

/** `st_mode`: type and permissions. */
export function fullMode({ type, mode }: ErofsNode): number {
  return inodeTypes[type] | (type === "symlink" ? 0o777 : mode);
}
