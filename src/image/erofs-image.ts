/** Writes the tree of an EROFS image behind its data: where every inode and directory goes, then their bytes. */
import type { ImageData } from "./erofs-data.ts";
import type { Dirent } from "./erofs-format.ts";
import {
  attributeHeaderSize,
  blockSize,
  direntSize,
  encodeDirents,
  encodeInode,
  encodeSuperblock,
  fileTypes,
  inodeSize,
  inodeSlot,
} from "./erofs-format.ts";
import type { ErofsNode } from "./erofs-node.ts";
import { fullMode } from "./erofs-node.ts";
import type { ByteString } from "./tar-header.ts";

/** An inode with its place. */
interface Placed {
  readonly node: ErofsNode;
  readonly parent: Placed | undefined;
  /** Names that lead to it. */
  links: number;
  /** Of a directory: its names in byte order, a list a block. */
  blocks: readonly (readonly ByteString[])[];
  /** Bytes of content that the tree has for it: of a directory or a link. */
  sizeBytes: number;
  /** Where the inode is, in bytes from the start of the metadata. */
  offset: number;
  /** Bytes of content right behind the inode. */
  inline: number;
  /** First block of what is not. */
  block: number;
}

type Index = ReadonlyMap<ErofsNode, Placed>;

/** Writes everything but the data of files, which `data` has already. */
export function writeMetadata(root: ErofsNode, data: ImageData): void {
  const index = collect(root);
  // No inode has number 0: to readers of directories that is a name that was removed.
  let cursor = inodeSize;
  for (const placed of index.values()) cursor = placeInode(placed, cursor);
  // The content that is not behind inodes comes first: then the numbers of all blocks are known.
  let block = data.align();
  for (const placed of index.values()) {
    placed.block = block;
    block += Math.ceil((placed.sizeBytes - placed.inline) / blockSize);
  }
  for (const placed of index.values()) {
    if (placed.sizeBytes === placed.inline) continue;
    data.align();
    data.append(contentOf(placed, index).subarray(0, placed.sizeBytes - placed.inline));
  }
  const metadataBlock = data.align();
  const start = data.position;
  let serial = 0;
  for (const placed of index.values()) {
    data.seek(start + placed.offset);
    writeInode(data, placed, index, ++serial);
  }
  // fsck.erofs 1.5 reads a header of attributes behind every inode, also behind the last one that has none.
  data.seek(start + cursor + attributeHeaderSize);
  const blocks = data.align();
  data.finish(
    encodeSuperblock({ rootNid: inodeSize / inodeSlot, inodes: index.size, blocks, metadataBlock }),
  );
}

/** All inodes that can be reached, the root first. */
function collect(root: ErofsNode): Map<ErofsNode, Placed> {
  const index = new Map<ErofsNode, Placed>();
  const add = (node: ErofsNode, parent: Placed | undefined) => {
    const placed = { node, parent, links: 1, blocks: [], sizeBytes: 0, offset: 0, inline: 0, block: 0 };
    index.set(node, placed);
    return placed;
  };
  const pending: Placed[] = [add(root, undefined)];
  for (let placed = pending.pop(); placed !== undefined; placed = pending.pop()) {
    const children = placed.node.children ?? new Map<ByteString, ErofsNode>();
    // A directory has its own name, its ".", and the ".." of those in it.
    placed.links = 2;
    packNames(placed, [...children.keys()]);
    for (const child of children.values()) {
      const known = index.get(child);
      if (child.type === "directory") placed.links++;
      if (known !== undefined) known.links++;
      else if (child.type === "directory") pending.push(add(child, placed));
      else add(child, placed).sizeBytes = child.target.length;
    }
  }
  return index;
}

/** Distributes the names to blocks: the kernel looks for one by halving, so all are in byte order. */
function packNames(placed: Placed, names: ByteString[]): void {
  // UTF-16 order, which for strings of bytes is that of the bytes.
  names.push(".", "..");
  names.sort();
  const blocks: ByteString[][] = [];
  let used = blockSize;
  for (const name of names) {
    const need = direntSize + name.length;
    if (used + need > blockSize) {
      blocks.push([]);
      used = 0;
    }
    blocks.at(-1)?.push(name);
    used += need;
  }
  placed.blocks = blocks;
  placed.sizeBytes = (blocks.length - 1) * blockSize + used;
}

/** Gives the inode its place at `cursor` or behind it; returns where it ends. */
function placeInode(placed: Placed, cursor: number): number {
  const head = inodeSize + (placed.node.attributes?.length ?? 0);
  const tail = placed.sizeBytes % blockSize;
  const slot = (at: number) => Math.ceil(at / inodeSlot) * inodeSlot;
  // What is behind an inode must not cross the end of a block.
  const fits = (at: number) => ((at + head) % blockSize) + tail <= blockSize;
  const next = Math.ceil(cursor / blockSize) * blockSize;
  placed.offset = slot(cursor);
  if (tail > 0) {
    if (!fits(placed.offset) && fits(next)) placed.offset = next;
    placed.inline = fits(placed.offset) ? tail : 0;
  }
  return placed.offset + head + placed.inline;
}

/** What a directory or a link contains. */
function contentOf(placed: Placed, index: Index): Buffer {
  const { node, blocks, sizeBytes } = placed;
  if (node.children === undefined) return Buffer.from(node.target, "latin1");
  const content = Buffer.alloc(sizeBytes);
  for (const [number, names] of blocks.entries()) {
    const entries = names.map((name) => direntOf(name, placed, index));
    encodeDirents(content, number * blockSize, entries);
  }
  return content;
}

function direntOf(name: ByteString, directory: Placed, index: Index): Dirent {
  const child = directory.node.children?.get(name);
  const known = child === undefined ? undefined : index.get(child);
  const placed = known ?? (name === ".." ? (directory.parent ?? directory) : directory);
  return { name, nid: placed.offset / inodeSlot, type: fileTypes[placed.node.type] };
}

/** Writes an inode, its attributes and the content behind it. */
function writeInode(data: ImageData, placed: Placed, index: Index, serial: number): void {
  const { node, inline, sizeBytes, links } = placed;
  const { attributes } = node;
  const isDevice = node.type === "character" || node.type === "block";
  const at = data.reserve(inodeSize);
  encodeInode(data.view, at, {
    layout: inline > 0 ? "inline" : "plain",
    mode: fullMode(node),
    sizeBytes: node.type === "file" ? node.sizeBytes : sizeBytes,
    location: isDevice ? node.device : node.type === "file" ? node.block : placed.block,
    serial,
    uid: node.uid,
    gid: node.gid,
    modified: node.modified,
    links,
    attributeBytes: attributes?.length ?? 0,
  });
  if (attributes !== undefined) data.append(attributes);
  if (inline > 0) data.append(contentOf(placed, index).subarray(sizeBytes - inline));
}
