/** The 512-byte header block of a tar archive: fields, number formats, checksum (POSIX ustar, GNU tar's tar.h, V7). */
import { CurruntError } from "../base/error.ts";

/** Bytes of a header, and the unit that everything in an archive is padded to. */
export const blockSize = 512;

/**
 * Bytes kept in a string, one a character, U+0000 to U+00FF: names in archives need not be valid UTF-8, and two that differ must stay
 * different. It compares, concatenates and serves as a map key; `bytesOf` gives the bytes, `showBytes` the text.
 */
export type ByteString = string;

export function bytesOf(text: ByteString): Buffer {
  return Buffer.from(text, "latin1");
}

/** `text` for a message: decoded as UTF-8, quoted. */
export function showBytes(text: ByteString): string {
  return JSON.stringify(bytesOf(text).toString());
}

/** The header as it is in the block, before extended headers change it. */
export interface RawHeader {
  readonly path: ByteString;
  readonly linkPath: ByteString;
  /** One byte: "0", "5", "x" …; V7 regular files have "\0". */
  readonly typeFlag: ByteString;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  /** Whole seconds, may be negative. */
  readonly modifiedSeconds: number;
  readonly major: number;
  readonly minor: number;
  /** True for GNU's own format: the bytes of ustar's prefix mean something else there. */
  readonly gnu: boolean;
}

/** Offset and length of each field. */
const fields = {
  path: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  linkPath: [157, 100],
  major: [329, 8],
  minor: [337, 8],
} as const;
const typeFlagOffset = 156;
const magicOffset = 257;
const ustar = Buffer.from("ustar");
const prefixOffset = 345;

/** Reads the header at `at` of `block`, which has 512 bytes from there. Throws when it is none. */
export function readHeader(block: Buffer, at: number): RawHeader {
  checkSum(block, at);
  const magic = readMagic(block, at);
  const known = magic !== "none";
  const path = text(block, at + fields.path[0], fields.path[1]);
  const prefix = magic === "posix" ? readPrefix(block, at) : "";
  return {
    path: prefix === "" ? path : `${prefix}/${path}`,
    linkPath: text(block, at + fields.linkPath[0], fields.linkPath[1]),
    typeFlag: String.fromCharCode(block[at + typeFlagOffset] ?? 0),
    mode: readNumber(block, at, "mode"),
    uid: readNumber(block, at, "uid"),
    gid: readNumber(block, at, "gid"),
    sizeBytes: readNumber(block, at, "size"),
    modifiedSeconds: readNumber(block, at, "mtime"),
    // V7 has nothing here, and garbage is allowed.
    major: known ? readNumber(block, at, "major") : 0,
    minor: known ? readNumber(block, at, "minor") : 0,
    gnu: magic === "gnu",
  };
}

/** "ustar", and a NUL or a space behind it; by bytes, as a string of each would take longer than all the rest. */
function readMagic(block: Buffer, at: number): "posix" | "gnu" | "none" {
  for (let i = 0; i < ustar.length; i++) if (block[at + magicOffset + i] !== ustar[i]) return "none";
  const last = block[at + magicOffset + ustar.length];
  return last === 0 ? "posix" : last === 0x20 ? "gnu" : "none";
}

// star keeps two times in the last bytes of the prefix and marks its headers with "tar\0" at the end.
function readPrefix(block: Buffer, at: number): ByteString {
  const star = block.readUInt32BE(at + 508) === 0x74617200;
  return text(block, at + prefixOffset, star ? 131 : 155);
}

/** A text field: up to its first NUL, or all of it. */
function text(block: Buffer, start: number, length: number): ByteString {
  if (block[start] === 0) return "";
  const end = block.indexOf(0, start);
  return block.toString("latin1", start, end === -1 || end > start + length ? start + length : end);
}

function readNumber(
  block: Buffer,
  at: number,
  field: Exclude<keyof typeof fields, "path" | "linkPath">,
): number {
  const [offset, length] = fields[field];
  const value = parseNumber(block, at + offset, length);
  if (value === undefined) {
    const bytes = block.toString("latin1", at + offset, at + offset + length);
    throw new CurruntError("invalid", `tar header: field "${field}" is no number: ${JSON.stringify(bytes)}`);
  }
  return value;
}

/**
 * A number field: octal digits between spaces or NULs (none at all is zero), or, with the first bit set, a big-endian two's complement
 * ("base-256", GNU and star). undefined when it is neither, or beyond 2^53.
 */
export function parseNumber(block: Buffer, start: number, length: number): number | undefined {
  const first = block[start] ?? 0;
  if ((first & 0x80) !== 0) return parseBinary(block, start, length);
  const end = start + length;
  let at = start;
  while (at < end && isPadding(block[at])) at++;
  let value = 0;
  for (; at < end; at++) {
    const digit = (block[at] ?? 0) - 0x30;
    if (digit < 0 || digit > 7) break;
    value = value * 8 + digit;
  }
  return at === end || isPadding(block[at]) ? value : undefined;
}

function isPadding(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0;
}

function parseBinary(block: Buffer, start: number, length: number): number | undefined {
  const negative = ((block[start] ?? 0) & 0x40) !== 0;
  // Negative numbers are read inverted: -x-1, so that both kinds are leading zeros and then digits.
  const invert = negative ? 0xff : 0;
  let value = ((block[start] ?? 0) ^ invert) & 0x7f;
  for (let at = start + 1; at < start + length; at++) {
    value = value * 256 + ((block[at] ?? 0) ^ invert);
  }
  if (value > Number.MAX_SAFE_INTEGER) return undefined;
  return negative ? -value - 1 : value;
}

/** What `writeHeader` writes. Text must fit its field, numbers their digits: seven, eleven for the size and the time. */
export interface NewHeader extends Omit<RawHeader, "gnu"> {
  /** What stands before the path, a slash between them. */
  readonly prefix: ByteString;
}

/** Writes a POSIX header into `block`: 512 bytes, all zero. Owners have numbers only. */
export function writeHeader(block: Buffer, header: NewHeader): void {
  const number = (field: keyof typeof fields, value: number) => {
    const [offset, length] = fields[field];
    block.write(value.toString(8).padStart(length - 1, "0"), offset, "latin1");
  };
  block.write(header.path, fields.path[0], "latin1");
  block.write(header.linkPath, fields.linkPath[0], "latin1");
  block.write(header.prefix, prefixOffset, "latin1");
  block.write(header.typeFlag, typeFlagOffset, "latin1");
  block.write("ustar\x0000", magicOffset, "latin1");
  number("mode", header.mode);
  number("uid", header.uid);
  number("gid", header.gid);
  number("size", header.sizeBytes);
  number("mtime", header.modifiedSeconds);
  number("major", header.major);
  number("minor", header.minor);
  const [offset, length] = fields.checksum;
  block.fill(" ", offset, offset + length);
  let sum = 0;
  for (const byte of block) sum += byte;
  // Six digits, a NUL and a blank: so it has been since V7.
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, offset, "latin1");
}

/** Throws unless the sum of all bytes, with the checksum field as spaces, is what the field says. */
function checkSum(block: Buffer, at: number): void {
  const [offset, length] = fields.checksum;
  const stated = parseNumber(block, at + offset, length);
  const fieldSum = sumOfBytes(block, at + offset, length);
  const unsigned = sumOfBlock(block, at) - fieldSum + length * 0x20;
  if (stated === unsigned) return;
  // Some old tars summed signed characters (POSIX asks for unsigned ones; readers take both).
  const high = block
    .subarray(at, at + blockSize)
    .filter((byte, i) => byte > 0x7f && (i < offset || i >= offset + length));
  if (stated === unsigned - 256 * high.length) return;
  throw new CurruntError("invalid", "tar header: the checksum is wrong: not an archive, or a damaged one");
}

/** The memory of the block that was read last, as words. */
let words: Uint32Array = new Uint32Array(0);

/** The sum of a block's bytes: by two words' halves at a time where they can be had as words. */
function sumOfBlock(block: Buffer, at: number): number {
  const start = block.byteOffset + at;
  if ((start & 3) !== 0) return sumOfBytes(block, at, blockSize);
  if (words.buffer !== block.buffer) {
    words = new Uint32Array(block.buffer, 0, Math.floor(block.buffer.byteLength / 4));
  }
  // Two sums of at most 256 bytes each, which 16 bits hold.
  let sums = 0;
  for (let i = start >> 2, end = (start + blockSize) >> 2; i < end; i++) {
    const word = words[i] ?? 0;
    sums += (word & 0xff00ff) + ((word >>> 8) & 0xff00ff);
  }
  return (sums & 0xffff) + (sums >>> 16);
}

function sumOfBytes(block: Buffer, start: number, length: number): number {
  let sum = 0;
  for (let at = start; at < start + length; at++) sum += block[at] ?? 0;
  return sum;
}

/** True when all 512 bytes are zero. */
export function isZeroBlock(block: Buffer, at: number): boolean {
  if (block[at] !== 0) return false;
  for (let i = 1; i < blockSize; i++) if (block[at + i] !== 0) return false;
  return true;
}

/** Bytes that fill the last block of `sizeBytes` of data. */
export function paddingOf(sizeBytes: number): number {
  return (blockSize - (sizeBytes % blockSize)) % blockSize;
}
