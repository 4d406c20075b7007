/** Which extended attributes a layer may set, and under which name. */
import { expect, test } from "bun:test";
import { applyAttributes, storedName } from "../../../src/image/layer-attribute.ts";
import { SyscallError } from "../../../src/sys/error.ts";

test("storedName() keeps, skips and escapes", () => {
  expect(storedName("user.a", "trusted")).toBe("user.a");
  expect(storedName("security.capability", "trusted")).toBe("security.capability");
  expect(storedName("security.selinux", "trusted")).toBeUndefined();
  expect(storedName("system.nfs4_acl", "trusted")).toBeUndefined();
  expect(storedName("trusted.any", "trusted")).toBeUndefined();
  expect(storedName("trusted.overlay.opaque", "trusted")).toBe("trusted.overlay.overlay.opaque");
  expect(storedName("trusted.overlay.redirect", "user")).toBeUndefined();
  expect(storedName("user.overlay.opaque", "user")).toBe("user.overlay.overlay.opaque");
  expect(storedName("user.overlay.opaque", "trusted")).toBe("user.overlay.opaque");
});

const EPERM = 1;
const ENOTSUP = 95;
const EIO = 5;

function apply(errno: number, special: boolean, name = "user.a"): string[] {
  const warnings: string[] = [];
  applyAttributes(
    new Map([[name, Buffer.from("x")]]),
    () => {
      throw new SyscallError("fsetxattr", errno, name);
    },
    { namespace: "trusted", special, warn: (message) => void warnings.push(message) },
  );
  return warnings;
}

test("applyAttributes() warns of what the file system does not take", () => {
  expect(apply(ENOTSUP, false)).toEqual(['extended attribute "user.a" is not kept: ENOTSUP']);
  expect(apply(EPERM, false, "security.capability")).toEqual([
    'extended attribute "security.capability" is not kept: EPERM',
  ]);
  // Links and devices never have them: not worth a word.
  expect(apply(EPERM, true)).toEqual([]);
  expect(() => apply(EIO, false)).toThrow("EIO");
});

test("applyAttributes() stores binary names and values as they are, empty ones too", () => {
  const stored: [string, string][] = [];
  applyAttributes(
    new Map([
      ["user.\u00e9", Buffer.from([0xff, 0])],
      ["user.empty", Buffer.alloc(0)],
      ["security.selinux", Buffer.from("x")],
    ]),
    (name, value) =>
      void stored.push([Buffer.from(name).toString("latin1"), Buffer.from(value).toString("hex")]),
    { namespace: "trusted", special: false, warn: () => expect.unreachable() },
  );
  expect(stored).toEqual([
    ["user.\u00e9", "ff00"],
    ["user.empty", ""],
  ]);
});
