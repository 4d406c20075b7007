/** Statistics of a container on cgroup v1. */
import { listDirectory } from "../../sys/directory.ts";
import type { CgroupState } from "./state.ts";
import { directoryOfController, unifiedDirectory } from "./state.ts";
import type { BlkioEntry, BlkioStats, Count, CpusetStats, HugetlbStats, Stats } from "./stats.ts";
import { memoryEntry, nonZero, parseCount, parseList, StatFiles } from "./stats-file.ts";
import { hugetlbV2 } from "./stats-v2.ts";

/** Nanoseconds of a clock tick: USER_HZ is 100 on all our architectures. */
const tickNanoseconds = 10_000_000;

/** Reads them as they are now; what has no controller is left at nothing. */
export function readStatsV1(state: CgroupState): Stats {
  return {
    cpu: cpu(state),
    cpuset: cpuset(state),
    memory: memory(state),
    pids: pids(state),
    blkio: blkio(state),
    hugetlb: hugetlb(state),
    intel_rdt: {},
    network_interfaces: null,
  };
}

function open(state: CgroupState, controller: string): StatFiles {
  return new StatFiles(directoryOfController(state, controller));
}

function cpu(state: CgroupState): Stats["cpu"] {
  using files = open(state, "cpuacct");
  using throttled = open(state, "cpu");
  // Lines "cpu user system" behind a heading: nanoseconds.
  const perCpu = files
    .lines("cpuacct.usage_all")
    .slice(1)
    .map((line) => line.split(" ").map(parseCount));
  const ticks = files.counts("cpuacct.stat");
  const stat = throttled.counts("cpu.stat");
  const percpu = (files.text("cpuacct.usage_percpu") ?? "")
    .split(" ")
    .filter((word) => word !== "")
    .map(parseCount);
  return {
    usage: {
      ...nonZero({ total: files.count("cpuacct.usage") }),
      ...(percpu.length === 0 ? {} : { percpu }),
      ...(perCpu.length === 0
        ? {}
        : {
            percpu_kernel: perCpu.map(([, , system = 0]) => system),
            percpu_user: perCpu.map(([, user = 0]) => user),
          }),
      kernel: Number(ticks["system"] ?? 0) * tickNanoseconds,
      user: Number(ticks["user"] ?? 0) * tickNanoseconds,
    },
    throttling: nonZero({
      periods: stat["nr_periods"],
      throttledPeriods: stat["nr_throttled"],
      throttledTime: stat["throttled_time"],
    }),
  };
}

function cpuset(state: CgroupState): CpusetStats {
  using files = open(state, "cpuset");
  const lists = {
    cpus: parseList(files.text("cpuset.cpus") ?? ""),
    mems: parseList(files.text("cpuset.mems") ?? ""),
  };
  const number = (name: string) => files.number(`cpuset.${name}`);
  return {
    ...(lists.cpus.length === 0 ? {} : { cpus: lists.cpus }),
    cpu_exclusive: number("cpu_exclusive"),
    ...(lists.mems.length === 0 ? {} : { mems: lists.mems }),
    mem_hardwall: number("mem_hardwall"),
    mem_exclusive: number("mem_exclusive"),
    memory_migrate: number("memory_migrate"),
    memory_spread_page: number("memory_spread_page"),
    memory_spread_slab: number("memory_spread_slab"),
    memory_pressure: number("memory_pressure"),
    sched_load_balance: number("sched_load_balance"),
    sched_relax_domain_level: number("sched_relax_domain_level"),
  };
}

function memory(state: CgroupState): Stats["memory"] {
  using files = open(state, "memory");
  const entry = (name: string) =>
    memoryEntry({
      limit: files.count(`${name}.limit_in_bytes`),
      usage: files.count(`${name}.usage_in_bytes`),
      max: files.count(`${name}.max_usage_in_bytes`),
      failcnt: files.count(`${name}.failcnt`),
    });
  const raw = files.counts("memory.stat");
  return {
    ...nonZero({ cache: raw["cache"] }),
    usage: entry("memory"),
    swap: entry("memory.memsw"),
    kernel: entry("memory.kmem"),
    kernelTCP: entry("memory.kmem.tcp"),
    ...(files.there ? { raw } : {}),
  };
}

function pids(state: CgroupState): Stats["pids"] {
  using files = open(state, "pids");
  const limit = files.text("pids.max");
  return nonZero({
    current: files.count("pids.current"),
    limit: limit === "max" ? 0 : parseCount(limit ?? "0"),
  });
}

/** runc's names, and the ends of the kernel's file names. */
const blkioFiles = [
  ["ioServiceBytesRecursive", "io_service_bytes"],
  ["ioServicedRecursive", "io_serviced"],
  ["ioQueueRecursive", "io_queued"],
  ["ioServiceTimeRecursive", "io_service_time"],
  ["ioWaitTimeRecursive", "io_wait_time"],
  ["ioMergedRecursive", "io_merged"],
  ["ioTimeRecursive", "time"],
  ["sectorsRecursive", "sectors"],
] as const;

function blkio(state: CgroupState): BlkioStats {
  using files = open(state, "blkio");
  const found: { -readonly [K in (typeof blkioFiles)[number][0]]?: BlkioEntry[] } = {};
  for (const [name, file] of blkioFiles) {
    // BFQ counts what passes its queues; the throttling counts all, and is there on every kernel.
    const candidates = [
      `blkio.bfq.${file}_recursive`,
      `blkio.${file}_recursive`,
      `blkio.throttle.${file}_recursive`,
    ];
    const lines =
      candidates.map((candidate) => files.lines(candidate)).find((lines) => lines.length > 1) ?? [];
    const entries = lines.flatMap(parseBlkioLine);
    if (entries.length > 0) found[name] = entries;
  }
  return found;
}

/** "8:0 Read 1024", "8:0 1024"; the total is no device's. */
export function parseBlkioLine(line: string): BlkioEntry[] {
  const found = /^(\d+):(\d+)(?: ([A-Za-z]+))? (\d+)$/.exec(line);
  if (found === null) return [];
  const [, major, minor, op, value = "0"] = found;
  const entry = nonZero({ major: Number(major), minor: Number(minor) });
  return [
    {
      ...(entry as { major?: number; minor?: number }),
      ...(op === undefined ? {} : { op }),
      ...nonZero({ value: parseCount(value) }),
    },
  ];
}

/** By page size; the controller is in the unified tree on some hosts. */
function hugetlb(state: CgroupState): Record<string, HugetlbStats> {
  const path = directoryOfController(state, "hugetlb");
  if (path === undefined) return hugetlbV2(unifiedDirectory(state));
  using files = new StatFiles(path);
  if (!files.there) return {};
  const sizes = listDirectory(path).flatMap(
    (name) => /^hugetlb\.([^.]+)\.limit_in_bytes$/.exec(name)?.[1] ?? [],
  );
  return Object.fromEntries(
    sizes.map((size): [string, HugetlbStats] => {
      const count = (name: string): Count | undefined => files.count(`hugetlb.${size}.${name}`);
      const used = nonZero({ usage: count("usage_in_bytes"), max: count("max_usage_in_bytes") });
      return [size, { ...used, failcnt: count("failcnt") ?? 0 }];
    }),
  );
}
