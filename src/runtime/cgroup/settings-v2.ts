/** `linux.resources` as settings of cgroup v2, converted from the numbers of version 1 that it is written in. Pure. */
import { CurruntError } from "../../base/error.ts";
import type { LinuxBlockIO, LinuxResources } from "../spec.ts";
import { pidsText, rdmaSettings } from "./settings-v1.ts";
import { deviceName, digits, limitText, pageSizeName, throttles } from "./value.ts";
import type { Write } from "./write.ts";

/** All but devices, which a program decides (`device-program.ts`). */
export function settingsV2(resources: LinuxResources): Write[] {
  const { cpu = {}, network } = resources;
  if (network?.classID || (network?.priorities ?? []).length > 0) {
    throw new CurruntError("unsupported", "linux.resources.network: cgroup v2 has no network classes", {
      hint: "leave it out, or start the host with cgroup v1",
    });
  }
  return [
    ...setting("cpuset", "cpu.cpus", ["cpuset.cpus", cpu.cpus || undefined]),
    ...setting("cpuset", "cpu.mems", ["cpuset.mems", cpu.mems || undefined]),
    ...memory(resources.memory),
    ...cpuSettings(cpu),
    ...setting("pids", "pids.limit", ["pids.max", text(resources.pids?.limit, pidsText)]),
    ...io(resources.blockIO ?? {}),
    ...hugetlb(resources.hugepageLimits ?? []),
    ...rdmaSettings(resources.rdma ?? {}),
    ...unified(resources.unified ?? {}),
  ];
}

function setting(
  controller: string,
  field: string,
  [file, data]: readonly [file: string, data: string | undefined],
  more: Partial<Write> = {},
): Write[] {
  return data === undefined ? [] : [{ controller, file, data, field, ...more }];
}

function text(value: number | undefined, convert: (value: number) => string): string | undefined {
  return value === undefined ? undefined : convert(value);
}

const max = (value: number) => limitText(value, "max");

/** Swap first: from its limit on memory can go there. */
function memory(memory: LinuxResources["memory"] = {}): Write[] {
  const { limit, reservation, disableOOMKiller, swappiness } = memory;
  const swap = swapMax(memory);
  if (disableOOMKiller === true || swappiness !== undefined) {
    const field = disableOOMKiller === true ? "disableOOMKiller" : "swappiness";
    throw new CurruntError("unsupported", `linux.resources.memory.${field}: cgroup v2 has no such setting`);
  }
  return [
    ...setting("memory", "memory.swap", ["memory.swap.max", swap], {
      // A kernel without swap accounting limits no swap: that is what these two ask for.
      skipMissing: swap === "max" || swap === "0",
    }),
    ...setting("memory", "memory.limit", ["memory.max", text(limit || undefined, max)]),
    ...setting("memory", "memory.reservation", ["memory.low", text(reservation || undefined, max)]),
  ];
}

/** Version 1 limits memory and swap together, version 2 swap alone. Undefined: nothing is asked for. */
export function swapMax({ limit = 0, swap = 0 }: { limit?: number; swap?: number }): string | undefined {
  if (limit < 0 && swap === 0) return "max";
  if (swap < 0) return "max";
  if (swap === 0) return undefined;
  if (limit === 0) {
    throw new CurruntError(
      "invalid",
      `linux.resources.memory.swap: ${swap} counts memory and swap together`,
      {
        hint: "set memory.limit too",
      },
    );
  }
  if (limit < 0) return "max";
  if (swap < limit) {
    throw new CurruntError(
      "invalid",
      `linux.resources.memory.swap: ${swap} is less than memory.limit, ${limit}`,
      {
        hint: "it counts memory and swap together",
      },
    );
  }
  return digits(swap - limit);
}

/** An idle cgroup has no weight (Documentation/admin-guide/cgroup-v2.rst, cpu.idle). */
function cpuSettings(cpu: NonNullable<LinuxResources["cpu"]>): Write[] {
  const { shares, quota, period, burst, idle } = cpu;
  if (cpu.realtimeRuntime || cpu.realtimePeriod) {
    throw new CurruntError(
      "unsupported",
      "linux.resources.cpu.realtimeRuntime: cgroup v2 has no such setting",
      {
        hint: "the kernel lets realtime processes share the whole machine's time",
      },
    );
  }
  const weight = shares === undefined || shares === 0 || idle === 1 ? undefined : String(weightOf(shares));
  return [
    ...setting("cpu", "cpu.idle", ["cpu.idle", text(idle, digits)]),
    ...setting("cpu", "cpu.shares", ["cpu.weight", weight]),
    ...setting("cpu", "cpu.quota", ["cpu.max", cpuMax({ quota, period })], {
      afterNext: burst !== undefined,
    }),
    ...setting("cpu", "cpu.burst", ["cpu.max.burst", text(burst, digits)]),
  ];
}

/** "quota period", each in microseconds; a quota alone leaves the period as it is. */
export function cpuMax({
  quota = 0,
  period = 0,
}: {
  readonly quota?: number | undefined;
  readonly period?: number | undefined;
}): string | undefined {
  if (quota === 0 && period === 0) return undefined;
  const first = quota > 0 ? digits(quota) : "max";
  return period === 0 ? first : `${first} ${digits(period)}`;
}

/**
 * Shares of version 1 (2 to 262144, 1024 by default) as a weight of version 2 (1 to 10000, 100 by default): the curve
 * through these three pairs that the field's runtimes agree on, log10(weight) = (l² + 125 l) / 612 - 7/34, l = log2(shares).
 */
export function weightOf(shares: number): number {
  if (shares <= 2) return 1;
  if (shares >= 262144) return 10000;
  const l = Math.log2(shares);
  return Math.ceil(10 ** ((l * l + 125 * l) / 612 - 7 / 34));
}

/** BFQ's file takes the number as it is; the one of io.cost has another range: 10 to 1000 becomes 1 to 10000. */
function io(io: LinuxBlockIO): Write[] {
  const { weight, weightDevice = [] } = io;
  if (io.leafWeight || weightDevice.some(({ leafWeight }) => leafWeight)) {
    throw new CurruntError(
      "unsupported",
      "linux.resources.blockIO.leafWeight: cgroup v2 has no such setting",
    );
  }
  return [
    ...(weight === undefined || weight === 0
      ? []
      : setting("io", "blockIO.weight", ["io.bfq.weight", String(weight)], {
          instead: { file: "io.weight", data: String(ioWeight(weight)) },
        })),
    ...weightDevice.flatMap((device) =>
      device.weight === undefined
        ? []
        : setting("io", "blockIO.weightDevice", ["io.bfq.weight", `${deviceName(device)} ${device.weight}`], {
            instead: { file: "io.weight", data: `${deviceName(device)} ${ioWeight(device.weight)}` },
          }),
    ),
    ...throttles.flatMap(([field, key]) =>
      (io[field] ?? []).flatMap((device) => {
        // Version 1 takes 0 for no limit.
        const rate = device.rate === 0 ? "max" : digits(device.rate);
        return setting("io", `blockIO.${field}`, ["io.max", `${deviceName(device)} ${key}=${rate}`]);
      }),
    ),
  ];
}

/** A weight of BFQ, 10 to 1000, as one of io.weight, 1 to 10000. */
export function ioWeight(weight: number): number {
  return 1 + Math.floor(((weight - 10) * 9999) / 990);
}

function hugetlb(limits: NonNullable<LinuxResources["hugepageLimits"]>): Write[] {
  return limits.flatMap(({ pageSize, limit }) => {
    const name = pageSizeName(pageSize);
    const data = digits(limit);
    return [
      ...setting("hugetlb", "hugepageLimits", [`hugetlb.${name}.max`, data]),
      ...setting("hugetlb", "hugepageLimits", [`hugetlb.${name}.rsvd.max`, data], { skipMissing: true }),
    ];
  });
}

/** Files by name, which the spec lets a caller write itself: last, so that they win. A line at a time: files take no more. */
function unified(files: Readonly<Record<string, string>>): Write[] {
  return Object.entries(files).flatMap(([file, value]) => {
    const controller = /^([a-z_]+)\.[^/]+$/.exec(file)?.[1];
    if (controller === undefined) {
      throw new CurruntError(
        "invalid",
        `linux.resources.unified: ${JSON.stringify(file)} is no file of a cgroup`,
        {
          hint: 'keys are like "memory.high"',
        },
      );
    }
    const lines = value.split("\n").filter((line) => line !== "");
    return lines.flatMap((line) => setting(controller, `unified["${file}"]`, [file, line]));
  });
}
