/** Cgroups of containers where version 1 has the controllers, with the unified tree beside or without. */
import { afterAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Bundle } from "../fixtures/bundle.ts";
import {
  cgroupCases,
  cgroupfsCases,
  contain,
  megabyte,
  ownPath,
  removeOwnParent,
} from "../fixtures/cgroup-cases.ts";
import { run } from "../fixtures/process.ts";
import { inside } from "../fixtures/uml.ts";

const isHybrid = existsSync("/sys/fs/cgroup/unified/cgroup.controllers");

const isV1 = inside === "" && existsSync("/sys/fs/cgroup/memory/memory.limit_in_bytes");

describe.skipIf(!isV1)("cgroup v1", () => {
  afterAll(removeOwnParent);
  cgroupCases(contain);
  cgroupfsCases();

  test("writes every limit where it belongs", async () => {
    await using bundle = await Bundle.make();
    await using container = await contain(bundle, {
      memory: { limit: 64 * megabyte, swap: 96 * megabyte, reservation: 32 * megabyte, swappiness: 10 },
      cpu: { shares: 512, quota: 50_000, period: 200_000, burst: 10_000, cpus: "0", mems: "0" },
      pids: { limit: 20 },
    });
    const files: readonly (readonly [controller: string, name: string, value: string])[] = [
      ["memory", "memory.limit_in_bytes", String(64 * megabyte)],
      ["memory", "memory.memsw.limit_in_bytes", String(96 * megabyte)],
      ["memory", "memory.soft_limit_in_bytes", String(32 * megabyte)],
      ["memory", "memory.swappiness", "10"],
      ["cpu", "cpu.shares", "512"],
      ["cpu", "cpu.cfs_quota_us", "50000"],
      ["cpu", "cpu.cfs_period_us", "200000"],
      ["cpu", "cpu.cfs_burst_us", "10000"],
      ["cpuset", "cpuset.cpus", "0"],
      ["pids", "pids.max", "20"],
    ];
    expect(files.map(([controller, name]) => [name, container.file(controller, name)])).toEqual(
      files.map(([, name, value]) => [name, value]),
    );
    // Up and down, beyond the other limit in both directions: either can be the one that has to go first.
    for (const size of [256, 16, 128]) {
      await container.cgroup.update({ memory: { limit: size * megabyte, swap: size * megabyte } });
      expect(container.file("memory", "memory.memsw.limit_in_bytes")).toBe(String(size * megabyte));
    }
  });
});

test.skipIf(!isV1)(
  "cpusets above that are new get what is above them, also when the container's own is given",
  async () => {
    await using bundle = await Bundle.make();
    const above = ownPath();
    {
      const cpu = { cpus: "0", mems: "0" };
      await using container = await contain(bundle, { cpu }, { path: `${above}/below/box` });
      expect(container.file("cpuset", "cpuset.cpus")).toBe("0");
      expect(container.file("cpuset", "cpuset.mems")).toBe("0");
    }
    for (const path of [`${above}/below`, above]) await run(["sh", "-c", `rmdir /sys/fs/cgroup/*${path}`]);
  },
);

// There, init enters its cgroup by itself (`mayEnterLate`).
for (const file of ["cgroup-v1", "oci-lifecycle"]) {
  test.skipIf(!isV1 || !isHybrid)(
    `without the unified tree beside, ${file}.test.ts passes too`,
    async () => {
      const script = `umount /sys/fs/cgroup/unified && exec "$0" test --timeout 20000 test/integration/${file}.test.ts`;
      const command = [
        "unshare",
        "--mount",
        "--propagation",
        "private",
        "sh",
        "-c",
        script,
        process.execPath,
      ];
      const cwd = join(import.meta.dir, "../..");
      const { code, stderr } = await run(command, { cwd });
      expect(code === 0 ? "" : stderr).toBe("");
    },
    60_000,
  );
}
