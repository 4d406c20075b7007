/** Values of D-Bus in binary form, by their signature, both ways (D-Bus Specification, "Type System" and "Marshaling"). */
import { CurruntError } from "../base/error.ts";

/** A value by its signature: numbers for y n q i u d, bigint or number for x t, boolean for b, text for s o g, arrays for a ( {. */
export type BusValue = number | bigint | boolean | string | Variant | readonly BusValue[];

/** A value with its type. */
export interface Variant {
  readonly signature: string;
  readonly value: BusValue;
}

/** `variant("s", "text")`. */
export function variant(signature: string, value: BusValue): Variant {
  return { signature, value };
}

/** The members of an array, struct or entry; none of anything else. */
export function asArray(value: BusValue | undefined): readonly BusValue[] {
  return Array.isArray(value) ? value : [];
}

/** True for what `variant` makes. */
export function isVariant(value: BusValue | undefined): value is Variant {
  return typeof value === "object" && "signature" in value;
}

/** The error for bytes that are no message. */
export function malformed(what: string): CurruntError {
  return new CurruntError("unavailable", `read a message of D-Bus: ${what}`);
}

/** The complete types of a signature: "sa{sv}u" is "s", "a{sv}", "u". */
export function splitSignature(signature: string): string[] {
  const types: string[] = [];
  for (let at = 0; at < signature.length; ) {
    const end = endOfType(signature, at);
    types.push(signature.slice(at, end));
    at = end;
  }
  return types;
}

function endOfType(signature: string, at: number): number {
  const first = signature[at];
  if (first === "a") return endOfType(signature, at + 1);
  if (first !== "(" && first !== "{") {
    if (first === undefined || !"ybnqiuxtdsogvh".includes(first)) throw malformed(`type "${signature}"`);
    return at + 1;
  }
  let end = at + 1;
  while (signature[end] !== ")" && signature[end] !== "}") end = endOfType(signature, end);
  return end + 1;
}

/** Bytes that a value of this type is aligned to. */
function alignmentOf(type: string): number {
  const first = type[0] ?? "";
  if ("ygv".includes(first)) return 1;
  if ("nq".includes(first)) return 2;
  return "xtd({".includes(first) ? 8 : 4;
}

/** Types inside a struct or dictionary entry. */
const members = (type: string) => splitSignature(type.slice(1, -1));

function asInteger(value: BusValue): number | bigint {
  return typeof value === "bigint" || typeof value === "number" ? value : 0;
}

/** Packs values one behind the other, little-endian. */
export class Writer {
  #bytes = Buffer.alloc(256);
  #length = 0;

  take(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  bytes(values: readonly number[] | Uint8Array): void {
    this.#reserve(values.length);
    this.#bytes.set(values, this.#length);
    this.#length += values.length;
  }

  align(size: number): void {
    this.bytes(new Uint8Array((size - (this.#length % size)) % size));
  }

  write(type: string, value: BusValue): void {
    this.align(alignmentOf(type));
    const first = type[0] ?? "";
    if (first === "a") this.#array(type.slice(1), asArray(value));
    else if (first === "(" || first === "{") {
      members(type).forEach((member, index) => {
        this.write(member, asArray(value)[index] ?? "");
      });
    } else if (first === "v") {
      if (!isVariant(value)) throw new Error("a variant needs its type");
      this.write("g", value.signature);
      this.write(value.signature, value.value);
    } else if ("sog".includes(first)) this.#text(first, String(value));
    else this.#number(first, value);
  }

  #text(type: string, value: string): void {
    if (value.includes("\0")) throw new CurruntError("invalid", `${JSON.stringify(value)} contains a NUL`);
    const encoded = Buffer.from(value);
    if (type === "g") this.bytes([encoded.length]);
    else this.#number("u", encoded.length);
    this.bytes(encoded);
    this.bytes([0]);
  }

  #array(type: string, items: readonly BusValue[]): void {
    const at = this.#length;
    this.#number("u", 0);
    this.align(alignmentOf(type));
    const start = this.#length;
    for (const item of items) this.write(type, item);
    this.#bytes.writeUInt32LE(this.#length - start, at);
  }

  #number(type: string, value: BusValue): void {
    const size = type === "y" ? 1 : alignmentOf(type);
    this.#reserve(size);
    const at = this.#length;
    this.#length += size;
    const view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset);
    // Setters of integers take the low bits of any number: what is negative needs no sign.
    if (type === "d") view.setFloat64(at, Number(value), true);
    else if (type === "x" || type === "t") view.setBigUint64(at, BigInt(asInteger(value)), true);
    else if (size === 4) view.setUint32(at, Number(value), true);
    else if (size === 2) view.setUint16(at, Number(value), true);
    else view.setUint8(at, Number(value));
  }

  #reserve(size: number): void {
    if (this.#length + size <= this.#bytes.length) return;
    const larger = Buffer.alloc(Math.max(2 * this.#bytes.length, this.#length + size));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}

/** Reads values one behind the other. */
export class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #little: boolean;
  #at = 0;

  constructor(bytes: Uint8Array, little: boolean) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#little = little;
  }

  align(size: number): void {
    this.#at = Math.ceil(this.#at / size) * size;
  }

  read(type: string): BusValue {
    this.align(alignmentOf(type));
    const first = type[0] ?? "";
    if (first === "a") {
      const length = Number(this.read("u"));
      this.align(alignmentOf(type.slice(1)));
      const end = this.#at + length;
      if (end > this.#bytes.length) throw malformed("an array is longer than the message");
      const items: BusValue[] = [];
      while (this.#at < end) items.push(this.read(type.slice(1)));
      return items;
    }
    if (first === "(" || first === "{") return members(type).map((member) => this.read(member));
    if (first === "v") {
      const signature = String(this.read("g"));
      return { signature, value: this.read(signature) };
    }
    return "sog".includes(first) ? this.#text(first) : this.#number(first);
  }

  #text(type: string): string {
    const length = Number(this.#number(type === "g" ? "y" : "u"));
    const start = this.#at;
    this.#at += length + 1;
    if (this.#at > this.#bytes.length) throw malformed("a text is longer than the message");
    return Buffer.from(this.#bytes.subarray(start, start + length)).toString();
  }

  #number(type: string): BusValue {
    const at = this.#at;
    this.#at += type === "y" ? 1 : alignmentOf(type);
    if (this.#at > this.#bytes.length) throw malformed("it is cut");
    switch (type) {
      case "y":
        return this.#view.getUint8(at);
      case "n":
        return this.#view.getInt16(at, this.#little);
      case "q":
        return this.#view.getUint16(at, this.#little);
      case "i":
        return this.#view.getInt32(at, this.#little);
      case "b":
        return this.#view.getUint32(at, this.#little) !== 0;
      case "x":
        return this.#view.getBigInt64(at, this.#little);
      case "t":
        return this.#view.getBigUint64(at, this.#little);
      case "d":
        return this.#view.getFloat64(at, this.#little);
      default:
        return this.#view.getUint32(at, this.#little);
    }
  }
}
