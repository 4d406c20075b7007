/** `linux.resources` as settings of cgroup v1. Pure. */
import type { LinuxBlockIO, LinuxResources } from "../spec.ts";
import { deviceName, digits, limitText, pageSizeName, throttles } from "./value.ts";
import type { Write } from "./write.ts";

/** All but devices, which have rules of their own (`device-rule.ts`). */
export function settingsV1(resources: LinuxResources): Write[] {
  return [
    ...cpuset(resources.cpu),
    ...memory(resources.memory),
    ...cpu(resources.cpu),
    ...pids(resources.pids),
    ...blkio(resources.blockIO ?? {}),
    ...hugetlb(resources.hugepageLimits ?? []),
    ...rdmaSettings(resources.rdma ?? {}),
    ...network(resources.network),
  ];
}

/** Makes one setting unless the spec has no value for it. */
function setting<T>(
  controller: string,
  field: string,
  value: T | undefined,
  [file, text]: readonly [file: string, text: (value: T) => string],
  more: Partial<Write> = {},
): Write[] {
  return value === undefined ? [] : [{ controller, file, data: text(value), field, ...more }];
}

const same = (text: string) => text;

function cpuset(cpu: LinuxResources["cpu"]): Write[] {
  return [
    ...setting("cpuset", "cpu.cpus", cpu?.cpus || undefined, ["cpuset.cpus", same]),
    ...setting("cpuset", "cpu.mems", cpu?.mems || undefined, ["cpuset.mems", same]),
  ];
}

/** Memory and swap together must never be less than memory: which has to go first depends on what is there. */
function memory(memory: LinuxResources["memory"] = {}): Write[] {
  const { limit, kernelTCP, reservation, swappiness, disableOOMKiller } = memory;
  // Without a limit of memory none of swap can hold.
  const swap = limit !== undefined && limit < 0 && !memory.swap ? -1 : memory.swap;
  const bytes = (value: number) => limitText(value, "-1");
  return [
    ...setting("memory", "memory.limit", limit || undefined, ["memory.limit_in_bytes", bytes], {
      afterNext: Boolean(swap),
    }),
    ...setting("memory", "memory.swap", swap || undefined, ["memory.memsw.limit_in_bytes", bytes], {
      skipMissing: swap === -1,
    }),
    ...setting("memory", "memory.kernelTCP", kernelTCP || undefined, [
      "memory.kmem.tcp.limit_in_bytes",
      bytes,
    ]),
    ...setting("memory", "memory.reservation", reservation || undefined, [
      "memory.soft_limit_in_bytes",
      bytes,
    ]),
    ...setting("memory", "memory.disableOOMKiller", disableOOMKiller || undefined, [
      "memory.oom_control",
      () => "1",
    ]),
    ...setting("memory", "memory.swappiness", swappiness, ["memory.swappiness", digits]),
  ];
}

/** Shares of 0 mean none in most callers' files, as do a quota and a period of 0. */
function cpu(cpu: LinuxResources["cpu"] = {}): Write[] {
  const quota = (value: number) => limitText(value, "-1");
  return [
    ...setting("cpu", "cpu.shares", cpu.shares || undefined, ["cpu.shares", digits]),
    ...setting("cpu", "cpu.idle", cpu.idle, ["cpu.idle", digits]),
    ...setting("cpu", "cpu.realtimePeriod", cpu.realtimePeriod || undefined, ["cpu.rt_period_us", digits], {
      afterNext: Boolean(cpu.realtimeRuntime),
    }),
    ...setting("cpu", "cpu.realtimeRuntime", cpu.realtimeRuntime || undefined, ["cpu.rt_runtime_us", digits]),
    ...setting("cpu", "cpu.period", cpu.period || undefined, ["cpu.cfs_period_us", digits], {
      afterNext: Boolean(cpu.quota),
    }),
    ...setting("cpu", "cpu.quota", cpu.quota || undefined, ["cpu.cfs_quota_us", quota], {
      afterNext: cpu.burst !== undefined,
    }),
    ...setting("cpu", "cpu.burst", cpu.burst, ["cpu.cfs_burst_us", digits]),
  ];
}

function pids(pids: LinuxResources["pids"]): Write[] {
  return setting("pids", "pids.limit", pids?.limit, ["pids.max", pidsText]);
}

/** A limit of 0 would forbid init itself: the field takes 1 for it. */
export function pidsText(limit: number): string {
  return limit === 0 ? "1" : limitText(limit, "max");
}

function blkio(io: LinuxBlockIO): Write[] {
  const weights = (io.weightDevice ?? []).flatMap((device) => {
    const name = deviceName(device);
    const line = (value: number) => `${name} ${value}`;
    return [
      ...weight("weightDevice", device.weight, ["blkio.weight_device", line], "blkio.bfq.weight_device"),
      ...setting("blkio", "blockIO.weightDevice", device.leafWeight, ["blkio.leaf_weight_device", line]),
    ];
  });
  return [
    ...weight("weight", io.weight || undefined, ["blkio.weight", String], "blkio.bfq.weight"),
    ...setting("blkio", "blockIO.leafWeight", io.leafWeight || undefined, ["blkio.leaf_weight", String]),
    ...weights,
    ...throttles.flatMap(([field, , word]) =>
      (io[field] ?? []).flatMap((device) =>
        setting("blkio", `blockIO.${field}`, device.rate, [
          `blkio.throttle.${word}_device`,
          (rate) => `${deviceName(device)} ${digits(rate)}`,
        ]),
      ),
    ),
  ];
}

/** CFQ's file, which kernels before 5.0 have, or that of BFQ. */
function weight(
  field: string,
  value: number | undefined,
  [file, text]: readonly [file: string, text: (value: number) => string],
  bfq: string,
): Write[] {
  return value === undefined
    ? []
    : setting("blkio", `blockIO.${field}`, value, [bfq, text], { instead: { file, data: text(value) } });
}

function hugetlb(limits: NonNullable<LinuxResources["hugepageLimits"]>): Write[] {
  return limits.flatMap(({ pageSize, limit }) => {
    const name = pageSizeName(pageSize);
    const field = "hugepageLimits";
    return [
      ...setting("hugetlb", field, limit, [`hugetlb.${name}.limit_in_bytes`, digits]),
      ...setting("hugetlb", field, limit, [`hugetlb.${name}.rsvd.limit_in_bytes`, digits], {
        skipMissing: true,
      }),
    ];
  });
}

/** Both versions have the same file. */
export function rdmaSettings(devices: NonNullable<LinuxResources["rdma"]>): Write[] {
  return Object.entries(devices).map(([name, { hcaHandles, hcaObjects }]): Write => {
    const limits = [
      ...(hcaHandles === undefined ? [] : [`hca_handle=${hcaHandles}`]),
      ...(hcaObjects === undefined ? [] : [`hca_object=${hcaObjects}`]),
    ];
    return { controller: "rdma", file: "rdma.max", data: [name, ...limits].join(" "), field: `rdma.${name}` };
  });
}

function network(network: LinuxResources["network"]): Write[] {
  return [
    ...setting("net_cls", "network.classID", network?.classID || undefined, ["net_cls.classid", digits]),
    ...(network?.priorities ?? []).flatMap(({ name, priority }) =>
      setting("net_prio", "network.priorities", priority, [
        "net_prio.ifpriomap",
        () => `${name} ${priority}`,
      ]),
    ),
  ];
}
