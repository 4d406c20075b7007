import { describe, expect, test } from "bun:test";
import { settingsV1 } from "../../../../src/runtime/cgroup/settings-v1.ts";
import {
  cpuMax,
  ioWeight,
  settingsV2,
  swapMax,
  weightOf,
} from "../../../../src/runtime/cgroup/settings-v2.ts";
import { digits } from "../../../../src/runtime/cgroup/value.ts";
import type { LinuxResources } from "../../../../src/runtime/spec.ts";

/** "file=data" of each setting, in order; "?" behind what may be missing, ">" behind what may have to wait for the next. */
function lines(settings: ReturnType<typeof settingsV1>): string[] {
  return settings.map(({ file, data, skipMissing, afterNext, instead }) => {
    const otherwise = instead === undefined ? "" : ` | ${instead.file}=${instead.data}`;
    return `${file}=${data}${skipMissing === true ? "?" : ""}${afterNext === true ? ">" : ""}${otherwise}`;
  });
}

const gigabyte = 1 << 30;

/** What both versions make of the same field. */
const conversions: readonly (readonly [
  name: string,
  resources: LinuxResources,
  v1: string[],
  v2: string[],
])[] = [
  ["nothing", {}, [], []],
  [
    "a memory limit",
    { memory: { limit: gigabyte } },
    ["memory.limit_in_bytes=1073741824"],
    ["memory.max=1073741824"],
  ],
  [
    "memory and swap: together in version 1, swap alone in version 2",
    { memory: { limit: gigabyte, swap: 3 * gigabyte } },
    ["memory.limit_in_bytes=1073741824>", "memory.memsw.limit_in_bytes=3221225472"],
    ["memory.swap.max=2147483648", "memory.max=1073741824"],
  ],
  [
    "swap as much as memory: none",
    { memory: { limit: gigabyte, swap: gigabyte } },
    ["memory.limit_in_bytes=1073741824>", "memory.memsw.limit_in_bytes=1073741824"],
    ["memory.swap.max=0?", "memory.max=1073741824"],
  ],
  [
    "unlimited memory makes swap unlimited",
    { memory: { limit: -1 } },
    ["memory.limit_in_bytes=-1>", "memory.memsw.limit_in_bytes=-1?"],
    ["memory.swap.max=max?", "memory.max=max"],
  ],
  [
    "a reservation",
    { memory: { reservation: gigabyte } },
    ["memory.soft_limit_in_bytes=1073741824"],
    ["memory.low=1073741824"],
  ],
  [
    "zeroes of callers that fill in every field",
    {
      memory: { limit: 0, swap: 0, reservation: 0 },
      cpu: { shares: 0, quota: 0, period: 0, cpus: "", mems: "" },
    },
    [],
    [],
  ],
  ["shares", { cpu: { shares: 1024 } }, ["cpu.shares=1024"], ["cpu.weight=100"]],
  [
    "a quota and a period",
    { cpu: { quota: 50000, period: 200000 } },
    ["cpu.cfs_period_us=200000>", "cpu.cfs_quota_us=50000"],
    ["cpu.max=50000 200000"],
  ],
  ["no quota", { cpu: { quota: -1 } }, ["cpu.cfs_quota_us=-1"], ["cpu.max=max"]],
  [
    "a burst, which the quota bounds",
    { cpu: { quota: 50000, burst: 20000 } },
    ["cpu.cfs_quota_us=50000>", "cpu.cfs_burst_us=20000"],
    ["cpu.max=50000>", "cpu.max.burst=20000"],
  ],
  [
    "idle, which has no weight",
    { cpu: { idle: 1, shares: 512 } },
    ["cpu.shares=512", "cpu.idle=1"],
    ["cpu.idle=1"],
  ],
  [
    "CPUs and memory nodes",
    { cpu: { cpus: "0-3,7", mems: "0" } },
    ["cpuset.cpus=0-3,7", "cpuset.mems=0"],
    ["cpuset.cpus=0-3,7", "cpuset.mems=0"],
  ],
  ["a limit of processes", { pids: { limit: 100 } }, ["pids.max=100"], ["pids.max=100"]],
  ["no limit of processes", { pids: { limit: -1 } }, ["pids.max=max"], ["pids.max=max"]],
  ["no process but init", { pids: { limit: 0 } }, ["pids.max=1"], ["pids.max=1"]],
  [
    "a weight of I/O",
    { blockIO: { weight: 500 } },
    ["blkio.bfq.weight=500 | blkio.weight=500"],
    ["io.bfq.weight=500 | io.weight=4950"],
  ],
  [
    "a weight of a device",
    { blockIO: { weightDevice: [{ major: 8, minor: 0, weight: 10 }] } },
    ["blkio.bfq.weight_device=8:0 10 | blkio.weight_device=8:0 10"],
    ["io.bfq.weight=8:0 10 | io.weight=8:0 1"],
  ],
  [
    "throttles",
    {
      blockIO: {
        throttleReadBpsDevice: [{ major: 8, minor: 16, rate: 1000 }],
        throttleWriteBpsDevice: [{ major: 8, minor: 16, rate: 0 }],
        throttleReadIOPSDevice: [{ major: 8, minor: 16, rate: 3 }],
        throttleWriteIOPSDevice: [{ major: 8, minor: 16, rate: 4 }],
      },
    },
    [
      "blkio.throttle.read_bps_device=8:16 1000",
      "blkio.throttle.write_bps_device=8:16 0",
      "blkio.throttle.read_iops_device=8:16 3",
      "blkio.throttle.write_iops_device=8:16 4",
    ],
    ["io.max=8:16 rbps=1000", "io.max=8:16 wbps=max", "io.max=8:16 riops=3", "io.max=8:16 wiops=4"],
  ],
  [
    "huge pages, reserved ones too",
    { hugepageLimits: [{ pageSize: "2MB", limit: 4 << 20 }] },
    ["hugetlb.2MB.limit_in_bytes=4194304", "hugetlb.2MB.rsvd.limit_in_bytes=4194304?"],
    ["hugetlb.2MB.max=4194304", "hugetlb.2MB.rsvd.max=4194304?"],
  ],
  [
    "RDMA",
    { rdma: { mlx5_1: { hcaHandles: 3, hcaObjects: 10000 }, mlx4_0: { hcaObjects: 5 } } },
    ["rdma.max=mlx5_1 hca_handle=3 hca_object=10000", "rdma.max=mlx4_0 hca_object=5"],
    ["rdma.max=mlx5_1 hca_handle=3 hca_object=10000", "rdma.max=mlx4_0 hca_object=5"],
  ],
];

describe("settings of both versions", () => {
  for (const [name, resources, v1, v2] of conversions) {
    test(name, () => {
      expect(lines(settingsV1(resources))).toEqual(v1);
      expect(lines(settingsV2(resources))).toEqual(v2);
    });
  }
});

test("settingsV1() has what only version 1 has", () => {
  expect(
    lines(
      settingsV1({
        memory: { kernelTCP: 1 << 20, swappiness: 60, disableOOMKiller: true },
        cpu: { realtimePeriod: 1_000_000, realtimeRuntime: 950_000 },
        blockIO: { leafWeight: 300, weightDevice: [{ major: 8, minor: 0, leafWeight: 200 }] },
        network: { classID: 0x100001, priorities: [{ name: "eth0", priority: 5 }] },
      }),
    ),
  ).toEqual([
    "memory.kmem.tcp.limit_in_bytes=1048576",
    "memory.oom_control=1",
    "memory.swappiness=60",
    "cpu.rt_period_us=1000000>",
    "cpu.rt_runtime_us=950000",
    "blkio.leaf_weight=300",
    "blkio.leaf_weight_device=8:0 200",
    "net_cls.classid=1048577",
    "net_prio.ifpriomap=eth0 5",
  ]);
});

describe("settingsV2()", () => {
  const refused: readonly (readonly [resources: LinuxResources, message: RegExp])[] = [
    [{ memory: { swap: gigabyte } }, /memory\.swap: 1073741824 counts memory and swap together/],
    [{ memory: { limit: gigabyte, swap: 1 } }, /memory\.swap: 1 is less than memory\.limit, 1073741824/],
    [{ memory: { swappiness: 60 } }, /memory\.swappiness: cgroup v2 has no such setting/],
    [{ memory: { disableOOMKiller: true } }, /memory\.disableOOMKiller/],
    [{ cpu: { realtimeRuntime: 1 } }, /cpu\.realtimeRuntime/],
    [{ network: { classID: 5 } }, /network: cgroup v2 has no network classes/],
    [{ blockIO: { leafWeight: 5 } }, /leafWeight/],
    [{ hugepageLimits: [{ pageSize: "../2MB", limit: 1 }] }, /"\.\.\/2MB" is no size of a huge page/],
    [{ unified: { "../memory.max": "1" } }, /"\.\.\/memory\.max" is no file of a cgroup/],
    [{ unified: { memory: "1" } }, /"memory" is no file of a cgroup/],
  ];
  for (const [resources, message] of refused) {
    test(`refuses ${JSON.stringify(resources)}`, () => expect(() => settingsV2(resources)).toThrow(message));
  }

  test("writes files that the spec names last, a line at a time", () => {
    const settings = settingsV2({
      memory: { limit: 5 },
      unified: { "io.max": "8:0 rbps=1\n8:16 rbps=2\n", "memory.max": "7" },
    });
    expect(lines(settings)).toEqual([
      "memory.max=5",
      "io.max=8:0 rbps=1",
      "io.max=8:16 rbps=2",
      "memory.max=7",
    ]);
    expect(settings.map(({ controller }) => controller)).toEqual(["memory", "io", "io", "memory"]);
  });
});

test("weightOf() goes through the three fixed points and never down", () => {
  const known: readonly (readonly [number, number])[] = [
    [1, 1],
    [2, 1],
    [100, 17],
    [512, 59],
    [1024, 100],
    [2048, 174],
    [262144, 10000],
    [1_000_000, 10000],
  ];
  expect(known.map(([shares]) => [shares, weightOf(shares)])).toEqual(known.map((pair) => [...pair]));
  const weights = Array.from({ length: 18 }, (_, power) => weightOf(2 ** power + 1));
  expect(weights).toEqual([...weights].sort((a, b) => a - b));
});

test("ioWeight() maps BFQ's range to that of io.weight", () => {
  expect([10, 100, 500, 1000].map(ioWeight)).toEqual([1, 910, 4950, 10000]);
});

test("swapMax() and cpuMax() leave alone what is not asked for", () => {
  expect(swapMax({ limit: 5 })).toBeUndefined();
  expect(swapMax({ limit: 5, swap: -1 })).toBe("max");
  expect(cpuMax({})).toBeUndefined();
  expect(cpuMax({ period: 1000 })).toBe("max 1000");
  expect(cpuMax({ quota: 5 })).toBe("5");
});

test("digits() writes numbers in full, and those beyond 63 bits as the largest", () => {
  expect(digits(2 ** 63 - 4096)).toBe("9223372036854771712");
  expect(digits(2 ** 64)).toBe("9223372036854775807");
  expect(digits(1e21)).toBe("9223372036854775807");
});
