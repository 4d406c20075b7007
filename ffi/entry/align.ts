/** Lays an executable so that the kernel can map it by large pages: a step of the build. */
import type { ProgramHeader } from "./elf.ts";
import {
  E_SHOFF,
  isElf,
  numberAt,
  P_ALIGN,
  P_OFFSET,
  PT_LOAD,
  programHeaders,
  putNumber,
  SH_OFFSET,
  sectionHeaders,
} from "./elf.ts";

/** What one entry of the second level of page tables maps, where the smallest page has 4 KB: x86-64, most of arm64. */
const largePageBytes = 0x20_0000;

/**
 * The executable with each of its loaded segments at a place of the file that is the segment's address, modulo the size of a
 * large page: only then can pages that the kernel has cached in one piece be mapped in one. A start then takes some forty page
 * faults for code instead of three hundred, and fewer misses of the translation buffer. Throws when it is no ELF file of our kind.
 */
export function alignSegments(executable: Buffer): Buffer {
  if (!isElf(executable)) throw new Error("lay out the executable: not a 64-bit little-endian ELF file");
  const headers = programHeaders(executable);
  const moves: { from: number; to: number }[] = [];
  const pieces: Buffer[] = [];
  let length = 0;
  const append = (piece: Buffer) => {
    pieces.push(piece);
    length += piece.length;
  };
  let end = 0;
  for (const segment of headers.filter(({ type }) => type === PT_LOAD).sort((a, b) => a.offset - b.offset)) {
    append(Buffer.alloc(distanceUp(length, segment)));
    moves.push({ from: segment.offset, to: length });
    end = segment.offset + segment.fileLength;
    append(executable.subarray(segment.offset, end));
  }
  // What is not loaded: headers of sections, their names.
  moves.push({ from: end, to: length });
  append(executable.subarray(end));
  const moved = (offset: number) => {
    const { from, to } = moves.findLast((move) => move.from <= offset) ?? { from: 0, to: 0 };
    return offset - from + to;
  };
  const out = Buffer.concat(pieces);
  for (const { at, type, offset } of headers) {
    putNumber(out, at + P_OFFSET, moved(offset));
    if (type === PT_LOAD) putNumber(out, at + P_ALIGN, largePageBytes);
  }
  const sections = moved(numberAt(executable, E_SHOFF));
  putNumber(out, E_SHOFF, sections);
  for (const at of sectionHeaders(out, sections))
    putNumber(out, at + SH_OFFSET, moved(numberAt(out, at + SH_OFFSET)));
  return out;
}

/** Bytes from a place of the file to the next one that suits the segment. */
function distanceUp(offset: number, { address }: ProgramHeader): number {
  return (((address - offset) % largePageBytes) + largePageBytes) % largePageBytes;
}
