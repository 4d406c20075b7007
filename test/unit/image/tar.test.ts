/** The archive reader: every header format and oddity, in pieces of every size. */
import { describe, expect, test } from "bun:test";
import { explain } from "../../../src/base/error.ts";
import { defaultTarLimits, TarParser } from "../../../src/image/tar.ts";
import type { TarEntry } from "../../../src/image/tar-entry.ts";
import type { Member } from "../../fixtures/archive.ts";
import {
  archive,
  base256,
  endOfArchive,
  header,
  longName,
  member,
  oldSparseBlock,
  oldSparseFields,
  pad,
  paxRecord,
} from "../../fixtures/archive.ts";

interface Read extends TarEntry {
  data: Buffer;
  ended: boolean;
}

/** All entries of an archive that comes in pieces of `pieceSize`; data is put where it belongs in the file. */
function read(bytes: Buffer, pieceSize = bytes.length, limits = defaultTarLimits): Read[] {
  const entries: Read[] = [];
  const parser = new TarParser(
    {
      entry: (entry) =>
        void entries.push({ ...entry, data: Buffer.alloc(entry.sparse ? entry.sizeBytes : 0), ended: false }),
      data: (piece, offset) => {
        const last = entries.at(-1);
        if (last === undefined) throw new Error("data before an entry");
        if (last.sparse) piece.copy(last.data, offset);
        else {
          expect(offset).toBe(last.data.length);
          last.data = Buffer.concat([last.data, piece]);
        }
      },
      endEntry: () => {
        const last = entries.at(-1);
        if (last !== undefined) last.ended = true;
      },
    },
    limits,
  );
  for (let at = 0; at < bytes.length; at += pieceSize) parser.push(bytes.subarray(at, at + pieceSize));
  parser.end();
  expect(entries.every((entry) => entry.ended)).toBe(true);
  expect(parser.entries).toBeGreaterThanOrEqual(entries.length);
  return entries;
}

/** The one entry of an archive, read whole and in pieces of odd sizes: the same each time. */
function readOne(...members: (Member | Buffer)[]): Read {
  const bytes = archive(...members);
  const whole = read(bytes);
  for (const size of [1, 7, 511, 512, 513, 1000]) expect(read(bytes, size)).toEqual(whole);
  expect(whole).toHaveLength(1);
  const [one] = whole;
  if (one === undefined) throw new Error("no entry");
  return one;
}

function failure(bytes: Buffer): string {
  try {
    read(bytes);
  } catch (error) {
    return explain(error);
  }
  return "no failure";
}

describe("TarParser reads", () => {
  test("a file with all its fields", () => {
    const entry = readOne({ name: "a/b", data: "hello", mode: 0o4755, uid: 12, gid: 34, mtime: 1 });
    expect(entry).toMatchObject({ type: "file", path: "a/b", mode: 0o4755, uid: 12, gid: 34, sizeBytes: 5 });
    expect(entry.modified).toEqual({ seconds: 1, nanoseconds: 0 });
    expect(entry.data.toString()).toBe("hello");
  });

  test("every type", () => {
    const types = ["0", "\0", "7", "1", "2", "3", "4", "5", "6"];
    const entries = read(archive(...types.map((type) => ({ type, link: "target", major: 8, minor: 1 }))));
    expect(entries.map(({ type }) => type)).toEqual([
      "file",
      "file",
      "file",
      "hardlink",
      "symlink",
      "character",
      "block",
      "directory",
      "fifo",
    ]);
    expect(entries[3]?.linkPath).toBe("target");
    expect(entries[5]).toMatchObject({ major: 8, minor: 1 });
  });

  test("names that are no UTF-8, byte for byte", () => {
    const entries = read(
      archive(
        { name: Buffer.from([0x63, 0xe9]) },
        { name: Buffer.from([0x63, 0xe8]) },
        { pax: { path: Buffer.from([0xff, 0xfe]) } },
      ),
    );
    expect(entries.map(({ path }) => path)).toEqual(["c\u00e9", "c\u00e8", "\u00ff\u00fe"]);
  });

  test("a ustar prefix, but not in GNU's format", () => {
    expect(readOne({ name: "name", prefix: "dir" }).path).toBe("dir/name");
    expect(readOne({ name: "name", magic: "gnu", prefix: "00000000000" }).path).toBe("name");
    expect(readOne({ name: "n", prefix: "p".repeat(140), patch: { 508: "tar\0" } }).path).toBe(
      `${"p".repeat(131)}/n`,
    );
    expect(readOne({ name: "n".repeat(100), prefix: "p".repeat(155) }).path).toBe(
      `${"p".repeat(155)}/${"n".repeat(100)}`,
    );
  });

  test("V7 headers, and directories by their slash", () => {
    expect(readOne({ name: "old", magic: "v7", type: "\0", data: "x" }).data.toString()).toBe("x");
    expect(readOne({ name: "old/", magic: "v7", type: "\0" }).type).toBe("directory");
    // Nothing but the old type has this meaning.
    expect(readOne({ name: "odd/", type: "0" }).type).toBe("file");
    // Garbage where ustar has device numbers.
    expect(readOne({ name: "old", magic: "v7", patch: { 329: "garbage!" } }).major).toBe(0);
  });

  test("GNU long names and links, before and without PAX ones", () => {
    const path = `long/${"x".repeat(300)}`;
    expect(readOne(longName("L", path), { name: "short", magic: "gnu" }).path).toBe(path);
    const link = readOne(longName("K", "target".repeat(40)), longName("L", path), {
      type: "2",
      link: "short",
      magic: "gnu",
    });
    expect(link).toMatchObject({ path, linkPath: "target".repeat(40) });
    // Go's archive/tar lets L win over a PAX path: what docker and containerd see.
    expect(readOne(longName("L", "gnu"), { pax: { path: "pax" } }).path).toBe("gnu");
  });

  test("numbers: base-256, negative, padded, empty, without terminator", () => {
    expect(readOne({ patch: { 108: base256(1_000_660_000n, 8) } }).uid).toBe(1_000_660_000);
    expect(readOne({ patch: { 108: base256(-2n, 8) } }).uid).toBe(0xfffffffe);
    expect(readOne({ patch: { 136: base256(-1n, 12) } }).modified.seconds).toBe(-1);
    expect(readOne({ patch: { 136: base256(-(2n ** 40n), 12) } }).modified.seconds).toBe(-(2 ** 40));
    expect(readOne({ patch: { 100: "   755 \0" } }).mode).toBe(0o755);
    expect(readOne({ patch: { 100: "\0\0\0\0\0\0\0\0" } }).mode).toBe(0);
    expect(readOne({ patch: { 100: "        " } }).mode).toBe(0);
    expect(readOne({ patch: { 108: "77777777" } }).uid).toBe(0o77777777);
    expect(readOne({ data: "hello", patch: { 124: base256(5n, 12) } }).data.toString()).toBe("hello");
  });

  test("checksums of signed bytes", () => {
    expect(readOne({ name: Buffer.from([0xe9, 0xe8]), checksum: "signed" }).path).toBe("\u00e9\u00e8");
  });

  test("no data after links, directories, devices and pipes, whatever their size says", () => {
    for (const type of ["1", "2", "3", "4", "5", "6"]) {
      const [first, second] = read(
        archive(header({ type, size: 512, link: "x", major: 1 }), { name: "next", data: "abc" }),
      );
      expect(first?.sizeBytes).toBe(0);
      expect(second?.data.toString()).toBe("abc");
    }
    const [directory, next] = read(
      archive(header({ type: "\0", name: "v7/", magic: "v7", size: 512 }), { name: "next" }),
    );
    expect([directory?.type, next?.path]).toEqual(["directory", "next"]);
  });

  test("nothing but the data of what is no part of a tree", () => {
    for (const type of ["D", "M", "V", "N", "I", "A", "g"]) {
      const entries = read(archive({ type, data: "skipped".repeat(100) }, { name: "next" }));
      expect(entries.map(({ path }) => path)).toEqual(["next"]);
    }
  });

  test("global PAX records without applying them", () => {
    expect(readOne({ type: "g", data: paxRecord("path", "global") }, { name: "local" }).path).toBe("local");
  });

  test("a lone zero block in the middle, missing end blocks, missing padding", () => {
    const [one, two] = [member({ name: "one", data: "1" }), member({ name: "two", data: "2" })];
    expect(read(Buffer.concat([one, Buffer.alloc(512), two, endOfArchive]))).toHaveLength(2);
    expect(read(Buffer.concat([one, two]))).toHaveLength(2);
    expect(read(Buffer.concat([one, two, Buffer.alloc(512)]))).toHaveLength(2);
    expect(read(Buffer.concat([one, two.subarray(0, 513)]))).toHaveLength(2);
    expect(read(Buffer.alloc(0))).toHaveLength(0);
  });

  test("nothing behind the end of the archive", () => {
    const garbage = Buffer.from("no header at all, and of an odd length");
    expect(read(Buffer.concat([archive({ name: "one" }), garbage, member({ name: "two" })]))).toHaveLength(1);
  });
});

describe("TarParser reads PAX headers", () => {
  test("of every field it knows", () => {
    const entry = readOne({
      type: "0",
      size: 0,
      data: "12345",
      pax: {
        path: "new/path",
        size: "5",
        uid: "3000000000",
        gid: "0",
        mtime: "1700000000.123456789",
        atime: "-1.25",
        comment: "x",
      },
    });
    expect(entry).toMatchObject({ path: "new/path", sizeBytes: 5, uid: 3_000_000_000, gid: 0 });
    expect(entry.modified).toEqual({ seconds: 1_700_000_000, nanoseconds: 123_456_789 });
    expect(entry.accessed).toEqual({ seconds: -2, nanoseconds: 750_000_000 });
    expect(readOne({ type: "2", link: "short", pax: { linkpath: "long" } }).linkPath).toBe("long");
  });

  test("with times before 1970, of whole and split seconds", () => {
    const time = (mtime: string) => readOne({ pax: { mtime } }).modified;
    expect(time("-5")).toEqual({ seconds: -5, nanoseconds: 0 });
    expect(time("-0.1")).toEqual({ seconds: -1, nanoseconds: 900_000_000 });
    expect(time("0.0000000019")).toEqual({ seconds: 0, nanoseconds: 1 });
    expect(time("7.")).toEqual({ seconds: 7, nanoseconds: 0 });
  });

  test("with newlines and equals signs in values, and empty values", () => {
    expect(readOne({ pax: { path: "a\nb=c" } }).path).toBe("a\nb=c");
    expect(readOne({ name: "kept", pax: { path: "", uid: "" } }).path).toBe("kept");
  });

  test("with binary attributes, libarchive's too", () => {
    const capability = Buffer.from([1, 0, 0, 2, 0, 4, 0, 0, 0xff, 0x80, 0, 10]);
    const entry = readOne({
      pax: {
        "SCHILY.xattr.security.capability": capability,
        "LIBARCHIVE.xattr.user.a%20b": Buffer.from([0, 1, 2]).toString("base64"),
        "LIBARCHIVE.xattr.security.capability": "AAAA",
      },
    });
    expect(entry.xattrs).toEqual(
      new Map([
        ["security.capability", capability],
        ["user.a b", Buffer.from([0, 1, 2])],
      ]),
    );
  });

  test("for the next entry only, the last one of several", () => {
    const entries = read(
      archive(
        { name: "a", pax: { uid: "7" } },
        { name: "b" },
        member({ type: "x", data: paxRecord("uid", "1") }),
        { name: "c", pax: { gid: "2" } },
      ),
    );
    expect(entries.map(({ uid, gid }) => [uid, gid])).toEqual([
      [7, 0],
      [0, 0],
      [0, 2],
    ]);
  });

  test("unless a record is malformed", () => {
    const bad = (data: string) => failure(archive({ type: "x", data }, { name: "x" }));
    expect(bad("5 a=b\n")).toContain("no valid length");
    expect(bad("99 path=x\n")).toContain("no valid length");
    expect(bad("nonsense")).toContain("no valid length");
    expect(bad("-6 a=b\n")).toContain("no valid length");
    expect(bad("7 path\n")).toContain('no "keyword=value"');
    expect(bad("5 =b\n")).toContain('no "keyword=value"');
    expect(failure(archive({ pax: { size: "1e3" } }))).toContain('"size" is no integer: "1e3"');
    expect(failure(archive({ pax: { mtime: "soon" } }))).toContain('"mtime" is no time: "soon"');
    expect(failure(archive({ pax: { path: "a\0b" } }))).toContain('"path" contains a NUL');
  });
});

describe("TarParser reads sparse files", () => {
  const data = Buffer.concat([Buffer.alloc(1000, "A"), Buffer.alloc(24, "B")]);
  const file = Buffer.alloc(5000);
  file.fill("A", 100, 1100);
  file.fill("B", 4000, 4024);
  const segments = [
    [100, 1000],
    [4000, 24],
    [5000, 0],
  ] as const;

  test("of GNU's old format", () => {
    const entry = readOne({ type: "S", magic: "gnu", data, patch: oldSparseFields(segments, 5000) });
    expect(entry).toMatchObject({ sparse: true, sizeBytes: 5000 });
    expect(entry.data.equals(file)).toBe(true);
  });

  test("of GNU's old format with more segments than a header has", () => {
    const many = Array.from({ length: 30 }, (_, i) => [i * 100, 10] as const);
    const bytes = Buffer.from("0123456789".repeat(30));
    const head = header({
      type: "S",
      magic: "gnu",
      size: 300,
      patch: oldSparseFields(many.slice(0, 4), 4000, true),
    });
    const blocks = [oldSparseBlock(many.slice(4, 25), true), oldSparseBlock(many.slice(25))];
    const entry = readOne(head, ...blocks, pad(bytes));
    const wanted = Buffer.alloc(4000);
    for (const [offset] of many) wanted.write("0123456789", offset);
    expect(entry.data.equals(wanted)).toBe(true);
  });

  test("of the PAX formats 0.0, 0.1 and 1.0", () => {
    const old = [
      ["GNU.sparse.size", "5000"],
      ["GNU.sparse.numblocks", "2"],
    ] as const;
    const pairs = segments.flatMap(
      ([offset, length]) =>
        [
          ["GNU.sparse.offset", `${offset}`],
          ["GNU.sparse.numbytes", `${length}`],
        ] as const,
    );
    const first = readOne({ name: "f", data, pax: [...old, ...pairs] });
    const second = readOne({
      name: "GNUSparseFile.1/f",
      data,
      pax: [...old, ["GNU.sparse.name", "f"], ["GNU.sparse.map", segments.flat().join(",")]],
    });
    const map = pad(Buffer.from(`3\n${segments.flat().join("\n")}\n`));
    const third = readOne({
      name: "GNUSparseFile.1/f",
      data: Buffer.concat([map, data]),
      pax: {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.name": "f",
        "GNU.sparse.realsize": "5000",
      },
    });
    for (const entry of [first, second, third]) {
      expect(entry).toMatchObject({ path: "f", sizeBytes: 5000, sparse: true });
      expect(entry.data.equals(file)).toBe(true);
    }
  });

  test("that are nothing but a hole", () => {
    expect(readOne({ type: "S", magic: "gnu", patch: oldSparseFields([[100, 0]], 100) }).sizeBytes).toBe(100);
  });

  test("unless the map is impossible", () => {
    const broken = (map: string, size = "5000") =>
      failure(archive({ data: "0123456789", pax: { "GNU.sparse.size": size, "GNU.sparse.map": map } }));
    expect(broken("0,5,3,5")).toContain("segment 3+5 is out of order");
    expect(broken("4995,10")).toContain("beyond the file's 5000 bytes");
    expect(broken("0,-10,0,20")).toContain("out of order");
    expect(broken("0,9")).toContain("the segments have 9 bytes, the archive has 10");
    expect(broken("0,10,5")).toContain("odd number");
    expect(broken("0,x")).toContain("no integer");
    const inData = (text: string) =>
      failure(
        archive({
          data: pad(Buffer.from(text)),
          pax: { "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "9" },
        }),
      );
    expect(inData("99999999999\n")).toContain("99999999999 segments");
    expect(inData(`500\n${"0\n".repeat(254)}`)).toContain("longer than the entry");
    expect(inData("1".repeat(40))).toContain("no number");
  });
});

describe("TarParser refuses", () => {
  test("a header whose checksum is wrong, naming the place", () => {
    expect(failure(archive({ name: "fine" }, { checksum: "wrong" }))).toBe(
      "read the header near byte 512: tar header: the checksum is wrong: not an archive, or a damaged one",
    );
    expect(failure(Buffer.alloc(1024, "no archive"))).toContain("the checksum is wrong");
  });

  test("numbers that are none, or too large", () => {
    expect(failure(archive({ patch: { 108: "zz" } }))).toContain('field "uid" is no number');
    expect(failure(archive({ patch: { 124: base256(2n ** 60n, 12) } }))).toContain(
      'field "size" is no number',
    );
    expect(failure(archive({ patch: { 124: base256(-5n, 12) } }))).toContain("a size of -5 bytes");
    expect(failure(archive({ patch: { 108: base256(-1n, 8) } }))).toContain("uid -1 is out of range");
    expect(failure(archive({ pax: { gid: "4294967295" } }))).toContain("gid 4294967295 is out of range");
  });

  test("types that it does not know", () => {
    expect(failure(archive({ name: "odd", type: "Z" }))).toContain('entry "odd": type "Z" is not supported');
  });

  test("archives that are cut short, wherever", () => {
    const bytes = archive({ name: "a", data: "x".repeat(600), pax: { uid: "1" } }).subarray(0, -1024);
    const wholes = new Set([0, 1024]);
    for (let end = 1; end < 512 * 3 + 600; end++) {
      if (wholes.has(end)) continue;
      const text = failure(bytes.subarray(0, end));
      // What is cut in the padding of the extended header lacks nothing yet.
      if (end < 1024 && end >= 512 + 8) continue;
      expect({ end, text }).toEqual({ end, text: expect.stringContaining("cut short") });
    }
  });

  test("more than the limits allow", () => {
    const limited = (bytes: Buffer, limits: Partial<typeof defaultTarLimits>) => () =>
      read(bytes, 512, { ...defaultTarLimits, ...limits });
    expect(limited(archive({}, {}, {}), { entries: 2 })).toThrow("more than 2 entries");
    expect(limited(archive({ pax: { comment: "x".repeat(5000) } }), { headerBytes: 4096 })).toThrow(
      "4096 at most",
    );
    expect(limited(archive(longName("L", "x".repeat(5000)), {}), { headerBytes: 4096 })).toThrow(
      "4096 at most",
    );
    expect(limited(archive({ pax: { "SCHILY.xattr.user.a": "x".repeat(70000) } }), {})).toThrow(
      "65536 bytes of extended attributes",
    );
    // Announced, not sent: nothing of that size is allocated.
    expect(limited(header({ type: "x", size: 8 ** 10 }), {})).toThrow("1048576 at most");
  });
});
