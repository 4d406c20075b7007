/** Puts our first instructions (entry.c) into an executable: the build's last step. */
import type { ProgramHeader } from "./elf.ts";
import {
  E_ENTRY,
  isElf,
  numberAt,
  P_ALIGN,
  P_FILESZ,
  P_FLAGS,
  P_MEMSZ,
  P_OFFSET,
  P_PADDR,
  P_VADDR,
  PF_RX,
  PF_X,
  PT_DYNAMIC,
  PT_GNU_RELRO,
  PT_LOAD,
  PT_NOTE,
  programHeaders,
  putNumber,
} from "./elf.ts";

// <elf.h>: tags of the dynamic section; sizes of a relocation and of a symbol.
const DT_STRTAB = 5;
const DT_SYMTAB = 6;
const DT_RELA = 7;
const DT_RELASZ = 8;
const DT_PLTRELSZ = 2;
const DT_JMPREL = 23;
const RELA_BYTES = 24;
const SYMBOL_BYTES = 24;
/** R_X86_64_GLOB_DAT and _JUMP_SLOT, R_AARCH64_GLOB_DAT and _JUMP_SLOT: the dynamic linker writes the symbol's address here. */
const addressTypes = [6, 7, 1025, 1026];

/** The largest page of any kernel that we run on: arm64 has 64 KB ones. */
const pageBytes = 0x10000;

/** Places in entry.c's code, behind its first jump. */
const entryAt = 8;
const environmentAt = 16;
const madviseAt = 24;
const syscallAt = 32;
const imageAt = 40;
const imageBytesAt = 48;
const shimAt = 56;
const shimBytesAt = 64;
const textAt = 72;
const textBytesAt = 80;

/**
 * The executable with `code` in front of its entry, and `shim` behind that: appended, and loaded by the program header that told
 * of notes (the build's ID), which no kernel needs. Throws when it has no such header, or is no ELF file of our kind.
 */
export function installEntry(executable: Buffer, code: Uint8Array, shim: Uint8Array): Buffer {
  if (!isElf(executable)) throw new Error("install the entry: not a 64-bit little-endian ELF file");
  const headers = programHeaders(executable);
  // The last one: what is loaded must stand in the order of addresses.
  const note = headers.findLast(({ type }) => type === PT_NOTE);
  if (note === undefined || headers.some(({ type, at }) => type === PT_LOAD && at > note.at)) {
    throw new Error("install the entry: the executable has no program header to spare");
  }
  const offset = roundUp(executable.length);
  const loaded = headers.filter(({ type }) => type === PT_LOAD);
  const first = Math.min(...loaded.map((segment) => segment.address));
  const end = Math.max(...loaded.map((segment) => segment.address + segment.length));
  const address = roundUp(end);
  const length = code.length + shim.length;
  const out = Buffer.alloc(offset + length);
  executable.copy(out);
  out.set(code, offset);
  out.set(shim, offset + code.length);
  putNumber(out, offset + shimAt, code.length);
  putNumber(out, offset + shimBytesAt, shim.length);
  const distance = (to: number) => BigInt(to - address);
  out.writeBigInt64LE(distance(numberAt(executable, E_ENTRY)), offset + entryAt);
  const places = addressPlaces(executable, headers);
  const environ = places.get("environ");
  if (environ === undefined) throw new Error("install the entry: the executable does not use environ");
  out.writeBigInt64LE(distance(environ), offset + environmentAt);
  for (const [name, at] of [
    ["madvise", madviseAt],
    ["syscall", syscallAt],
  ] as const) {
    const place = places.get(name);
    if (place !== undefined && isWritable(place, headers)) out.writeBigInt64LE(distance(place), offset + at);
  }
  out.writeBigInt64LE(distance(first), offset + imageAt);
  putNumber(out, offset + imageBytesAt, end - first);
  const text = loaded.find(({ flags }) => (flags & PF_X) !== 0);
  if (text !== undefined) {
    out.writeBigInt64LE(distance(text.address), offset + textAt);
    putNumber(out, offset + textBytesAt, text.length);
  }
  putNumber(out, E_ENTRY, address);
  out.writeUInt32LE(PT_LOAD, note.at);
  out.writeUInt32LE(PF_RX, note.at + P_FLAGS);
  const fields: readonly (readonly [number, number])[] = [
    [P_OFFSET, offset],
    [P_VADDR, address],
    [P_PADDR, address],
    [P_FILESZ, length],
    [P_MEMSZ, length],
    [P_ALIGN, pageBytes],
  ];
  for (const [field, value] of fields) putNumber(out, note.at + field, value);
  return out;
}

/** What is loaded of a linked program that is one segment, and begins with its entry. */
export function flatCode(program: Buffer): Buffer {
  const [segment, more] = programHeaders(program).filter(({ type }) => type === PT_LOAD);
  if (segment === undefined || more !== undefined || numberAt(program, E_ENTRY) !== segment.address) {
    throw new Error("the entry's code was linked as several segments, or does not begin with _start");
  }
  return program.subarray(segment.offset, segment.offset + segment.length);
}

/** By the names of symbols of other files: the address of the word that the dynamic linker fills with the symbol's address. */
function addressPlaces(executable: Buffer, headers: readonly ProgramHeader[]): Map<string, number> {
  const inFile = (address: number): number => {
    const segment = headers.find(
      ({ type, address: start, length }) => type === PT_LOAD && address >= start && address < start + length,
    );
    if (segment === undefined) throw new Error(`install the entry: nothing is loaded at ${address}`);
    return address - segment.address + segment.offset;
  };
  const dynamic = dynamicEntries(executable, headers);
  const [strings = 0, symbols = 0] = [DT_STRTAB, DT_SYMTAB].map((tag) => inFile(dynamic.get(tag) ?? 0));
  const places = new Map<string, number>();
  for (const [table, bytes] of [
    [DT_RELA, DT_RELASZ],
    [DT_JMPREL, DT_PLTRELSZ],
  ] as const) {
    const start = dynamic.get(table);
    if (start === undefined) continue;
    const end = inFile(start) + (dynamic.get(bytes) ?? 0);
    for (let at = inFile(start); at < end; at += RELA_BYTES) {
      if (!addressTypes.includes(executable.readUInt32LE(at + 8))) continue;
      const symbol = symbols + executable.readUInt32LE(at + 12) * SYMBOL_BYTES;
      const name = strings + executable.readUInt32LE(symbol);
      places.set(executable.toString("latin1", name, executable.indexOf(0, name)), numberAt(executable, at));
    }
  }
  return places;
}

/** False of what the dynamic linker makes read-only before our instructions run. */
function isWritable(place: number, headers: readonly ProgramHeader[]): boolean {
  return !headers.some(
    ({ type, address, length }) => type === PT_GNU_RELRO && place >= address && place < address + length,
  );
}

function dynamicEntries(executable: Buffer, headers: readonly ProgramHeader[]): Map<number, number> {
  const segment = headers.find(({ type }) => type === PT_DYNAMIC);
  if (segment === undefined) throw new Error("install the entry: the executable is not dynamically linked");
  const { offset, length } = segment;
  const places = Array.from({ length: length / 16 }, (_, index) => offset + index * 16);
  return new Map(places.map((at) => [numberAt(executable, at), numberAt(executable, at + 8)]));
}

function roundUp(length: number): number {
  return Math.ceil(length / pageBytes) * pageBytes;
}
