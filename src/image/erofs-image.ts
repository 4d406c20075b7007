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
import type { ErofsNode, ErofsPlace } from "./erofs-node.ts";
import { fullMode } from "./erofs-node.ts";
import type { ByteString } from "./tar-header.ts";

/** Writes everything but the data of files, which `data` has already. */
export function writeMetadata(root: ErofsNode, data: ImageData): void {
  const nodes = collect(root);
  // No inode has number 0: to readers of directories that is a name that was removed.
  let cursor = inodeSize;
  for (const node of nodes) cursor = placeInode(node, cursor);
  // The content that is not behind inodes comes first: then the numbers of all blocks are known.
  let block = data.align();
  for (const { place } of nodes) {
    place.block = block;
    block += Math.ceil((place.contentBytes - place.inline) / blockSize);
  }
  for (const node of nodes) {
    const { contentBytes, inline } = node.place;
    if (contentBytes === inline) continue;
    data.align();
    data.append(contentOf(node).subarray(0, contentBytes - inline));
  }
  const metadataBlock = data.align();
  const start = data.position;
  let serial = 0;
  for (const node of nodes) {
    data.seek(start + node.place.offset);
    writeInode(data, node, ++serial);
  }
  // fsck.erofs 1.5 reads a header of attributes behind every inode, also behind the last one that has none.
  data.seek(start + cursor + attributeHeaderSize);
  const blocks = data.align();
  data.finish(
    encodeSuperblock({ rootNid: inodeSize / inodeSlot, inodes: nodes.length, blocks, metadataBlock }),
  );
}

/** All inodes that can be reached, the root first. */
function collect(root: ErofsNode): ErofsNode[] {
  const nodes = [root];
  const pending = [root];
  for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
    const { children = new Map<ByteString, ErofsNode>(), place } = directory;
    // A directory has its own name, its ".", and the ".." of those in it.
    place.links = 2;
    packNames(place, [...children.keys()]);
    for (const child of children.values()) {
      if (child.type === "directory") {
        place.links++;
        child.place.parent = directory;
        pending.push(child);
      } else if (child.place.links++ > 0) continue;
      else child.place.contentBytes = child.target.length;
      nodes.push(child);
    }
  }
  return nodes;
}

/** Distributes the names to blocks: the kernel looks for one by halving, so all are in byte order. */
function packNames(place: ErofsPlace, names: ByteString[]): void {
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
  place.blocks = blocks;
  place.contentBytes = (blocks.length - 1) * blockSize + used;
}

/** Gives the inode its place at `cursor` or behind it; returns where it ends. */
function placeInode({ attributes, place }: ErofsNode, cursor: number): number {
  const head = inodeSize + (attributes?.length ?? 0);
  const tail = place.contentBytes % blockSize;
  const slot = (at: number) => Math.ceil(at / inodeSlot) * inodeSlot;
  // What is behind an inode must not cross the end of a block.
  const fits = (at: number) => ((at + head) % blockSize) + tail <= blockSize;
  const next = Math.ceil(cursor / blockSize) * blockSize;
  place.offset = slot(cursor);
  if (tail > 0) {
    if (!fits(place.offset) && fits(next)) place.offset = next;
    place.inline = fits(place.offset) ? tail : 0;
  }
  return place.offset + head + place.inline;
}

/** What a directory or a link contains. */
function contentOf(node: ErofsNode): Buffer {
  if (node.children === undefined) return Buffer.from(node.target, "latin1");
  const content = Buffer.alloc(node.place.contentBytes);
  for (const [number, names] of node.place.blocks.entries()) {
    const entries = names.map((name) => direntOf(name, node));
    encodeDirents(content, number * blockSize, entries);
  }
  return content;
}

function direntOf(name: ByteString, directory: ErofsNode): Dirent {
  const above = name === ".." ? (directory.place.parent ?? directory) : directory;
  const { place, type } = directory.children?.get(name) ?? above;
  return { name, nid: place.offset / inodeSlot, type: fileTypes[type] };
}

/** Writes an inode, its attributes and the content behind it. */
function writeInode(data: ImageData, node: ErofsNode, serial: number): void {
  const { attributes } = node;
  const { inline, contentBytes, links, block } = node.place;
  const isDevice = node.type === "character" || node.type === "block";
  const inode = encodeInode({
    layout: inline > 0 ? "inline" : "plain",
    mode: fullMode(node),
    sizeBytes: node.type === "file" ? node.sizeBytes : contentBytes,
    location: isDevice ? node.device : node.type === "file" ? node.block : block,
    serial,
    uid: node.uid,
    gid: node.gid,
    modified: node.modified,
    links,
    attributeBytes: attributes?.length ?? 0,
  });
  data.append(inode);
  if (attributes !== undefined) data.append(attributes);
  if (inline > 0) data.append(contentOf(node).subarray(contentBytes - inline));
}
