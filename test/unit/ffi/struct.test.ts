/** C's layout rules, and packing and unpacking against them. */
import { describe, expect, test } from "bun:test";
import { addressOf } from "../../../ffi/memory.ts";
import { struct } from "../../../ffi/struct.ts";

const mixed = struct("mixed", {
  first: "u8",
  second: "u32",
  third: "u16",
  name: { bytes: 5 },
  fourth: "u64",
  last: "i8",
});

describe("struct()", () => {
  test("aligns fields and pads the end as C does", () => {
    expect(mixed.offsets).toEqual({ first: 0, second: 4, third: 8, name: 10, fourth: 16, last: 24 });
    expect(mixed.size).toBe(32);
    expect(struct("bytes", { a: { bytes: 3 } }).size).toBe(3);
  });

  test("pack() and unpack() give back what went in", () => {
    const values = {
      first: 255,
      second: 0xdead_beef,
      third: 0xffff,
      name: new Uint8Array([1, 2, 3, 4, 5]),
      fourth: 0xffff_ffff_ffff_fffen,
      last: -1,
    };
    expect(mixed.unpack(mixed.pack(values))).toEqual(values);
  });

  test("pack() leaves absent fields and padding zero", () => {
    expect(mixed.pack({ third: 1 })).toEqual(
      Uint8Array.from({ length: 32 }, (_, index) => (index === 8 ? 1 : 0)),
    );
    expect([...mixed.pack({ name: new Uint8Array([7]) }).subarray(10, 15)]).toEqual([7, 0, 0, 0, 0]);
  });

  test("signed fields keep their sign, unsigned ones never have one", () => {
    const both = struct("both", { i16: "i16", u16: "u16", i32: "i32", u32: "u32", i64: "i64", u64: "u64" });
    const packed = both.pack({ i16: -2, u16: -2, i32: -2, u32: -2, i64: -2, u64: -2n });
    expect(both.unpack(packed)).toEqual({
      i16: -2,
      u16: 0xfffe,
      i32: -2,
      u32: 0xffff_fffe,
      i64: -2n,
      u64: 0xffff_ffff_ffff_fffen,
    });
  });

  test("pack() refuses a field that the struct does not have", () => {
    const fields: Record<string, number> = { fifth: 1 };
    expect(() => mixed.pack(fields)).toThrow('struct mixed has no field "fifth"');
  });

  test("pack() refuses bytes that do not fit", () => {
    expect(() => mixed.pack({ name: new Uint8Array(6) })).toThrow('field "name" takes at most 5 bytes');
  });

  test("unpack() reads at an offset and refuses a short buffer", () => {
    const bytes = new Uint8Array(40);
    bytes.set(mixed.pack({ second: 42 }), 8);
    expect(mixed.unpack(bytes, 8).second).toBe(42);
    expect(mixed.unpack(bytes.subarray(8)).second).toBe(42);
    expect(() => mixed.unpack(bytes, 9)).toThrow("needs 32 bytes at offset 9, the buffer has 40");
  });

  test("a pointer field takes the address of an array", () => {
    const pointing = struct("pointing", { target: "ptr" }, addressOf);
    const target = new Uint8Array([1, 2, 3]);
    expect(pointing.unpack(pointing.pack({ target })).target).toBe(BigInt(addressOf(target)));
    expect(pointing.unpack(pointing.pack({ target: 0 })).target).toBe(0n);
  });

  test("pack() keeps the arrays alive that the result points to", async () => {
    const pointing = struct("pointing", { target: "ptr" }, addressOf);
    const packed: Uint8Array[] = [];
    const held: WeakRef<Uint8Array>[] = [];
    const loose: WeakRef<Uint8Array>[] = [];
    for (let count = 0; count < 50; count++) {
      const target = new Uint8Array(4096);
      packed.push(pointing.pack({ target }));
      held.push(new WeakRef(target));
      loose.push(new WeakRef(new Uint8Array(4096)));
    }
    // A reference just made lives until the job ends: collect in a later one.
    await new Promise(setImmediate);
    Bun.gc(true);
    const alive = (references: WeakRef<Uint8Array>[]) =>
      references.filter((reference) => reference.deref() !== undefined).length;
    expect(alive(held)).toBe(50);
    expect(alive(loose)).toBeLessThan(50);
    expect(packed).toHaveLength(50);
  });

  test("a pointer field refuses an array when the struct cannot take addresses", () => {
    const plain = struct("plain", { target: "ptr" });
    expect(() => plain.pack({ target: new Uint8Array(1) })).toThrow("cannot take the address");
  });
});
