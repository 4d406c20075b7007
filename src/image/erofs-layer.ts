/** A layer as one EROFS image: data is written as it passes, in blocks; the tree stays in memory and is written at the end. */
import { O_CREAT, O_EXCL, O_RDWR } from "../../ffi/kernel.ts";
import { CurruntError } from "../base/error.ts";
import { SyscallError } from "../sys/error.ts";
import type { Fd } from "../sys/fd.ts";
import { encodeDevice, openat, readSome } from "../sys/file.ts";
import { ImageData } from "./erofs-data.ts";
import { encodeAttributes, splitAttribute } from "./erofs-format.ts";
import { writeMetadata } from "./erofs-image.ts";
import type { ErofsNode } from "./erofs-node.ts";
import { noPlace } from "./erofs-node.ts";
import type { OverlayNamespace } from "./layer-attribute.ts";
import { applyAttributes } from "./layer-attribute.ts";
import type { DirectoryRecord, Found, LayerTarget, Place } from "./layer-target.ts";
import type { TarEntry } from "./tar-entry.ts";
import type { ByteString } from "./tar-header.ts";
import { showBytes } from "./tar-header.ts";

export interface ErofsLayerOptions {
  /** The image: a file that does not exist yet. */
  readonly path: string;
  readonly namespace: OverlayNamespace;
  readonly warn: (message: string) => void;
}

/** asm-generic/errno-base.h and errno.h. */
const [EPERM, ENOENT, EEXIST, EINVAL, ERANGE, ENAMETOOLONG, EOPNOTSUPP] = [1, 2, 17, 22, 34, 36, 95];
/** PATH_MAX of linux/limits.h, without the final NUL. */
const maximumTarget = 4095;
/** XATTR_NAME_MAX and XATTR_SIZE_MAX of linux/limits.h; an image's field for the size has 16 bits. */
const [maximumName, maximumValue] = [255, 65535];
/** All attributes of an inode: its field counts pieces of four bytes, in 16 bits. */
const maximumAttributes = 0xffff * 4;

export class ErofsLayer implements LayerTarget {
  readonly #file: Fd;
  readonly #data: ImageData;
  readonly #options: ErofsLayerOptions;
  readonly #root = newNode("directory");
  /** Directories by path. */
  readonly #directories = new Map<ByteString, ErofsNode>([["", this.#root]]);
  /** The file that data is for, and where it begins in the image. */
  #current: { readonly node: ErofsNode; readonly start: number } | undefined;

  constructor(options: ErofsLayerOptions) {
    this.#options = options;
    this.#file = openat(undefined, options.path, O_RDWR | O_CREAT | O_EXCL, 0o600);
    this.#data = new ImageData(this.#file);
  }

  lookup(place: Place): Found | undefined {
    const node = this.#find(place);
    if (node === undefined) return undefined;
    if (node.type === "directory" || node.type === "symlink") return node.type;
    return node.type === "character" && node.device === 0 ? "whiteout" : "other";
  }

  readLink(place: Place): ByteString {
    return this.#find(place)?.target ?? "";
  }

  makeDirectory(place: Place): void {
    this.#directories.set(place.path, this.#add(place, newNode("directory")));
  }

  makeFile(place: Place, entry: TarEntry): void {
    const node = this.#add(place, newNode("file", entry));
    this.#describe(node, entry);
    node.block = this.#data.align();
    this.#current = { node, start: this.#data.position };
  }

  write(bytes: Buffer, offset: number, { sparse }: TarEntry): void {
    if (sparse && this.#current !== undefined) this.#data.seek(this.#current.start + offset);
    this.#data.append(bytes);
  }

  endFile({ sparse, sizeBytes }: TarEntry): void {
    if (this.#current === undefined) return;
    const { node, start } = this.#current;
    this.#current = undefined;
    node.sizeBytes = sizeBytes;
    if (sparse) this.#data.seek(start + sizeBytes);
  }

  makeSymlink(place: Place, entry: TarEntry): void {
    if (entry.linkPath === "" || entry.linkPath.includes("\0")) throw new SyscallError("symlink", ENOENT, "");
    if (entry.linkPath.length > maximumTarget) throw new SyscallError("symlink", ENAMETOOLONG, "");
    this.#describe(this.#add(place, newNode("symlink", entry)), entry);
  }

  makeNode(place: Place, entry: TarEntry): boolean {
    const type = entry.type === "character" || entry.type === "block" ? entry.type : "fifo";
    this.#describe(this.#add(place, newNode(type, entry)), entry);
    return true;
  }

  makeHardLink(target: Place, place: Place): void {
    const node = this.#find(target);
    if (node !== undefined) this.#add(place, node);
  }

  makeWhiteout(place: Place): void {
    this.#add(place, newNode("character"));
  }

  copyFile(place: Place, entry: TarEntry, source: Fd): void {
    this.makeFile(place, entry);
    const buffer = Buffer.allocUnsafe(1 << 18);
    for (let left = entry.sizeBytes; left > 0; ) {
      const length = readSome(source, buffer.subarray(0, Math.min(left, buffer.length)));
      if (length === 0) throw new CurruntError("invalid", "the file below is shorter than it says");
      this.#data.append(buffer.subarray(0, length));
      left -= length;
    }
    this.endFile(entry);
  }

  remove({ parent, name }: Place, directories: readonly ByteString[]): void {
    for (const path of directories) this.#directories.delete(path);
    this.#directories.get(parent)?.children?.delete(name);
  }

  finishDirectory(path: ByteString, { metadata, opaque, whiteouts }: DirectoryRecord): void {
    const node = this.#directories.get(path);
    if (node === undefined) throw new Error(`unreachable: no directory ${showBytes(path)}`);
    const overlay = `${this.#options.namespace}.overlay.`;
    const marks = new Map<ByteString, Uint8Array>();
    if (opaque) marks.set(`${overlay}opaque`, Buffer.from("y"));
    // Makes overlayfs hide whiteouts also where no lower layer has the directory ("copied up, origin unknown").
    if (whiteouts) marks.set(`${overlay}origin`, Buffer.alloc(0));
    if (metadata !== undefined) this.#describe(node, metadata, marks);
    else if (marks.size > 0) node.attributes = encodeAttributes(marks);
  }

  finish(): void {
    writeMetadata(this.#root, this.#data);
    this.#file.close();
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }

  #find({ parent, name }: Place): ErofsNode | undefined {
    return this.#directories.get(parent)?.children?.get(name);
  }

  #add({ parent, name, path }: Place, node: ErofsNode): ErofsNode {
    const children = this.#directories.get(parent)?.children;
    if (children === undefined) throw new Error(`unreachable: no directory ${showBytes(parent)}`);
    if (children.has(name)) throw new SyscallError("create", EEXIST, showBytes(path));
    children.set(name, node);
    return node;
  }

  #describe(node: ErofsNode, entry: TarEntry, attributes = new Map<ByteString, Uint8Array>()): void {
    node.mode = entry.mode;
    node.uid = entry.uid;
    node.gid = entry.gid;
    node.modified = entry.modified;
    const { namespace, warn } = this.#options;
    const special = node.type !== "file" && node.type !== "directory";
    if (entry.xattrs !== undefined) {
      const set = (name: Uint8Array, value: Uint8Array) => {
        const key = Buffer.from(name).toString("latin1");
        refuseAttribute(key, value, special);
        attributes.set(key, value);
      };
      applyAttributes(entry.xattrs, set, { namespace, special, warn });
    }
    if (attributes.size > 0) node.attributes = encodeAttributes(attributes);
    if ((node.attributes?.length ?? 0) > maximumAttributes)
      throw new CurruntError("invalid", "more extended attributes than an image can hold");
  }
}

/** Fails as the kernel does for a file system: with the same error numbers. */
function refuseAttribute(name: ByteString, value: Uint8Array, special: boolean): void {
  const fail = (errno: number) => new SyscallError("setxattr", errno, showBytes(name));
  if (special && name.startsWith("user.")) throw fail(EPERM);
  const split = splitAttribute(name);
  if (split === undefined || (special && name.startsWith("system."))) throw fail(EOPNOTSUPP);
  if (name.length > maximumName || value.length > maximumValue) throw fail(ERANGE);
  // The kernel reads these itself: one that it cannot read makes the file unusable.
  const isList = name.startsWith("system.posix_acl_");
  if (isList && !isAccessControlList(value)) throw fail(EINVAL);
}

/** `struct posix_acl_xattr_header` (version 2), then entries of 8 bytes. */
function isAccessControlList(value: Uint8Array): boolean {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return bytes.length >= 4 && bytes.readUInt32LE(0) === 2 && (bytes.length - 4) % 8 === 0;
}

function newNode(type: ErofsNode["type"], entry?: TarEntry): ErofsNode {
  const device = type === "character" || type === "block";
  return {
    type,
    // What a directory that the archive does not list gets.
    mode: type === "directory" ? 0o755 : 0o600,
    uid: 0,
    gid: 0,
    modified: entry?.modified ?? { seconds: Math.floor(Date.now() / 1000), nanoseconds: 0 },
    attributes: undefined,
    sizeBytes: 0,
    block: 0,
    device: device && entry !== undefined ? encodeDevice(entry.major, entry.minor) : 0,
    target: type === "symlink" ? (entry?.linkPath ?? "") : "",
    children: type === "directory" ? new Map() : undefined,
    place: noPlace(),
  };
}
