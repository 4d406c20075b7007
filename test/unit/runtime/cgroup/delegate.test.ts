import { describe, expect, test } from "bun:test";
import { delegatedTo } from "../../../../src/runtime/cgroup/delegate.ts";
import { asSeenFrom, parseHostCgroup } from "../../../../src/runtime/cgroup-mount.ts";
import type { Spec } from "../../../../src/runtime/spec.ts";

describe("delegatedTo()", () => {
  const writable: Spec = {
    ociVersion: "1.2.0",
    process: { user: { uid: 1000, gid: 1000 }, args: ["sh"], cwd: "/" },
    mounts: [{ destination: "/sys/fs/cgroup", type: "cgroup", options: ["nosuid"] }],
    linux: { namespaces: [{ type: "cgroup" }] },
  };
  const mappings = [{ containerID: 0, hostID: 100_000, size: 2000 }];

  test("is the container's user, as the host counts", () => {
    expect(delegatedTo(writable)).toBe(1000);
    expect(delegatedTo({ ...writable, linux: { ...writable.linux, uidMappings: mappings } })).toBe(101_000);
  });

  test("is nobody where the container does not see its cgroup writable and alone", () => {
    const readonly = { destination: "/sys/fs/cgroup", type: "cgroup", options: ["ro"] };
    const others: readonly Spec[] = [
      { ...writable, mounts: [readonly] },
      { ...writable, mounts: [] },
      { ...writable, linux: {} },
      { ...writable, linux: { namespaces: [{ type: "cgroup", path: "/proc/1/ns/cgroup" }] } },
      { ...writable, linux: { ...writable.linux, uidMappings: [{ containerID: 0, hostID: 5, size: 1 }] } },
    ];
    expect(others.map(delegatedTo)).toEqual(others.map(() => undefined));
  });
});

test("asSeenFrom() puts the container's cgroups in place of the runtime's", () => {
  const mounts = ["memory", "cpu,cpuacct", "systemd"].map(
    (name) => `1 0 0:1 / /sys/fs/cgroup/${name} rw - cgroup cgroup rw`,
  );
  const host = parseHostCgroup("3:memory:/own\n2:cpu,cpuacct:/own\n1:name=systemd:/own\n", mounts.join("\n"));
  const seen = asSeenFrom(host, {
    memory: "/sys/fs/cgroup/memory/a/box",
    "cpu,cpuacct": "/sys/fs/cgroup/cpu,cpuacct/a/box",
    "name=systemd": "/sys/fs/cgroup/systemd/a/box",
  });
  expect(seen.version === 1 && seen.hierarchies.map(({ name, path }) => [name, path])).toEqual([
    ["memory", "/a/box"],
    ["cpu,cpuacct", "/a/box"],
    ["systemd", "/a/box"],
  ]);
  expect(asSeenFrom(host, {})).toEqual(host);
});
