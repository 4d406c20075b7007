/** Messages of D-Bus in binary form, both ways (D-Bus Specification, "Message Format"). */
import type { BusValue } from "./dbus-value.ts";
import { asArray, isVariant, malformed, Reader, splitSignature, variant, Writer } from "./dbus-value.ts";

export const messageTypes = { call: 1, answer: 2, error: 3, signal: 4 } as const;

export interface BusMessage {
  readonly type: number;
  readonly serial: number;
  /** Serial of the call that this answers. */
  readonly answers?: number;
  readonly path?: string;
  readonly interface?: string;
  readonly member?: string;
  readonly errorName?: string;
  readonly destination?: string;
  readonly signature?: string;
  readonly body: readonly BusValue[];
}

/** Numbers of header fields, and their types. */
const fields = {
  path: [1, "o"],
  interface: [2, "s"],
  member: [3, "s"],
  errorName: [4, "s"],
  answers: [5, "u"],
  destination: [6, "s"],
  signature: [8, "g"],
} as const;

/** The largest message that the specification allows, in bytes. */
const largest = 128 << 20;

/** Packs a message, little-endian. */
export function packMessage(message: BusMessage): Uint8Array {
  const body = new Writer();
  splitSignature(message.signature ?? "").forEach((type, index) => {
    body.write(type, message.body[index] ?? "");
  });
  const content = body.take();
  const header = new Writer();
  header.bytes([0x6c /* l */, message.type, 0, 1]);
  header.write("u", content.length);
  header.write("u", message.serial);
  const present = Object.entries(fields).flatMap(([name, [number, type]]): BusValue[] => {
    const value = message[name as keyof typeof fields];
    return value === undefined || value === "" ? [] : [[number, variant(type, value)]];
  });
  header.write("a(yv)", present);
  header.align(8);
  return Buffer.concat([header.take(), content]);
}

/** How long the message that begins with these 16 bytes is, in bytes. Refuses what is no message. */
export function messageLength(start: Uint8Array): number {
  const view = new DataView(start.buffer, start.byteOffset, start.length);
  const little = start[0] === 0x6c;
  if (!little && start[0] !== 0x42) throw malformed("it has no byte order");
  const length = 16 + Math.ceil(view.getUint32(12, little) / 8) * 8 + view.getUint32(4, little);
  if (length > largest) throw malformed(`it claims ${length} bytes`);
  return length;
}

/** Reads a whole message. */
export function unpackMessage(bytes: Uint8Array): BusMessage {
  const reader = new Reader(bytes, bytes[0] === 0x6c);
  const [, type] = [reader.read("y"), reader.read("y"), reader.read("y"), reader.read("y")];
  reader.read("u");
  const serial = Number(reader.read("u"));
  const found: Record<string, BusValue> = {};
  for (const field of asArray(reader.read("a(yv)"))) {
    const [number, held] = asArray(field);
    const name = Object.entries(fields).find(([, [known]]) => known === number)?.[0];
    if (name !== undefined && isVariant(held)) found[name] = held.value;
  }
  reader.align(8);
  const signature = text(found["signature"]) ?? "";
  const body = splitSignature(signature).map((type) => reader.read(type));
  const texts = Object.fromEntries(
    ["path", "interface", "member", "errorName", "destination"].flatMap((name) => {
      const value = text(found[name]);
      return value === undefined ? [] : [[name, value]];
    }),
  );
  const answers = found["answers"];
  return {
    type: Number(type),
    serial,
    ...(answers === undefined ? {} : { answers: Number(answers) }),
    ...texts,
    signature,
    body,
  };
}

function text(value: BusValue | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}
