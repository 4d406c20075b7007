import { describe, expect, test } from "bun:test";
import {
  annotatedProperties,
  deviceProperties,
  limitProperties,
  parseDeviceNames,
  quotaPerSecond,
  roundQuota,
} from "../../../../src/runtime/cgroup/systemd-property.ts";
import type { LinuxResources } from "../../../../src/runtime/spec.ts";

const infinity = 18446744073709551615n;

function properties(resources: LinuxResources, version: 1 | 2 = 2) {
  return Object.fromEntries(limitProperties(resources, version).map(([name, { value }]) => [name, value]));
}

describe("limitProperties()", () => {
  test("has what the files have", () => {
    const resources: LinuxResources = {
      memory: { limit: 1 << 20, swap: 3 << 20, reservation: 4096 },
      cpu: { shares: 1024, quota: 25_000, period: 100_000, cpus: "0,9", mems: "0" },
      pids: { limit: 7 },
      blockIO: { weight: 10 },
    };
    expect(properties(resources)).toEqual({
      MemoryMax: 1048576n,
      MemoryLow: 4096n,
      MemorySwapMax: 2097152n,
      CPUWeight: 100n,
      CPUQuotaPeriodUSec: 100000n,
      CPUQuotaPerSecUSec: 250000n,
      AllowedCPUs: [1, 2],
      AllowedMemoryNodes: [1],
      TasksMax: 7n,
      IOWeight: 1n,
    });
    expect(properties(resources, 1)).toMatchObject({
      MemoryLimit: 1048576n,
      CPUShares: 1024n,
      BlockIOWeight: 10n,
    });
  });

  test("says infinity where there is no limit, and 1 for no further process", () => {
    expect(properties({ memory: { limit: -1 }, cpu: { quota: -1 }, pids: { limit: -1 } })).toEqual({
      MemoryMax: infinity,
      MemorySwapMax: infinity,
      CPUQuotaPerSecUSec: infinity,
      TasksMax: infinity,
    });
    expect(properties({ pids: { limit: 0 } })).toEqual({ TasksMax: 1n });
  });

  test("tells of files that the spec names and systemd writes too", () => {
    expect(
      properties({
        unified: { "memory.high": "4096", "pids.max": "max", "cpuset.cpus": "1", "io.max": "8:0 rbps=1" },
      }),
    ).toEqual({ MemoryHigh: 4096n, TasksMax: infinity, AllowedCPUs: [2] });
  });

  test("refuses lists that are none", () => {
    expect(() => properties({ cpu: { cpus: "zero" } })).toThrow('cpu.cpus: "zero" is no list');
    expect(() => properties({ cpu: { cpus: "0-99999" } })).toThrow("is no list");
  });
});

test("quotaPerSecond() is in whole percents, rounded up, and roundQuota() writes the same", () => {
  expect(quotaPerSecond(50_000, 100_000)).toBe(500_000);
  expect(quotaPerSecond(12_345)).toBe(130_000);
  expect(quotaPerSecond(-1)).toBe(-1);
  expect(roundQuota({ cpu: { quota: 12_345 } }).cpu?.quota).toBe(13_000);
  expect(roundQuota({ cpu: { quota: 5_000, period: 10_000 } }).cpu?.quota).toBe(5_000);
  expect(roundQuota({ cpu: { quota: -1 } }).cpu?.quota).toBe(-1);
});

describe("deviceProperties()", () => {
  const names = parseDeviceNames("Character devices:\n  1 mem\n136 pts\n\nBlock devices:\n  8 sd\n");
  const plain = (devices: Parameters<typeof deviceProperties>[0]) =>
    deviceProperties(devices, names).map(([name, { value }]) => [name, value]);

  test("empties the list, sets the policy, fills the list: in this order", () => {
    const [first, second, third] = plain([
      { allow: false, access: "rwm" },
      { allow: true, type: "b", major: 8, access: "r" },
      { allow: true, type: "c", major: 10, minor: 229, access: "rw" },
    ]);
    expect([first, second]).toEqual([
      ["DeviceAllow", []],
      ["DevicePolicy", "strict"],
    ]);
    expect(third?.[0]).toBe("DeviceAllow");
    expect(third?.[1]).toEqual(
      expect.arrayContaining([
        ["block-sd", "r"],
        ["/dev/char/10:229", "rw"],
        ["char-pts", "rwm"],
        ["char-*", "m"],
        ["/dev/char/1:3", "rwm"],
      ]),
    );
  });

  test("leaves to our own program what systemd cannot say", () => {
    expect(plain([{ allow: true }, { allow: false, type: "c", major: 1, minor: 3, access: "w" }])).toEqual([
      ["DevicePolicy", "auto"],
    ]);
  });
});

describe("annotatedProperties()", () => {
  const read = (name: string, text: string) =>
    annotatedProperties({ [`org.systemd.property.${name}`]: text });

  test("reads values as text of GVariant", () => {
    expect(read("CollectMode", "'inactive-or-failed'")).toEqual([
      ["CollectMode", { signature: "s", value: "inactive-or-failed" }],
    ]);
    expect(read("MemoryHigh", "uint64 5")).toEqual([["MemoryHigh", { signature: "t", value: 5n }]]);
    expect(read("SendSIGHUP", "true")).toEqual([["SendSIGHUP", { signature: "b", value: true }]]);
    expect(read("TimeoutStopSec", "1.5")).toEqual([["TimeoutStopUSec", { signature: "t", value: 1500000n }]]);
    expect(annotatedProperties({ other: "x" })).toEqual([]);
  });

  test("refuses what would make systemd run something (CVE-2024-3154), and values that are none", () => {
    for (const name of [
      "ExecStartPre",
      "ExecStart",
      "ExecStopPost",
      "OnFailure",
      "BindsTo",
      "PIDs",
      "Slice",
      "DeviceAllow",
    ]) {
      expect(() => read(name, "'x'")).toThrow("may not be set by a container");
    }
    expect(() => read("MemoryHigh", "lots")).toThrow('"lots" is no value');
  });
});
