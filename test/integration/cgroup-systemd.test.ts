/** Cgroups of containers that systemd makes: Debian's systemd is the first process of user-mode Linux, which these tests boot. */
import { describe, expect, test } from "bun:test";
import { createCgroup } from "../../src/runtime/cgroup/cgroup.ts";
import type { LinuxResources } from "../../src/runtime/spec.ts";
import { BusConnection } from "../../src/sys/dbus.ts";
import { Bundle, specWith } from "../fixtures/bundle.ts";
import { cgroupCases, contain, megabyte } from "../fixtures/cgroup-cases.ts";
import { mustRun } from "../fixtures/process.ts";
import { hasUml, inside, testInUml } from "../fixtures/uml.ts";

describe.skipIf(inside === "systemd")("in user-mode Linux", () => {
  test.skipIf(!hasUml({ systemd: true }))(
    "all cases of the driver systemd pass",
    async () =>
      expect(await testInUml("test/integration/cgroup-systemd.test.ts", { systemd: true })).toBe(""),
    120_000,
  );
});

if (inside === "systemd") {
  describe("the driver systemd", () => {
    cgroupCases((bundle, resources) => start(bundle, resources));
    systemdCases();
  });
}

let serial = 0;

function start(bundle: Bundle, resources: LinuxResources = {}, annotations = {}) {
  return contain(bundle, resources, {
    path: `machine.slice:currunt:${serial++}`,
    systemd: true,
    annotations,
  });
}

/** A unit's properties, by name. */
async function show(unit: string, ...names: string[]): Promise<Record<string, string>> {
  const text = await mustRun(["systemctl", "show", unit, ...names.map((name) => `--property=${name}`)]);
  return Object.fromEntries(
    text
      .trim()
      .split("\n")
      .map((line) => line.split(/=(.*)/s).slice(0, 2)),
  );
}

function systemdCases(): void {
  test("makes a scope in its slice, whose limits systemd knows and keeps when it reloads", async () => {
    await using bundle = await Bundle.make();
    await using container = await start(bundle, {
      memory: { limit: 64 * megabyte, swap: 96 * megabyte, reservation: 32 * megabyte },
      cpu: { shares: 512, quota: 12_345, period: 100_000 },
      pids: { limit: 20 },
      unified: { "memory.high": String(60 * megabyte) },
    });
    const { unit = "" } = container.cgroup.state;
    expect(container.cgroup.state.directories[""]).toBe(`/sys/fs/cgroup/machine.slice/${unit}`);
    const names = [
      "Slice",
      "Delegate",
      "MemoryMax",
      "MemorySwapMax",
      "MemoryHigh",
      "CPUWeight",
      "CPUQuotaPerSecUSec",
      "TasksMax",
    ];
    expect(await show(unit, ...names, "DevicePolicy", "NeedDaemonReload")).toEqual({
      Slice: "machine.slice",
      Delegate: "yes",
      MemoryMax: String(64 * megabyte),
      MemorySwapMax: String(32 * megabyte),
      MemoryHigh: String(60 * megabyte),
      CPUWeight: "59",
      CPUQuotaPerSecUSec: "130ms",
      TasksMax: "20",
      DevicePolicy: "strict",
      NeedDaemonReload: "no",
    });
    const files = [
      "memory.max",
      "memory.swap.max",
      "memory.low",
      "memory.high",
      "cpu.max",
      "cpu.weight",
      "pids.max",
    ];
    const read = () => files.map((name) => container.file("", name));
    const before = read();
    expect(before[4]).toBe("13000 100000");
    await mustRun(["systemctl", "daemon-reload"]);
    expect(read()).toEqual(before);
    expect((await container.sh("head -c 3 /dev/zero | wc -c")).text).toBe("3");
    await container.cgroup.update({ memory: { limit: 32 * megabyte, swap: 32 * megabyte } });
    expect(await show(unit, "MemoryMax", "MemorySwapMax")).toEqual({
      MemoryMax: String(32 * megabyte),
      MemorySwapMax: "0",
    });
  });

  test("leaves no unit behind, and makes one anew whose name has failed before", async () => {
    await using bundle = await Bundle.make();
    const path = "machine.slice:currunt:again";
    for (let round = 0; round < 2; round++) {
      const container = await contain(bundle, {}, { path, systemd: true });
      const { unit = "" } = container.cgroup.state;
      await container[Symbol.asyncDispose]();
      expect(await show(unit, "LoadState", "ActiveState")).toEqual({
        LoadState: "not-found",
        ActiveState: "inactive",
      });
    }
  });

  test("takes harmless properties from annotations, and no others", async () => {
    await using bundle = await Bundle.make();
    const property = (name: string, value: string) => ({ [`org.systemd.property.${name}`]: value });
    await using container = await start(bundle, {}, property("MemoryLow", `uint64 ${megabyte}`));
    expect(await show(container.cgroup.state.unit ?? "", "MemoryLow")).toEqual({
      MemoryLow: String(megabyte),
    });
    expect(start(bundle, {}, property("ExecStartPre", "'/bin/true'"))).rejects.toThrow();
  });

  test("stops the unit again when a limit is refused", async () => {
    await using bundle = await Bundle.make();
    const refused = contain(
      bundle,
      { unified: { "cpu.idle": "99" } },
      { path: "machine.slice:currunt:bad", systemd: true },
    );
    expect(refused).rejects.toThrow();
    await refused.catch(() => {});
    expect(await show("currunt-bad.scope", "LoadState")).toEqual({ LoadState: "not-found" });
  });

  test("refuses a path that is none for systemd", async () => {
    const spec = specWith({ linux: { cgroupsPath: "/a/b" } });
    const cgroup = await createCgroup({ id: "box", spec, systemd: true });
    expect(cgroup.join(process.pid)).rejects.toThrow('is not "slice:prefix:name"');
  });

  test("speaks with systemd without a bus between, too", () => {
    using direct = BusConnection.connect("/run/systemd", "private", { bus: false });
    const [version] = direct.call({
      path: "/org/freedesktop/systemd1",
      interface: "org.freedesktop.DBus.Properties",
      member: "Get",
      signature: "ss",
      body: ["org.freedesktop.systemd1.Manager", "Version"],
    });
    expect(version).toMatchObject({ signature: "s" });
  });
}
