/** C structs described as data: name, fields and their types; offsets follow from C's alignment rules. */

const scalars = {
  u8: 1,
  i8: 1,
  u16: 2,
  i16: 2,
  u32: 4,
  i32: 4,
  u64: 8,
  i64: 8,
  ptr: 8,
} as const;
type Scalar = keyof typeof scalars;
/** A scalar, or an array of `count` bytes. */
export type FieldType = Scalar | { readonly bytes: number };

type FieldValue<T extends FieldType> = T extends "u64" | "i64"
  ? bigint | number
  : T extends "ptr"
    ? Uint8Array | number
    : T extends Scalar
      ? number
      : Uint8Array;
type UnpackedValue<T extends FieldType> = T extends "u64" | "i64" | "ptr"
  ? bigint
  : T extends Scalar
    ? number
    : Uint8Array;

export interface Struct<F extends Record<string, FieldType>> {
  /** The struct's name in its header. */
  readonly name: string;
  /** `sizeof`, in bytes. */
  readonly size: number;
  /** `offsetof` each field, in bytes. */
  readonly offsets: { readonly [K in keyof F]: number };
  /** Fields that are left out are zero. A `ptr` field given as an array keeps that array alive with the result. */
  pack(values: { readonly [K in keyof F]?: FieldValue<F[K]> }): Uint8Array;
  /** Reads the struct at `offset` of `bytes`; refuses a buffer that is too short. */
  unpack(bytes: Uint8Array, offset?: number): { [K in keyof F]: UnpackedValue<F[K]> };
}

const keptAlive = new WeakMap<Uint8Array, Uint8Array[]>();

/** Describes a C struct. `addressOf` is needed only by structs with `ptr` fields. */
export function struct<const F extends Record<string, FieldType>>(
  name: string,
  fields: F,
  addressOf?: (bytes: Uint8Array) => number,
): Struct<F> {
  // Worked out on first use: there are some dozens of structs, and a process uses a few.
  let known: Layout<F> | undefined;
  const layout = () => {
    known ??= layOut(fields);
    return known;
  };

  function pack(values: { readonly [K in keyof F]?: FieldValue<F[K]> }): Uint8Array {
    const { size, offsets } = layout();
    const bytes = new Uint8Array(size);
    const view = new DataView(bytes.buffer);
    const targets: Uint8Array[] = [];
    for (const [key, value] of Object.entries(values) as [string, number | bigint | Uint8Array][]) {
      const type = fields[key];
      const offset = offsets[key];
      if (type === undefined || offset === undefined) throw new Error(`struct ${name} has no field "${key}"`);
      if (typeof type !== "string") {
        if (!(value instanceof Uint8Array) || value.length > type.bytes) {
          throw new Error(`struct ${name}: field "${key}" takes at most ${type.bytes} bytes`);
        }
        bytes.set(value, offset);
      } else if (value instanceof Uint8Array) {
        if (addressOf === undefined)
          throw new Error(`struct ${name}: field "${key}" cannot take the address of an array`);
        targets.push(value);
        view.setBigUint64(offset, BigInt(addressOf(value)), true);
      } else writeScalar(view, offset, type, value);
    }
    if (targets.length > 0) keptAlive.set(bytes, targets);
    return bytes;
  }

  function unpack(bytes: Uint8Array, offset = 0): { [K in keyof F]: UnpackedValue<F[K]> } {
    const { size, offsets } = layout();
    if (bytes.length < offset + size) {
      throw new Error(
        `struct ${name} needs ${size} bytes at offset ${offset}, the buffer has ${bytes.length}`,
      );
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset + offset, size);
    const result: Record<string, unknown> = {};
    for (const [key, type] of Object.entries(fields) as [string, FieldType][]) {
      const at = offsets[key] as number;
      result[key] =
        typeof type === "string"
          ? readScalar(view, at, type)
          : bytes.slice(offset + at, offset + at + type.bytes);
    }
    return result as { [K in keyof F]: UnpackedValue<F[K]> };
  }

  return {
    name,
    get size() {
      return layout().size;
    },
    get offsets() {
      return layout().offsets;
    },
    pack,
    unpack,
  };
}

interface Layout<F> {
  readonly size: number;
  readonly offsets: { readonly [K in keyof F]: number };
}

/** C's rules: each field at a multiple of its size, the whole a multiple of the largest. */
function layOut<F extends Record<string, FieldType>>(fields: F): Layout<F> {
  const offsets = {} as { [K in keyof F]: number };
  let end = 0;
  let alignment = 1;
  for (const key of Object.keys(fields) as (keyof F & string)[]) {
    const type = fields[key] as FieldType;
    const size = typeof type === "string" ? scalars[type] : type.bytes;
    const align = typeof type === "string" ? size : 1;
    end = Math.ceil(end / align) * align;
    offsets[key] = end;
    end += size;
    alignment = Math.max(alignment, align);
  }
  const size = Math.ceil(end / alignment) * alignment;
  return { size, offsets };
}

function writeScalar(view: DataView, offset: number, type: Scalar, value: number | bigint): void {
  const size = scalars[type];
  if (size === 1) view.setUint8(offset, Number(value));
  else if (size === 2) view.setUint16(offset, Number(value), true);
  else if (size === 4) view.setUint32(offset, Number(value), true);
  else view.setBigUint64(offset, BigInt.asUintN(64, BigInt(value)), true);
}

function readScalar(view: DataView, offset: number, type: Scalar): number | bigint {
  switch (type) {
    case "u8":
      return view.getUint8(offset);
    case "i8":
      return view.getInt8(offset);
    case "u16":
      return view.getUint16(offset, true);
    case "i16":
      return view.getInt16(offset, true);
    case "u32":
      return view.getUint32(offset, true);
    case "i32":
      return view.getInt32(offset, true);
    case "i64":
      return view.getBigInt64(offset, true);
    default:
      return view.getBigUint64(offset, true);
  }
}
