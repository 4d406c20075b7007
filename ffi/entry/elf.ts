/** What <elf.h> says of 64-bit little-endian files, as far as the build's last steps need it. */

/** Places in the file's header. */
export const E_ENTRY = 24;
export const E_SHOFF = 40;
export const E_SHNUM = 60;
const E_PHOFF = 32;
const E_PHENTSIZE = 54;
const E_PHNUM = 56;
const E_SHENTSIZE = 58;

/** Places in a program header. */
export const P_FLAGS = 4;
export const P_OFFSET = 8;
export const P_VADDR = 16;
export const P_PADDR = 24;
export const P_FILESZ = 32;
export const P_MEMSZ = 40;
export const P_ALIGN = 48;

/** Place in a section's header. */
export const SH_OFFSET = 24;

export const PT_LOAD = 1;
export const PT_DYNAMIC = 2;
export const PT_NOTE = 4;
export const PT_GNU_RELRO = 0x6474e552;
export const PF_RX = 5;
export const PF_X = 1;

/** A part of the file that the kernel loads, or that tells how to load it. */
export interface ProgramHeader {
  /** Where the header is in the file. */
  readonly at: number;
  readonly type: number;
  readonly flags: number;
  /** Where its bytes are in the file, and how many. */
  readonly offset: number;
  readonly fileLength: number;
  /** Where they are in memory, and how many. */
  readonly address: number;
  readonly length: number;
}

/** True of a file that this module can read. */
export function isElf(file: Buffer): boolean {
  return file.length > 64 && file.readUInt32BE(0) === 0x7f454c46 && file[4] === 2 && file[5] === 1;
}

/** The program headers, in the order of the file. */
export function programHeaders(file: Buffer): ProgramHeader[] {
  return headersAt(file, numberAt(file, E_PHOFF), E_PHNUM, E_PHENTSIZE).map((at) => ({
    at,
    type: file.readUInt32LE(at),
    flags: file.readUInt32LE(at + P_FLAGS),
    offset: numberAt(file, at + P_OFFSET),
    fileLength: numberAt(file, at + P_FILESZ),
    address: numberAt(file, at + P_VADDR),
    length: numberAt(file, at + P_MEMSZ),
  }));
}

/** Where the headers of sections are in a file whose table of them is at `start`. */
export function sectionHeaders(file: Buffer, start = numberAt(file, E_SHOFF)): number[] {
  return headersAt(file, start, E_SHNUM, E_SHENTSIZE);
}

function headersAt(file: Buffer, start: number, count: number, size: number): number[] {
  return Array.from(
    { length: file.readUInt16LE(count) },
    (_, index) => start + index * file.readUInt16LE(size),
  );
}

/** The 64-bit number at a place. */
export function numberAt(file: Buffer, at: number): number {
  return Number(file.readBigUInt64LE(at));
}

/** Writes a 64-bit number. */
export function putNumber(file: Buffer, at: number, value: number): void {
  file.writeBigUInt64LE(BigInt(value), at);
}
