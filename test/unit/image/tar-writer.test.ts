/** The archive writer: what it writes is read back by our own parser, and is plain ustar wherever that can say it. */
import { describe, expect, test } from "bun:test";
import { TarParser } from "../../../src/image/tar.ts";
import type { TarEntry } from "../../../src/image/tar-entry.ts";
import type { SparseSegment } from "../../../src/image/tar-sparse.ts";
import { encodeEntry, endOfArchive } from "../../../src/image/tar-writer.ts";
import { archive, member } from "../../fixtures/archive.ts";

const plain: TarEntry = {
  type: "file",
  path: "etc/name",
  linkPath: "",
  mode: 0o644,
  uid: 0,
  gid: 0,
  sizeBytes: 0,
  modified: { seconds: 1_700_000_000, nanoseconds: 0 },
  accessed: undefined,
  major: 0,
  minor: 0,
  xattrs: undefined,
  sparse: false,
};

/** The entry as the parser reads it from what was written. */
function readBack(
  entry: Partial<TarEntry>,
  segments?: readonly SparseSegment[],
  data: Buffer = Buffer.alloc(0),
): TarEntry {
  const entries: TarEntry[] = [];
  const parser = new TarParser({
    entry: (one) => void entries.push(one),
    data: () => undefined,
    endEntry: () => undefined,
  });
  parser.push(Buffer.concat([encodeEntry({ ...plain, ...entry }, segments), data, endOfArchive]));
  parser.end();
  expect(entries).toHaveLength(1);
  return entries[0] ?? plain;
}

/** True when there is no extended header. */
function isPlain(entry: Partial<TarEntry>): boolean {
  return encodeEntry({ ...plain, ...entry }).length === 512;
}

test("encodeEntry() writes the bytes of a POSIX header", () => {
  const written = encodeEntry({ ...plain, mode: 0o4755, uid: 10, gid: 20 });
  const wanted = member({ name: "etc/name", mode: 0o4755, uid: 10, gid: 20, mtime: 1_700_000_000 });
  expect(Buffer.concat([written, endOfArchive]).equals(archive(wanted))).toBe(true);
});

describe("what a header has room for is in the header alone", () => {
  const cases: Record<string, Partial<TarEntry>> = {
    "a name of 100 bytes": { path: "n".repeat(100) },
    "a path of 256 bytes that can be split": { path: `${"p".repeat(155)}/${"n".repeat(100)}` },
    "a directory, whose name gets a slash": { type: "directory", path: "d".repeat(99) },
    "a link target of 100 bytes": { type: "symlink", linkPath: "t".repeat(100) },
    "owners of 21 bits": { uid: 0o7777777, gid: 0o7777777 },
    "the last second of 33 bits": { modified: { seconds: 0o77777777777, nanoseconds: 0 } },
    "a name that is no UTF-8": { path: "caf\xe9" },
    "a device": { type: "block", major: 4095, minor: 1_048_575 },
    "a pipe": { type: "fifo" },
  };
  test.each(Object.entries(cases))("%s", (_, entry) => {
    expect(isPlain(entry)).toBe(true);
    const path = entry.type === "directory" ? `${entry.path}/` : (entry.path ?? plain.path);
    expect(readBack(entry)).toEqual({ ...plain, ...entry, path });
  });
});

describe("what it has no room for is in records", () => {
  const cases: Record<string, Partial<TarEntry>> = {
    "a name of 101 bytes": { path: "n".repeat(101) },
    "a path whose prefix is too long": { path: `${"p".repeat(156)}/${"n".repeat(100)}` },
    "a path of 4 KiB": { path: `${"directory/".repeat(409)}x` },
    "text beyond ASCII": { path: Buffer.from("ümläut").toString("latin1") },
    "a link target of 101 bytes": { type: "symlink", linkPath: "t".repeat(101) },
    "a hard link's target beyond ASCII": { type: "hardlink", linkPath: Buffer.from("ü").toString("latin1") },
    "a long name of other bytes": { path: "\xff".repeat(200) },
    "owners of 32 bits": { uid: 4_294_967_294, gid: 2_097_152 },
    nanoseconds: { modified: { seconds: 12, nanoseconds: 345_000_000 } },
    "a time before 1970": { modified: { seconds: -2, nanoseconds: 750_000_000 } },
    "a whole second before 1970": { modified: { seconds: -1, nanoseconds: 0 } },
    "a time after 2242": { modified: { seconds: 0o77777777777 + 1, nanoseconds: 1 } },
  };
  test.each(Object.entries(cases))("%s", (_, entry) => {
    expect(isPlain(entry)).toBe(false);
    expect(readBack(entry)).toEqual({ ...plain, ...entry });
  });

  test("a size beyond 8 GiB", () => {
    const sizes: number[] = [];
    const parser = new TarParser({
      entry: ({ sizeBytes }) => void sizes.push(sizeBytes),
      data: () => undefined,
      endEntry: () => undefined,
    });
    parser.push(encodeEntry({ ...plain, sizeBytes: 2 ** 40 + 5 }));
    expect(sizes).toEqual([2 ** 40 + 5]);
  });

  test("attributes, as the bytes that they are and in one order", () => {
    const capability = Buffer.from("0100000200200000000000000000000000000000", "hex");
    const list = Buffer.from([2, 0, 0, 0, 0x0a, 0x3d, 0]);
    const entry = (...xattrs: [string, Buffer][]) => ({ ...plain, xattrs: new Map(xattrs) });
    const one = entry(
      ["user.empty", Buffer.alloc(0)],
      ["security.capability", capability],
      ["system.posix_acl_access", list],
    );
    const other = entry(
      ["system.posix_acl_access", list],
      ["security.capability", capability],
      ["user.empty", Buffer.alloc(0)],
    );
    expect(encodeEntry(one)).toEqual(encodeEntry(other));
    expect(readBack(one).xattrs).toEqual(one.xattrs);
  });

  test.each([97, 98, 99, 100, 986, 987, 988, 989, 990])(
    "a record whose length grows by its own digits (%d bytes)",
    (length) => {
      const xattrs = new Map<string, Buffer>([["user.x", Buffer.alloc(length, "x")]]);
      expect(readBack({ xattrs }).xattrs).toEqual(xattrs);
    },
  );
});

describe("a sparse file", () => {
  test("has its map before its data", () => {
    const segments = [
      { offset: 4096, length: 512 },
      { offset: 1 << 20, length: 100 },
    ];
    const entry = { sizeBytes: 2 << 20, path: "var/log/lastlog" };
    const read = readBack(entry, segments, Buffer.alloc(1024, "d"));
    expect(read).toEqual({ ...plain, ...entry, sparse: true });
  });

  test("of nothing but a hole has no data", () => {
    expect(readBack({ sizeBytes: 1 << 30 }, [])).toEqual({ ...plain, sizeBytes: 1 << 30, sparse: true });
  });

  test("of thousands of segments has a map of several blocks", () => {
    const segments = Array.from({ length: 5000 }, (_, i) => ({ offset: i * 8192, length: 4096 }));
    const sizeBytes = 5000 * 8192;
    expect(readBack({ sizeBytes }, segments, Buffer.alloc(5000 * 4096))).toMatchObject({
      sizeBytes,
      sparse: true,
    });
  });
});
