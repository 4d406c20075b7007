/** Mount options, destinations, and what a spec's mounts become. */
import { describe, expect, test } from "bun:test";
import { parseHostCgroup, placeCgroup } from "../../../src/runtime/cgroup-mount.ts";
import { Draft } from "../../../src/runtime/draft.ts";
import { openSources, parseOptions, placeMount } from "../../../src/runtime/mount.ts";
import { checkDestination } from "../../../src/runtime/mount-destination.ts";
import type { Mount } from "../../../src/runtime/spec.ts";

const parse = (options: string[], type?: string) =>
  parseOptions({ destination: "/d", options, ...(type === undefined ? {} : { type }) });

describe("parseOptions()", () => {
  test("sorts options into attributes, propagation and data", () => {
    expect(parse(["nosuid", "ro", "rslave", "size=64m", "mode=1777", "sync"])).toEqual({
      bind: undefined,
      set: ["nosuid", "ro"],
      clear: [],
      setBelow: [],
      clearBelow: [],
      propagation: { kind: "slave", recursive: true },
      data: [["sync"], ["size", "64m"], ["mode", "1777"]],
    });
  });

  test("takes the last word on an attribute", () => {
    expect(parse(["ro", "rw"])).toMatchObject({ set: [], clear: ["ro"] });
    expect(parse(["rw", "ro"])).toMatchObject({ set: ["ro"], clear: [] });
  });

  test("tells recursive attributes from plain ones", () => {
    expect(parse(["bind", "rro", "rnosuid", "rexec"])).toMatchObject({
      set: [],
      setBelow: ["ro", "nosuid"],
      clearBelow: ["noexec"],
    });
    // Not the recursive form of "elatime".
    expect(parse(["relatime"])).toMatchObject({ set: ["relatime"], setBelow: [] });
  });

  test("makes a bind of the option or of the type", () => {
    expect(parse(["rbind"]).bind).toBe("rbind");
    expect(parse([], "bind").bind).toBe("bind");
    expect(parse(["rbind"], "none").bind).toBe("rbind");
  });

  test("knows every option that the specification demands", () => {
    const demanded =
      "async atime bind defaults dev diratime dirsync exec iversion lazytime loud noatime nodev nodiratime noexec " +
      "noiversion nolazytime norelatime nostrictatime nosuid private rbind relatime remount ro rprivate rshared rslave " +
      "runbindable rw shared silent slave strictatime suid sync unbindable";
    for (const option of demanded.split(" ")) {
      const { data } = parse([option]);
      const flags = ["async", "dirsync", "lazytime", "nolazytime", "sync"];
      expect(data).toEqual(flags.includes(option) ? [[option]] : []);
    }
  });

  test("splits data at commas but inside of quotes", () => {
    expect(parse(['context="a:b:c1,c2",size=1m,nr_inodes=5']).data).toEqual([
      ["context", "a:b:c1,c2"],
      ["size", "1m"],
      ["nr_inodes", "5"],
    ]);
  });

  test("ignores data on a bind, as the kernel does", () => {
    expect(parse(["bind", "size=1m"]).data).toEqual([]);
  });

  test("refuses to copy into what is no tmpfs", () => {
    expect(() => parse(["tmpcopyup"])).toThrow('only a tmpfs has the option "tmpcopyup"');
  });
});

describe("checkDestination()", () => {
  test.each([
    ["/a//b/./c", "/a/b/c"],
    ["relative", "/relative"],
    ["/../../etc", "/etc"],
    ["/proc/uptime", "/proc/uptime"],
  ])("gives %s as %s", (destination, path) => {
    expect(checkDestination({ destination })).toBe(path);
  });

  test.each(["/", "/a/..", "/proc", "/proc/self/attr/exec", "/proc/sys", "/proc/../proc/1"])(
    "refuses %s",
    (destination) => {
      expect(() => checkDestination({ destination, type: "tmpfs" })).toThrow(`mount "`);
    },
  );
});

function place(mount: Mount): Draft {
  const draft = new Draft();
  const root = draft.input("rootfs");
  for (const prepared of openSources(draft, [mount], { bundle: "/bundle", root })) {
    draft.add(...placeMount(draft, root, prepared));
  }
  return draft;
}

test("openSources() makes filesystems in the order of the mounts, but those that must see another one first", () => {
  const draft = new Draft();
  const root = draft.input("rootfs");
  const tmpfs = { type: "tmpfs", source: "tmpfs" };
  const mounts: Mount[] = [
    { destination: "/a", ...tmpfs },
    { destination: "/b", source: "/s", options: ["bind"] },
    { destination: "/b/below", ...tmpfs },
    { destination: "/bb", ...tmpfs },
  ];
  const prepared = openSources(draft, mounts, { bundle: "/", root });
  expect(draft.steps.map(({ op }) => op)).toEqual(["filesystem", "tree", "filesystem"]);
  expect(prepared.map(({ filesystem }) => filesystem)).toEqual([1, undefined, undefined, 3]);
});

describe("placeMount()", () => {
  test("opens a bind's source from the bundle, attaches it, then changes it", () => {
    const mount = { destination: "/d", source: "s", options: ["rbind", "ro", "rslave"] };
    expect(place(mount).steps).toEqual([
      { op: "tree", slot: 1, path: "/bundle/s", recursive: true },
      { op: "attach", slot: 1, root: 0, path: "/d", follow: true },
      { op: "attributes", slot: 1, set: ["ro"], clear: [], recursive: false },
      { op: "attributes", slot: 1, set: [], clear: [], propagation: "slave", recursive: true },
    ]);
  });

  test("mounts a tmpfs writable, and makes it read-only last", () => {
    const { steps } = place({ destination: "/t", type: "tmpfs", source: "tmpfs", options: ["ro", "nodev"] });
    expect(steps).toEqual([
      {
        op: "filesystem",
        slot: 1,
        type: "tmpfs",
        source: "tmpfs",
        options: [],
        attributes: ["nodev"],
        modeOf: { root: 0, path: "/t" },
      },
      { op: "attach", slot: 1, root: 0, path: "/t", follow: true },
      { op: "attributes", slot: 1, set: ["ro"], clear: [], recursive: false },
    ]);
  });

  test("follows no link on the way to /proc and /sys", () => {
    for (const [destination, type] of [["/proc", "proc"] as const, ["/sys", "sysfs"] as const]) {
      expect(place({ destination, type }).steps.at(-1)).toMatchObject({ op: "attach", follow: false });
    }
  });

  test("refuses a bind without a source and a mount without a type", () => {
    expect(() => place({ destination: "/d", options: ["bind"] })).toThrow("needs a source");
    expect(() => place({ destination: "/d" })).toThrow("neither a type");
  });
});

describe("cgroups", () => {
  const mounts = ["cpu,cpuacct", "memory", "systemd", "unified"]
    .map(
      (name, i) =>
        `3${i} 25 0:2${i} / /sys/fs/cgroup/${name} rw - cgroup${name === "unified" ? "2" : ""} cgroup rw`,
    )
    .join("\n");

  test("parseHostCgroup() finds the hierarchies that are mounted", () => {
    const cgroups = "9:name=systemd:/a:b\n4:cpu,cpuacct:/\n3:memory:/own\n2:freezer:/\n0::/\n";
    expect(parseHostCgroup(cgroups, mounts)).toEqual({
      version: 1,
      hierarchies: [
        { name: "systemd", options: ["none", "name=systemd"], path: "/a:b" },
        { name: "cpu,cpuacct", options: ["cpu", "cpuacct"], path: "/" },
        { name: "memory", options: ["memory"], path: "/own" },
      ],
    });
    expect(parseHostCgroup("0::/user.slice\n", "")).toEqual({ version: 2 });
  });

  test("placeCgroup() mounts each hierarchy below a tmpfs, with links for single controllers", () => {
    const draft = new Draft();
    const root = draft.input("rootfs");
    const mount = { destination: "/sys/fs/cgroup", type: "cgroup", options: ["nosuid", "ro"] };
    const [prepared] = openSources(draft, [mount], { bundle: "/", root });
    if (prepared === undefined) throw new Error("nothing prepared");
    const hierarchies = [{ name: "cpu,cpuacct", options: ["cpu", "cpuacct"], path: "/" }];
    const last = placeCgroup(draft, root, prepared, { version: 1, hierarchies }, new Map());
    expect(draft.steps.map((step) => step.op)).toEqual([
      ...(["filesystem", "attach", "filesystem", "attach", "symlink", "symlink"] as const),
    ]);
    expect(draft.steps[2]).toMatchObject({ options: [["cpu"], ["cpuacct"]], attributes: ["nosuid", "ro"] });
    expect(last).toEqual([{ op: "attributes", slot: 1, set: ["ro"], clear: [], recursive: false }]);
  });
});
