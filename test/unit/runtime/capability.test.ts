/** Capability names, bits and docker's rules for adding and dropping. */
import { describe, expect, test } from "bun:test";
import {
  adjustCapabilities,
  capabilityMask,
  capabilityNames,
  defaultCapabilities,
  isCapability,
  namesOfMask,
  parseCapability,
} from "../../../src/runtime/capability.ts";

test("names and bits are those of linux/capability.h", () => {
  const macros = Bun.spawnSync(["cc", "-E", "-dM", "-include", "linux/capability.h", "-x", "c", "/dev/null"]);
  const header = new Map(
    [...macros.stdout.toString().matchAll(/^#define (CAP_\w+)\s+(\d+)$/gm)].map(([, name = "", bit]) => [
      name,
      Number(bit),
    ]),
  );
  expect(Object.fromEntries(capabilityNames.map((name, bit) => [name, bit]))).toEqual(
    Object.fromEntries(header),
  );
});

test("the default set is docker's mask", () => {
  // CapPrm of a container that docker starts, as its documentation and every /proc/1/status show it.
  expect(capabilityMask(defaultCapabilities)).toBe(0xa80425fbn);
  expect(defaultCapabilities).toHaveLength(14);
});

describe("capabilityMask()", () => {
  test("sets bit n for capability n, also above 32", () => {
    expect(capabilityMask(["CAP_CHOWN", "CAP_CHECKPOINT_RESTORE"])).toBe((1n << 40n) | 1n);
    expect(capabilityMask([])).toBe(0n);
    expect(capabilityMask(capabilityNames)).toBe((1n << 41n) - 1n);
  });

  test("refuses what is no capability, naming it", () => {
    expect(() => capabilityMask(["CAP_FLY"])).toThrow(
      'read capability "CAP_FLY": there is none of this name',
    );
    expect(() => capabilityMask(["chown"])).toThrow('"chown"');
  });
});

test("namesOfMask() is the way back", () => {
  expect(namesOfMask(0xa80425fbn)).toEqual([...defaultCapabilities]);
  expect(namesOfMask(1n << 63n)).toEqual([]);
});

describe("parseCapability()", () => {
  test.each([
    ["NET_ADMIN", "CAP_NET_ADMIN"],
    ["net_admin", "CAP_NET_ADMIN"],
    ["CAP_NET_ADMIN", "CAP_NET_ADMIN"],
    [" cap_net_admin ", "CAP_NET_ADMIN"],
    ["all", "ALL"],
    ["CAP_ALL", "ALL"],
  ])("reads %j as %j", (text, name) => expect(parseCapability(text)).toBe(name));

  test.each(["", "CAP_", "NETADMIN", "CAP_CAP_CHOWN", "0"])("refuses %j", (text) => {
    expect(() => parseCapability(text)).toThrow("there is none of this name");
    expect(isCapability(text)).toBe(false);
  });
});

describe("adjustCapabilities()", () => {
  const adjust = (add: string[], drop: string[]) => adjustCapabilities({ add, drop });

  test("leaves the default when nothing is asked", () =>
    expect(adjust([], [])).toEqual([...defaultCapabilities]));

  test("adds and drops single ones", () => {
    const result = adjust(["net_admin", "CAP_CHOWN"], ["mknod", "SYS_TIME"]);
    expect(result).toContain("CAP_NET_ADMIN");
    expect(result).not.toContain("CAP_MKNOD");
    expect(result).toHaveLength(14);
  });

  test("adding wins over dropping the same one", () =>
    expect(adjust(["KILL"], ["KILL"])).toContain("CAP_KILL"));

  test("adding ALL takes all but the dropped", () => {
    expect(adjust(["ALL"], [])).toEqual([...capabilityNames]);
    expect(adjust(["ALL"], ["SYS_ADMIN"])).toEqual(
      capabilityNames.filter((name) => name !== "CAP_SYS_ADMIN"),
    );
  });

  test("dropping ALL leaves the added", () => {
    expect(adjust([], ["ALL"])).toEqual([]);
    expect(adjust(["NET_RAW"], ["all"])).toEqual(["CAP_NET_RAW"]);
  });
});
