/** Text and bytes, there and back. */
import { expect, test } from "bun:test";
import { cstring } from "../../../ffi/memory.ts";
import { RecordWriter } from "../../../ffi/record-writer.ts";
import { decodeText, encodeText } from "../../../ffi/text.ts";

const cases: Record<string, number[]> = {
  nothing: [],
  ASCII: [0x61, 0x62],
  "UTF-8 of two to four bytes": [...Buffer.from("é€😀")],
  "Latin-1": [0x63, 0x61, 0x66, 0xe9],
  "a cut sequence": [0xe2, 0x82],
  "a cut sequence before a whole one": [0xe2, 0x82, 0xe2, 0x82, 0xac],
  "an encoded surrogate": [0xed, 0xb3, 0xbf],
  "an overlong NUL": [0xc0, 0x80],
  "a replacement character of its own beside a wrong byte": [0xef, 0xbf, 0xbd, 0xff],
};
for (const [title, bytes] of Object.entries(cases)) {
  test(`keeps ${title}`, () => {
    expect([...encodeText(decodeText(new Uint8Array(bytes)))]).toEqual(bytes);
  });
}

test("gives text as it is where it is UTF-8", () => {
  expect(decodeText(Buffer.from("é\ufffd😀"))).toBe("é\ufffd😀");
});

test("keeps every single byte, alone and between others, also through JSON", () => {
  for (let byte = 0; byte < 256; byte++) {
    for (const bytes of [[byte], [0x61, byte, 0xc3, 0xa9]]) {
      const stored: string = JSON.parse(JSON.stringify(decodeText(new Uint8Array(bytes))));
      expect([...encodeText(stored)]).toEqual(bytes);
    }
  }
});

test("reaches paths and plans", () => {
  expect([...cstring("a\udcff")]).toEqual([0x61, 0xff, 0]);
  const writer = new RecordWriter();
  writer.add(1, { texts: [["a\udcffb", "c"]] });
  expect(Buffer.from(writer.take()).includes(Buffer.from([0x61, 0xff, 0x62, 0, 0x63, 0]))).toBe(true);
});
