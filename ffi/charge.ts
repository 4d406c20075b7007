/** The binary form of what a client hands over to its monitor: `struct charge` of `shim/charge.h`. */
import { struct } from "./struct.ts";
import { encodeText } from "./text.ts";

/** Constants of charge.h. */
export const chargeConstants = {
  CHARGE_MAGIC: 0x6e6f6d63,
  CHARGE_VERSION: 1,
  CHARGE_TEXT: 32768,
} as const;

/** `CHARGE_*` of charge.h that are flags. */
export const chargeFlags = { TERMINAL: 1, INPUT: 2, ATTACHED: 4, REMOVE: 8, KEEP: 16 } as const;
export type ChargeFlag = keyof typeof chargeFlags;

export const chargeHeader = struct("charge", { magic: "u32", version: "u32", flags: "u32", size: "u32" });

/** Packs a charge with its texts. Refuses a text with a NUL inside, and more than a monitor has room for. */
export function packCharge(flags: readonly ChargeFlag[], texts: readonly string[]): Uint8Array {
  const { CHARGE_MAGIC: magic, CHARGE_VERSION: version, CHARGE_TEXT: most } = chargeConstants;
  const nul = texts.find((text) => text.includes("\0"));
  if (nul !== undefined) throw new Error(`${JSON.stringify(nul)} contains a NUL character`);
  const text = encodeText(texts.map((one) => `${one}\0`).join(""));
  if (text.length > most) throw new Error(`the paths of the container take ${text.length} bytes: too long`);
  const bits = flags.reduce((sum, name) => sum | chargeFlags[name], 0);
  const header = chargeHeader.pack({ magic, version, flags: bits, size: text.length });
  const packet = new Uint8Array(header.length + text.length);
  packet.set(header);
  packet.set(text, header.length);
  return packet;
}
