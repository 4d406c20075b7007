/** The structures of EROFS images, against bytes that were worked out by hand. */
import { expect, test } from "bun:test";
import {
  crc32c,
  encodeAttributes,
  encodeDirents,
  encodeInode,
  encodeSuperblock,
  splitAttribute,
} from "../../../src/image/erofs-format.ts";

test("crc32c() is the kernel's, before the last inversion", () => {
  // RFC 3720, B.4: the CRC of 32 zeros; and the check value of CRC-32C.
  expect(~crc32c(new Uint8Array(32)) >>> 0).toBe(0x8a9136aa);
  expect(~crc32c(Buffer.from("123456789")) >>> 0).toBe(0xe3069283);
});

test("an inode is 64 bytes, the extended form", () => {
  const bytes = encodeInode({
    layout: "inline",
    mode: 0o100644,
    sizeBytes: 0x1_0000_0002,
    location: 7,
    serial: 9,
    uid: 0xfffffffe,
    gid: 70000,
    modified: { seconds: -1, nanoseconds: 5 },
    links: 3,
    attributeBytes: 20,
  });
  const inode =
    "0500" +
    "0300" +
    "a481" +
    "0000" +
    "0200000001000000" +
    "07000000" +
    "09000000" +
    "feffffff" +
    "70110100";
  expect(bytes.toString("hex")).toBe(`${inode}ffffffffffffffff${"05000000"}03000000${"00".repeat(16)}`);
});

test("a block of a directory has its structures first, then its names", () => {
  const block = Buffer.alloc(40);
  encodeDirents(block, 0, [
    { name: ".", nid: 2, type: 2 },
    { name: "\xe9b", nid: 0x1_0000_0003, type: 1 },
  ]);
  expect(block.toString("hex")).toBe(
    "0200000000000000" +
      "1800" +
      "0200" +
      "0300000001000000" +
      "1900" +
      "0100" +
      "2e" +
      "e962" +
      "00".repeat(13),
  );
});

test("attributes have a number for the start of their name", () => {
  expect(splitAttribute("user.a")).toEqual({ index: 1, rest: "a" });
  expect(splitAttribute("system.posix_acl_default")).toEqual({ index: 3, rest: "" });
  expect(splitAttribute("security.capability")).toEqual({ index: 6, rest: "capability" });
  expect(splitAttribute("system.other")).toBeUndefined();
  const encoded = encodeAttributes(new Map([["user.ab", Buffer.from("xyz")]]));
  expect(encoded.toString("hex")).toBe(`${"00".repeat(12)}02010300616278797a000000`);
});

test("the superblock says where the rest is", () => {
  const block = encodeSuperblock({ rootNid: 2, inodes: 5, blocks: 77, metadataBlock: 70 });
  expect(block).toHaveLength(4096);
  expect(block.subarray(0, 1024).every((byte) => byte === 0)).toBe(true);
  expect(block.toString("hex", 1024, 1028)).toBe("e2e1f5e0");
  expect(block.toString("hex", 1032, 1044)).toBe("030000000c00020005000000");
  expect(block.readUInt32LE(1024 + 36)).toBe(77);
  expect(block.readUInt32LE(1024 + 40)).toBe(70);
  const sum = block.readUInt32LE(1028);
  block.writeUInt32LE(0, 1028);
  expect(crc32c(block.subarray(1024))).toBe(sum);
});
