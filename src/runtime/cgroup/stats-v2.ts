/** Statistics of a container on cgroup v2, in the words of version 1 that their readers know. */
import { listDirectory } from "../../sys/directory.ts";
import type { CgroupState } from "./state.ts";
import { unifiedDirectory } from "./state.ts";
import type {
  BlkioEntry,
  BlkioStats,
  Count,
  CpusetStats,
  HugetlbStats,
  PressureStats,
  Stats,
} from "./stats.ts";
import { memoryEntry, nonZero, parseCount, parseList, StatFiles, unlimited } from "./stats-file.ts";

/** Reads them as they are now. */
export function readStatsV2(state: CgroupState): Stats {
  const path = unifiedDirectory(state);
  using files = new StatFiles(path);
  return {
    cpu: cpu(files),
    cpuset: cpuset(files),
    memory: memory(files),
    pids: pids(files),
    blkio: blkio(files),
    hugetlb: hugetlbV2(path),
    intel_rdt: {},
    network_interfaces: null,
  };
}

function pressure(files: StatFiles, name: string): { psi?: PressureStats } {
  const psi = files.pressure(name);
  return psi === undefined || (psi.some === undefined && psi.full === undefined) ? {} : { psi };
}

/** Microseconds as nanoseconds. */
function nanoseconds(microseconds: Count | undefined): Count {
  const product = BigInt(microseconds ?? 0) * 1000n;
  return product <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(product) : product;
}

function cpu(files: StatFiles): Stats["cpu"] {
  const stat = files.counts("cpu.stat");
  return {
    usage: {
      ...nonZero({ total: nanoseconds(stat["usage_usec"]) }),
      kernel: nanoseconds(stat["system_usec"]),
      user: nanoseconds(stat["user_usec"]),
    },
    throttling: nonZero({
      periods: stat["nr_periods"],
      throttledPeriods: stat["nr_throttled"],
      throttledTime: nanoseconds(stat["throttled_usec"]),
    }),
    ...pressure(files, "cpu.pressure"),
  };
}

/** Version 2 has the two lists alone; the flags of version 1 are zero, as runc gives them. */
function cpuset(files: StatFiles): CpusetStats {
  const lists = {
    cpus: parseList(files.text("cpuset.cpus") ?? ""),
    mems: parseList(files.text("cpuset.mems") ?? ""),
  };
  return {
    ...(lists.cpus.length === 0 ? {} : { cpus: lists.cpus }),
    cpu_exclusive: 0,
    ...(lists.mems.length === 0 ? {} : { mems: lists.mems }),
    mem_hardwall: 0,
    mem_exclusive: 0,
    memory_migrate: 0,
    memory_spread_page: 0,
    memory_spread_slab: 0,
    memory_pressure: 0,
    sched_load_balance: 0,
    sched_relax_domain_level: 0,
  };
}

/** Version 1 counts memory and swap together, so do its readers. */
function memory(files: StatFiles): Stats["memory"] {
  const raw = files.counts("memory.stat");
  const events = files.counts("memory.events");
  const swapEvents = files.counts("memory.swap.events");
  const usage = memoryEntry({
    limit: files.count("memory.max"),
    usage: files.count("memory.current"),
    max: files.count("memory.peak"),
    failcnt: events["max"],
  });
  const swap = memoryEntry({
    limit: sum(files.count("memory.swap.max"), files.count("memory.max")),
    usage: sum(files.count("memory.swap.current"), files.count("memory.current")),
    failcnt: swapEvents["fail"],
  });
  return {
    ...nonZero({ cache: raw["file"] }),
    usage,
    swap,
    kernel: memoryEntry({}),
    kernelTCP: memoryEntry({}),
    ...(files.text("memory.stat") === undefined ? {} : { raw }),
    ...pressure(files, "memory.pressure"),
  };
}

/** What is added to no limit is no limit. */
function sum(one: Count | undefined, other: Count | undefined): Count | undefined {
  if (one === undefined) return other;
  const total = BigInt(one) + BigInt(other ?? 0);
  if (total >= unlimited) return unlimited;
  return total <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(total) : total;
}

function pids(files: StatFiles): Stats["pids"] {
  const limit = files.text("pids.max");
  return nonZero({
    current: files.count("pids.current"),
    limit: limit === "max" ? 0 : parseCount(limit ?? "0"),
  });
}

/** `io.stat`'s keys as the operations of version 1. */
const operations: Readonly<
  Record<string, readonly ["ioServiceBytesRecursive" | "ioServicedRecursive", string]>
> = {
  rbytes: ["ioServiceBytesRecursive", "Read"],
  wbytes: ["ioServiceBytesRecursive", "Write"],
  dbytes: ["ioServiceBytesRecursive", "Discard"],
  rios: ["ioServicedRecursive", "Read"],
  wios: ["ioServicedRecursive", "Write"],
  dios: ["ioServicedRecursive", "Discard"],
};

function blkio(files: StatFiles): BlkioStats {
  const entries = files.lines("io.stat").flatMap(parseIoLine);
  const of = (name: string) => entries.filter(([list]) => list === name).map(([, entry]) => entry);
  const [bytes, serviced] = [of("ioServiceBytesRecursive"), of("ioServicedRecursive")];
  return {
    ...(bytes.length === 0 ? {} : { ioServiceBytesRecursive: bytes }),
    ...(serviced.length === 0 ? {} : { ioServicedRecursive: serviced }),
    ...pressure(files, "io.pressure"),
  };
}

/** "8:16 rbytes=1459200 wbytes=314773504 rios=192 wios=353 dbytes=0 dios=0". */
export function parseIoLine(line: string): [list: string, entry: BlkioEntry][] {
  const [device = "", ...pairs] = line.split(" ");
  const [major, minor] = device.split(":").map(Number);
  return pairs.flatMap((pair): [string, BlkioEntry][] => {
    const [key = "", value = "0"] = pair.split("=");
    const found = operations[key];
    if (found === undefined) return [];
    const [list, op] = found;
    const numbers = { ...(major ? { major } : {}), ...(minor ? { minor } : {}) };
    return [[list, { ...numbers, op, ...nonZero({ value: parseCount(value) }) }]];
  });
}

/** By page size, of the unified cgroup at `path`. */
export function hugetlbV2(path: string | undefined): Record<string, HugetlbStats> {
  using files = new StatFiles(path);
  if (path === undefined || !files.there) return {};
  const sizes = listDirectory(path).flatMap((name) => /^hugetlb\.([^.]+)\.current$/.exec(name)?.[1] ?? []);
  return Object.fromEntries(
    sizes.map((size): [string, HugetlbStats] => {
      const events = files.counts(`hugetlb.${size}.events`);
      return [
        size,
        { ...nonZero({ usage: files.count(`hugetlb.${size}.current`) }), failcnt: events["max"] ?? 0 },
      ];
    }),
  );
}
