/** What a container uses, in the shape that `runc events --stats` gives it. */
import type { CgroupState } from "./state.ts";

/** A count of 64 bits: a bigint where a number would round it. */
export type Count = number | bigint;

/** Shares of time in percent, over 10, 60 and 300 seconds, and microseconds in all, in which something had to wait. */
export interface Pressure {
  readonly avg10: number;
  readonly avg60: number;
  readonly avg300: number;
  readonly total: Count;
}

/** For what at least some processes waited, and for what all of them did. */
export interface PressureStats {
  readonly some?: Pressure;
  readonly full?: Pressure;
}

/** Bytes. */
export interface MemoryEntry {
  readonly limit: Count;
  readonly usage?: Count;
  readonly max?: Count;
  readonly failcnt: Count;
}

export interface BlkioEntry {
  readonly major?: number;
  readonly minor?: number;
  /** "Read". */
  readonly op?: string;
  readonly value?: Count;
}

/** The `data` of an event of type "stats". Zeroes are left out where runc leaves them out. Times are nanoseconds. */
export interface Stats {
  readonly cpu: {
    readonly usage: {
      readonly total?: Count;
      readonly percpu?: readonly Count[];
      readonly percpu_kernel?: readonly Count[];
      readonly percpu_user?: readonly Count[];
      readonly kernel: Count;
      readonly user: Count;
    };
    readonly throttling: {
      readonly periods?: Count;
      readonly throttledPeriods?: Count;
      readonly throttledTime?: Count;
    };
    readonly psi?: PressureStats;
  };
  readonly cpuset: CpusetStats;
  readonly memory: {
    readonly cache?: Count;
    readonly usage: MemoryEntry;
    readonly swap: MemoryEntry;
    readonly kernel: MemoryEntry;
    readonly kernelTCP: MemoryEntry;
    readonly raw?: Readonly<Record<string, Count>>;
    readonly psi?: PressureStats;
  };
  readonly pids: { readonly current?: Count; readonly limit?: Count };
  readonly blkio: BlkioStats;
  readonly hugetlb: Readonly<Record<string, HugetlbStats>>;
  readonly intel_rdt: Readonly<Record<string, never>>;
  readonly network_interfaces: null;
}

export interface HugetlbStats {
  readonly usage?: Count;
  readonly max?: Count;
  readonly failcnt: Count;
}

export interface CpusetStats {
  readonly cpus?: readonly number[];
  readonly cpu_exclusive: number;
  readonly mems?: readonly number[];
  readonly mem_hardwall: number;
  readonly mem_exclusive: number;
  readonly memory_migrate: number;
  readonly memory_spread_page: number;
  readonly memory_spread_slab: number;
  readonly memory_pressure: number;
  readonly sched_load_balance: number;
  readonly sched_relax_domain_level: number;
}

export interface BlkioStats {
  readonly ioServiceBytesRecursive?: readonly BlkioEntry[];
  readonly ioServicedRecursive?: readonly BlkioEntry[];
  readonly ioQueueRecursive?: readonly BlkioEntry[];
  readonly ioServiceTimeRecursive?: readonly BlkioEntry[];
  readonly ioWaitTimeRecursive?: readonly BlkioEntry[];
  readonly ioMergedRecursive?: readonly BlkioEntry[];
  readonly ioTimeRecursive?: readonly BlkioEntry[];
  readonly sectorsRecursive?: readonly BlkioEntry[];
  readonly psi?: PressureStats;
}

/** Reads them as they are now. */
export async function readStats(state: CgroupState): Promise<Stats> {
  if (state.version === 2) return (await import("./stats-v2.ts")).readStatsV2(state);
  return (await import("./stats-v1.ts")).readStatsV1(state);
}

declare global {
  interface JSON {
    /** A piece of JSON that is taken over as it is (ECMAScript, "JSON.parse source text access"). */
    rawJSON(text: string): object;
  }
}

/** As JSON on one line: numbers of 64 bits in full, which JSON.stringify knows nothing of. */
export function statsJson(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) =>
    typeof member === "bigint" ? JSON.rawJSON(String(member)) : member,
  );
}
