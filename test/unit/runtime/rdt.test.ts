/** What a spec's Intel RDT settings mean for the resctrl filesystem. */
import { expect, test } from "bun:test";
import { rdtGroup } from "../../../src/runtime/rdt.ts";

test("rdtGroup() names the group by the container, and writes the cache's lines, the bandwidth's, then the others", () => {
  const rdt = {
    l3CacheSchema: "L3:0=7f0\nMB:0=10\nL3CODE:0=1",
    memBwSchema: "MB:0=20",
    schemata: ["L2:0=f", "MB:0=30"],
    enableMonitoring: true,
  };
  expect(rdtGroup("/r", "box", rdt)).toEqual({
    directory: "/r/box",
    lines: ["L3:0=7f0", "L3CODE:0=1", "MB:0=20", "L2:0=f", "MB:0=30"],
    isOwn: true,
    monitor: "/r/box/mon_groups/box",
  });
});

test("rdtGroup() takes a name, the root's included, and keeps a bandwidth line that is alone", () => {
  expect(rdtGroup("/r", "box", { closID: "fast", l3CacheSchema: "MB:0=10" })).toEqual({
    directory: "/r/fast",
    lines: ["MB:0=10"],
    isOwn: false,
    monitor: undefined,
  });
  expect(rdtGroup("/r", "box", { closID: "/", enableMonitoring: true })).toMatchObject({
    directory: "/r",
    monitor: "/r/mon_groups/box",
  });
});
