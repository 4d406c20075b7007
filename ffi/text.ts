/**
 * Text and the kernel's bytes. Arguments, variables and paths need not be UTF-8: a byte that is none becomes the lone
 * surrogate U+DC00 + byte, which no UTF-8 has, and becomes that byte again (Python's "surrogateescape", PEP 383).
 */

const escaped = /([\udc80-\udcff])/u;
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The bytes of `text`. Surrogates that stand for no byte become U+FFFD. */
export function encodeText(text: string): Uint8Array {
  if (text.isWellFormed()) return Buffer.from(text);
  const parts = text.split(escaped).map((part) => {
    return escaped.test(part) ? Buffer.from([part.charCodeAt(0) & 0xff]) : Buffer.from(part);
  });
  return Buffer.concat(parts);
}

/** The text that `encodeText` makes `bytes` of. */
export function decodeText(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString();
  return text.includes("\ufffd") ? decodeEscaping(bytes) : text;
}

function decodeEscaping(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; ) {
    const lead = bytes[at] ?? 0;
    const length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    try {
      text += strict.decode(bytes.subarray(at, at + length));
      at += length;
    } catch {
      text += String.fromCharCode(0xdc00 + lead);
      at++;
    }
  }
  return text;
}
