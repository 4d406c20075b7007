/** Protocol buffers (protobuf.dev, "Encoding"), as far as criu's messages need them: 32-bit numbers, booleans, texts, messages. */
import { CurruntError } from "../base/error.ts";

export interface Field {
  readonly number: number;
  readonly type: "int32" | "bool" | "string" | Message;
  readonly repeated?: true;
}

/** A message's fields by name. */
export interface Message {
  readonly [name: string]: Field;
}

type Single<F extends Field> = F["type"] extends "int32"
  ? number
  : F["type"] extends "bool"
    ? boolean
    : F["type"] extends "string"
      ? string
      : F["type"] extends Message
        ? Values<F["type"]>
        : never;

/** What a message holds: fields that are absent are undefined, lists too. */
export type Values<M extends Message> = {
  readonly [Name in keyof M]?:
    | (M[Name] extends { repeated: true } ? readonly Single<M[Name]>[] : Single<M[Name]>)
    | undefined;
};

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

/** Packs a message; lists one by one, in the order of the fields' table. */
export function encode<M extends Message>(message: M, values: Values<M>): Buffer {
  return Buffer.concat(Object.entries(message).flatMap(([name, field]) => encodeField(field, values[name])));
}

function encodeField(field: Field, value: unknown): Buffer[] {
  if (value === undefined) return [];
  if (field.repeated === true && Array.isArray(value)) return value.map((item) => encodeItem(field, item));
  return [encodeItem(field, value)];
}

function encodeItem({ number, type }: Field, value: unknown): Buffer {
  if (type === "int32" || type === "bool") {
    return Buffer.concat([varint((number << 3) | VARINT), varint(Number(value))]);
  }
  const bytes = typeof type === "string" ? Buffer.from(String(value)) : encode(type, Object(value));
  return Buffer.concat([varint((number << 3) | BYTES), varint(bytes.length), bytes]);
}

/** Seven bits a byte, the lowest first; a negative number is one of 64 bits. */
function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

/** Unpacks a message. Fields that the table does not know are passed over; of one that comes twice the last counts. */
export function decode<M extends Message>(message: M, bytes: Uint8Array): Values<M> {
  const names = new Map(Object.entries(message).map(([name, { number }]) => [number, name]));
  const reader = new Reader(bytes);
  const values: Record<string, unknown> = {};
  while (!reader.done) {
    const tag = Number(reader.varint());
    const name = names.get(tag >> 3);
    const raw = reader.value(tag & 7);
    const field = name === undefined ? undefined : message[name];
    if (name === undefined || field === undefined) continue;
    const value = fieldValue(field, raw);
    const before = values[name];
    values[name] = field.repeated === true ? [...(Array.isArray(before) ? before : []), value] : value;
  }
  // As the table says, field by field.
  return values as Values<M>;
}

function fieldValue({ type }: Field, raw: bigint | Uint8Array): unknown {
  if (typeof raw === "bigint") {
    if (type === "bool") return raw !== 0n;
    if (type === "int32") return Number(BigInt.asIntN(32, raw));
  } else {
    if (type === "string") return Buffer.from(raw).toString();
    if (typeof type === "object") return decode(type, raw);
  }
  throw broken();
}

class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) break;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw broken();
  }

  value(wireType: number): bigint | Uint8Array {
    if (wireType === VARINT) return this.varint();
    if (wireType === BYTES) return this.#take(Number(this.varint()));
    if (wireType === FIXED64) return this.#take(8);
    if (wireType === FIXED32) return this.#take(4);
    throw broken();
  }

  #take(length: number): Uint8Array {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw broken();
    const part = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return part;
  }
}

function broken(): CurruntError {
  return new CurruntError("internal", "read a message of criu's: it is broken");
}
