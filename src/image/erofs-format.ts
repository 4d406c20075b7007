/** The structures of an EROFS image, byte by byte (Linux: Documentation/filesystems/erofs.rst, fs/erofs/erofs_fs.h). */
import type { Timestamp } from "../sys/file.ts";
import type { ByteString } from "./tar-header.ts";

/** What every kernel with EROFS takes as the size of a block. */
export const blockSize = 4096;
/** Inodes lie at multiples of this from the start of the metadata; the multiple is their number (nid). */
export const inodeSlot = 32;
/** `struct erofs_inode_extended`: the form with 32-bit owners and times to the nanosecond. */
export const inodeSize = 64;
const superblockOffset = 1024;

/** `enum` of dirents, the same as in directories of ext4. */
export const fileTypes = {
  file: 1,
  directory: 2,
  character: 3,
  block: 4,
  fifo: 5,
  symlink: 7,
} as const;

/** Where the data of an inode is: in blocks, or its last part (less than a block) right behind the inode. */
export type DataLayout = "plain" | "inline";

/** An inode as it is written. */
export interface InodeFields {
  readonly layout: DataLayout;
  /** Type and permissions, as `st_mode`. */
  readonly mode: number;
  readonly sizeBytes: number;
  /** First block of the data, or for a device its number. */
  readonly location: number;
  readonly serial: number;
  readonly uid: number;
  readonly gid: number;
  readonly modified: Timestamp;
  readonly links: number;
  /** Bytes of the attributes behind it: those of `encodeAttributes`, or 0. */
  readonly attributeBytes: number;
}

/** The inode that is encoded. Words are stored faster than by a DataView; every machine that we run on is little-endian. */
const inodeWords = new Uint32Array(inodeSize / 4);
const inodeBytes = Buffer.from(inodeWords.buffer);

/** The bytes of the inode, until the next call. */
export function encodeInode(inode: InodeFields): Buffer {
  const { layout, sizeBytes, modified, attributeBytes } = inode;
  const attributes = attributeBytes === 0 ? 0 : (attributeBytes - attributeHeaderSize) / 4 + 1;
  // Bit 0: extended; bits 1 to 3: EROFS_INODE_FLAT_PLAIN is 0, EROFS_INODE_FLAT_INLINE 2.
  inodeWords[0] = 1 | ((layout === "inline" ? 2 : 0) << 1) | (attributes << 16);
  inodeWords[1] = inode.mode;
  inodeWords[2] = sizeBytes;
  inodeWords[3] = sizeBytes / 0x1_0000_0000;
  inodeWords[4] = inode.location;
  inodeWords[5] = inode.serial;
  inodeWords[6] = inode.uid;
  inodeWords[7] = inode.gid;
  // Also negative, in two's complement.
  inodeWords[8] = modified.seconds;
  inodeWords[9] = Math.floor(modified.seconds / 0x1_0000_0000);
  inodeWords[10] = modified.nanoseconds;
  inodeWords[11] = inode.links;
  // The rest is reserved, and zero.
  return inodeBytes;
}

/** Also for negative numbers, in two's complement. */
function setUint64(target: DataView, at: number, value: number): void {
  target.setUint32(at, value >>> 0, true);
  target.setUint32(at + 4, Math.floor(value / 0x1_0000_0000) >>> 0, true);
}

/** A name in a directory. */
export interface Dirent {
  readonly name: ByteString;
  readonly nid: number;
  readonly type: number;
}

/** `struct erofs_dirent`. */
export const direntSize = 12;

/** Writes one block of a directory, whose names are in byte order and fit: all structures, then all names. */
export function encodeDirents(target: Buffer, at: number, entries: readonly Dirent[]): void {
  const view = new DataView(target.buffer, target.byteOffset, target.byteLength);
  let name = direntSize * entries.length;
  let slot = at;
  for (const entry of entries) {
    setUint64(view, slot, entry.nid);
    view.setUint16(slot + 8, name, true);
    view.setUint16(slot + 10, entry.type, true);
    target.write(entry.name, at + name, "latin1");
    name += entry.name.length;
    slot += direntSize;
  }
}

/** `struct erofs_xattr_ibody_header`. */
export const attributeHeaderSize = 12;
/** Attributes are stored by a number for the start of their name, and the rest of it. */
const prefixes: readonly (readonly [prefix: ByteString, index: number])[] = [
  ["user.", 1],
  ["system.posix_acl_access", 2],
  ["system.posix_acl_default", 3],
  ["trusted.", 4],
  ["security.", 6],
];

/** How an attribute's name is stored; undefined: EROFS has no such attributes. */
export function splitAttribute(name: ByteString): { index: number; rest: ByteString } | undefined {
  const found = prefixes.find(([prefix]) =>
    prefix.endsWith(".") ? name.startsWith(prefix) : name === prefix,
  );
  return found === undefined ? undefined : { index: found[1], rest: name.slice(found[0].length) };
}

/** The attributes of an inode, as they stand behind it. Names must be ones that `splitAttribute` knows. */
export function encodeAttributes(attributes: ReadonlyMap<ByteString, Uint8Array>): Buffer {
  const parts: Buffer[] = [Buffer.alloc(attributeHeaderSize)];
  for (const [name, value] of attributes) {
    const { index, rest } = splitAttribute(name) ?? { index: 0, rest: name };
    const entry = Buffer.alloc(Math.ceil((4 + rest.length + value.length) / 4) * 4);
    entry.writeUInt8(rest.length, 0);
    entry.writeUInt8(index, 1);
    entry.writeUInt16LE(value.length, 2);
    entry.write(rest, 4, "latin1");
    entry.set(value, 4 + rest.length);
    parts.push(entry);
  }
  return Buffer.concat(parts);
}

export interface SuperblockFields {
  readonly rootNid: number;
  readonly inodes: number;
  /** Blocks of the whole image. */
  readonly blocks: number;
  /** The block that the numbers of inodes are counted from. */
  readonly metadataBlock: number;
}

/** The first block of an image. */
export function encodeSuperblock({ rootNid, inodes, blocks, metadataBlock }: SuperblockFields): Buffer {
  const block = Buffer.alloc(blockSize);
  const at = superblockOffset;
  block.writeUInt32LE(0xe0f5e1e2, at);
  // EROFS_FEATURE_COMPAT_SB_CHKSUM, EROFS_FEATURE_COMPAT_MTIME. No incompatible features: every kernel since 5.4 can read it.
  block.writeUInt32LE(1 | 2, at + 8);
  block.writeUInt8(Math.log2(blockSize), at + 12);
  block.writeUInt16LE(rootNid, at + 14);
  setUint64(new DataView(block.buffer, block.byteOffset), at + 16, inodes);
  block.writeUInt32LE(blocks, at + 36);
  block.writeUInt32LE(metadataBlock, at + 40);
  // From the superblock to the end of its block, with the checksum's own place zero.
  block.writeUInt32LE(crc32c(block.subarray(at)), at + 4);
  return block;
}

/** CRC-32C as the kernel's `crc32c(~0, …)` gives it: not inverted at the end. */
export function crc32c(bytes: Uint8Array): number {
  const table = Uint32Array.from({ length: 256 }, (_, byte) => {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? 0x82f63b78 : 0);
    return value;
  });
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ (table[(crc ^ byte) & 0xff] ?? 0);
  return crc >>> 0;
}
