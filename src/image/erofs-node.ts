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
