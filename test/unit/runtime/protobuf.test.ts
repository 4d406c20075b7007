/** The codec of protocol buffers, by the examples of protobuf.dev ("Encoding") and by what criu says. */
import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { options, request, response } from "../../../src/runtime/criu-message.ts";
import type { Message } from "../../../src/runtime/protobuf.ts";
import { decode, encode } from "../../../src/runtime/protobuf.ts";

const sample = {
  a: { number: 1, type: "int32" },
  b: { number: 2, type: "string" },
  c: { number: 3, type: { a: { number: 1, type: "int32" } } },
  d: { number: 16, type: "int32", repeated: true },
  e: { number: 5, type: "bool" },
} as const satisfies Message;

test("encode() writes what the documentation writes", () => {
  expect(encode(sample, { a: 150 }).toString("hex")).toBe("089601");
  expect(encode(sample, { b: "testing" }).toString("hex")).toBe("120774657374696e67");
  expect(encode(sample, { c: { a: 150 } }).toString("hex")).toBe("1a03089601");
  expect(encode(sample, { a: -2 }).toString("hex")).toBe("08feffffffffffffffff01");
  expect(encode(sample, { d: [1, 300], e: true, a: undefined }).toString("hex")).toBe("8001018001ac022801");
});

test("decode() reads it back, and passes over what it does not know", () => {
  const values = { a: -7, b: "tëxt", c: { a: 0x40000000 }, d: [1, 2, 300], e: false };
  expect(decode(sample, encode(sample, values))).toEqual(values);
  const unknown = Buffer.from("a006057a0161f501000000007901020304050607080801", "hex");
  expect(decode(sample, unknown)).toEqual({ a: 1 });
});

test.each(["08", "0896", "120774", "0a0161", "0b", "1005"])("decode() refuses %s", (hex) => {
  expect(() => decode(sample, Buffer.from(hex, "hex"))).toThrow("it is broken");
});

/** Of Debian's package. */
const protocol = "/usr/include/criu/rpc.proto";

test.skipIf(!existsSync(protocol))("the tables are those of criu's rpc.proto", () => {
  const proto = readFileSync(protocol, "utf8");
  const numbers = (name: string) => {
    const [, body = ""] = new RegExp(`message ${name} \\{([\\s\\S]*?)\\n\\}`).exec(proto) ?? [];
    const fields = [...body.matchAll(/(\w+)\s+(\w+)\s*=\s*(\d+)/g)];
    return new Map(fields.map(([, type, field, number]) => [field, { type, number: Number(number) }]));
  };
  const tables: [string, Message][] = [
    ["criu_opts", options],
    ["criu_req", request],
    ["criu_resp", response],
  ];
  for (const [name, table] of tables) {
    const real = numbers(name);
    for (const [field, { number, type }] of Object.entries(table)) {
      expect({ field, number: real.get(field)?.number }).toEqual({ field, number });
      const ours = typeof type === "string" ? type : "message";
      const theirs = real.get(field)?.type ?? "";
      const kind =
        theirs === "bool" || theirs === "string"
          ? theirs
          : /^u?int32$|^criu_(cg_mode|network_lock_method|req_type)$/.test(theirs)
            ? "int32"
            : "message";
      expect({ field, type: kind }).toEqual({ field, type: ours });
    }
  }
});
