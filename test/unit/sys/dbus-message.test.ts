import { describe, expect, test } from "bun:test";
import { messageLength, messageTypes, packMessage, unpackMessage } from "../../../src/sys/dbus-message.ts";
import type { BusValue } from "../../../src/sys/dbus-value.ts";
import { splitSignature, variant } from "../../../src/sys/dbus-value.ts";

const call = {
  type: messageTypes.call,
  serial: 7,
  path: "/a",
  interface: "b.c",
  member: "D",
  destination: "e.f",
};

/** The message after a way to bytes and back. */
function back(signature: string, body: readonly BusValue[]) {
  const bytes = packMessage({ ...call, signature, body });
  expect(messageLength(bytes)).toBe(bytes.length);
  return unpackMessage(bytes);
}

describe("packMessage() and unpackMessage()", () => {
  const bodies: readonly (readonly [signature: string, body: readonly BusValue[]])[] = [
    ["", []],
    ["s", ["text with ü"]],
    ["ybnqiu", [255, true, -2, 65535, -5, 4294967295]],
    ["xtd", [-5n, 18446744073709551615n, 1.5]],
    ["sao", ["x", ["/a", "/b"]]],
    [
      "a{sv}",
      [
        [
          ["key", variant("as", ["v"])],
          ["other", variant("t", 5n)],
        ],
      ],
    ],
    ["(yt)y", [[1, 2n], 3]],
    [
      "ssa(sv)a(sa(sv))",
      [
        "u.scope",
        "replace",
        [
          ["PIDs", variant("au", [1, 2])],
          ["Delegate", variant("b", true)],
        ],
        [],
      ],
    ],
    ["av", [[variant("(ss)", ["a", "b"]), variant("ay", [1, 2, 3])]]],
    ["aax", [[[1n], [], [2n, 3n]]]],
  ];
  for (const [signature, body] of bodies) {
    test(`keep "${signature}"`, () => {
      expect(back(signature, body)).toEqual({ ...call, signature, body });
    });
  }

  test("know an array of nothing whose members are aligned", () => {
    expect(back("atu", [[], 5]).body).toEqual([[], 5]);
  });

  test("read big-endian messages", () => {
    // An answer to call 1 with the u32 5: header fields 5 (answers) and 8 (signature).
    const bytes = Buffer.from(
      "42020001" +
        "00000004" +
        "00000009" +
        "0000000f" +
        "05017500" +
        "00000001" +
        "080167000175" +
        "00" +
        "00" +
        "00000005",
      "hex",
    );
    expect(unpackMessage(bytes)).toMatchObject({ type: 2, serial: 9, answers: 1, signature: "u", body: [5] });
  });

  test("refuse what is cut or claims too much", () => {
    const bytes = packMessage({ ...call, signature: "s", body: ["text"] });
    expect(() => unpackMessage(bytes.subarray(0, bytes.length - 3))).toThrow("read a message of D-Bus");
    expect(() => messageLength(Buffer.from("6c010001ffffffff0100000000000000", "hex"))).toThrow("claims");
    expect(() => messageLength(Buffer.alloc(16))).toThrow("no byte order");
  });
});

test("splitSignature() finds complete types", () => {
  expect(splitSignature("sa{sv}a(ss)aau")).toEqual(["s", "a{sv}", "a(ss)", "aau"]);
  expect(() => splitSignature("a")).toThrow();
  expect(() => splitSignature("(s")).toThrow();
});
