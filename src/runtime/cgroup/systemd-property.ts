/** `linux.resources` as properties of a systemd unit (`man 5 systemd.resource-control`). Pure. */
import { CurruntError } from "../../base/error.ts";
import type { Variant } from "../../sys/dbus-value.ts";
import { variant } from "../../sys/dbus-value.ts";
import type { LinuxDeviceCgroup, LinuxResources } from "../spec.ts";
import { defaultRules, rulesOf } from "./device-rule.ts";
import { ioWeight, swapMax, weightOf } from "./settings-v2.ts";
import { parseList } from "./stats-file.ts";

export type Property = readonly [name: string, value: Variant];

/** systemd's word for no limit. */
const infinity = 0xffff_ffff_ffff_ffffn;

const u64 = (value: number | bigint) => variant("t", value < 0 ? infinity : BigInt(value));

/** Limits. systemd would write its own values over what it does not know of: whatever it has a property for is told. */
export function limitProperties(resources: LinuxResources, version: 1 | 2): Property[] {
  const { memory, cpu = {}, pids, blockIO } = resources;
  return [
    ...(version === 2 ? memoryV2(memory) : memoryV1(memory)),
    ...cpuProperties(cpu, version),
    ...(cpu.cpus ? [["AllowedCPUs", bits(cpu.cpus, "cpu.cpus")] as const] : []),
    ...(cpu.mems ? [["AllowedMemoryNodes", bits(cpu.mems, "cpu.mems")] as const] : []),
    // systemd refuses 0.
    ...(pids?.limit === undefined ? [] : [["TasksMax", u64(pids.limit === 0 ? 1 : pids.limit)] as const]),
    ...(blockIO?.weight ? [weightProperty(blockIO.weight, version)] : []),
    ...(version === 2 ? unifiedProperties(resources.unified ?? {}) : []),
  ];
}

function memoryV1(memory: LinuxResources["memory"]): Property[] {
  return memory?.limit ? [["MemoryLimit", u64(memory.limit)]] : [];
}

function memoryV2(memory: LinuxResources["memory"] = {}): Property[] {
  const swap = swapMax(memory);
  return [
    ...(memory.limit ? [["MemoryMax", u64(memory.limit)] as const] : []),
    ...(memory.reservation ? [["MemoryLow", u64(memory.reservation)] as const] : []),
    ...(swap === undefined ? [] : [["MemorySwapMax", byteLimit(swap)] as const]),
  ];
}

function byteLimit(text: string): Variant {
  return variant("t", text === "max" ? infinity : BigInt(text));
}

function cpuProperties(
  { shares, quota, period, idle }: NonNullable<LinuxResources["cpu"]>,
  version: 1 | 2,
): Property[] {
  const weight: Property[] =
    !shares || idle === 1
      ? []
      : [version === 2 ? ["CPUWeight", u64(weightOf(shares))] : ["CPUShares", u64(shares)]];
  const times: Property[] = period ? [["CPUQuotaPeriodUSec", u64(period)]] : [];
  const rate =
    quota === undefined || quota === 0
      ? []
      : [["CPUQuotaPerSecUSec", u64(quotaPerSecond(quota, period))] as const];
  return [...weight, ...times, ...rate];
}

/** Microseconds a second, in whole percents as systemd has them, rounded up; negative: no limit. */
export function quotaPerSecond(quota: number, period = 0): number {
  if (quota < 0) return -1;
  return Math.ceil((quota * 1_000_000) / (period === 0 ? 100_000 : period) / 10_000) * 10_000;
}

/** The resources with the quota that systemd makes of theirs: both must write the same, or the first reload changes it. */
export function roundQuota(resources: LinuxResources): LinuxResources {
  const { cpu } = resources;
  if (cpu?.quota === undefined || cpu.quota <= 0) return resources;
  const quota = Math.floor((quotaPerSecond(cpu.quota, cpu.period) * (cpu.period || 100_000)) / 1_000_000);
  return { ...resources, cpu: { ...cpu, quota } };
}

function weightProperty(weight: number, version: 1 | 2): Property {
  return version === 2 ? ["IOWeight", u64(ioWeight(weight))] : ["BlockIOWeight", u64(weight)];
}

/** A list "0-3,7" as bits, the first byte first. */
function bits(list: string, field: string): Variant {
  const numbers = parseList(list);
  if (!/^[0-9,\s-]+$/.test(list) || numbers.some((number) => !(number >= 0 && number < 8192))) {
    throw new CurruntError("invalid", `linux.resources.${field}: ${JSON.stringify(list)} is no list`, {
      hint: 'for example "0-3,7"',
    });
  }
  const bytes = new Uint8Array(Math.floor(Math.max(0, ...numbers) / 8) + 1);
  for (const number of numbers) bytes[number >> 3] = (bytes[number >> 3] ?? 0) | (1 << (number & 7));
  return variant("ay", [...bytes]);
}

/** Files of version 2 that systemd writes, and the properties that it writes them from. */
const unifiedNames: Readonly<Record<string, readonly [property: string, kind: "limit" | "list"]>> = {
  "memory.min": ["MemoryMin", "limit"],
  "memory.low": ["MemoryLow", "limit"],
  "memory.high": ["MemoryHigh", "limit"],
  "memory.max": ["MemoryMax", "limit"],
  "memory.swap.max": ["MemorySwapMax", "limit"],
  "pids.max": ["TasksMax", "limit"],
  "cpu.weight": ["CPUWeight", "limit"],
  "cpuset.cpus": ["AllowedCPUs", "list"],
  "cpuset.mems": ["AllowedMemoryNodes", "list"],
};

function unifiedProperties(files: Readonly<Record<string, string>>): Property[] {
  return Object.entries(files).flatMap(([file, text]): Property[] => {
    const [name, kind] = unifiedNames[file] ?? [];
    const value = text.trim();
    if (name === undefined) return [];
    if (kind === "list") return [[name, bits(value, `unified["${file}"]`)]];
    return /^(max|\d+)$/.test(value) ? [[name, byteLimit(value)]] : [];
  });
}

/**
 * Device rules, where systemd can say them: all is denied, then some are allowed. Others are left to our own program
 * alone. The order matters: an entry before the policy makes systemd ask for a reload.
 */
export function deviceProperties(devices: readonly LinuxDeviceCgroup[], names: DeviceNames): Property[] {
  const rules = rulesOf(devices);
  const firstAllowed = rules.findIndex(({ allow }) => allow);
  const allowed = firstAllowed === -1 ? [] : rules.slice(firstAllowed);
  if (allowed.some(({ allow }) => !allow)) return [["DevicePolicy", variant("s", "auto")]];
  const entries = [...allowed, ...defaultRules].flatMap(({ type, major, minor, access }) => {
    const kind = type === "c" ? "char" : "block";
    if (major !== undefined && minor !== undefined) return [[`/dev/${kind}/${major}:${minor}`, access]];
    if (minor !== undefined) return [];
    const group = major === undefined ? "*" : names[type].get(major);
    return group === undefined ? [] : [[`${kind}-${group}`, access]];
  });
  return [
    ["DeviceAllow", variant("a(ss)", [])],
    ["DevicePolicy", variant("s", "strict")],
    ["DeviceAllow", variant("a(ss)", entries)],
  ];
}

/** Names of major numbers, as /proc/devices has them. */
export interface DeviceNames {
  readonly c: ReadonlyMap<number, string>;
  readonly b: ReadonlyMap<number, string>;
}

/** Reads the text of /proc/devices. */
export function parseDeviceNames(text: string): DeviceNames {
  const [characters = "", blocks = ""] = text.split("Block devices:");
  const read = (part: string) =>
    new Map(
      [...part.matchAll(/^\s*(\d+) (\S+)$/gm)].map(([, major, name]): [number, string] => [
        Number(major),
        name ?? "",
      ]),
    );
  return { c: read(characters), b: read(blocks) };
}

/** What annotations may set: nothing that makes systemd run or stop anything else (CVE-2024-3154). */
const settable = new Set(
  (
    "CollectMode Description Documentation KillMode KillSignal SendSIGHUP SendSIGKILL FinalKillSignal OOMPolicy " +
    "TimeoutStopUSec RuntimeMaxUSec ManagedOOMSwap ManagedOOMMemoryPressure ManagedOOMMemoryPressureLimit ManagedOOMPreference " +
    "MemoryMin MemoryLow MemoryHigh MemoryMax MemorySwapMax MemoryZSwapMax CPUWeight StartupCPUWeight IOWeight StartupIOWeight " +
    "TasksMax AllowedCPUs AllowedMemoryNodes IPAccounting DefaultMemoryLow DefaultMemoryMin"
  ).split(" "),
);

/** Properties of annotations `org.systemd.property.NAME`: values as `man 1 busctl` users know them from GVariant's text. */
export function annotatedProperties(annotations: Readonly<Record<string, string>>): Property[] {
  const prefix = "org.systemd.property.";
  return Object.entries(annotations).flatMap(([key, text]): Property[] => {
    if (!key.startsWith(prefix)) return [];
    const written = key.slice(prefix.length);
    // "TimeoutStopSec", in seconds, is a setting's name; the property is in microseconds.
    const inSeconds = /[a-z]Sec$/.test(written);
    const name = inSeconds ? written.replace(/Sec$/, "USec") : written;
    if (!settable.has(name)) {
      throw new CurruntError("invalid", `annotations: "${key}" may not be set by a container`, {
        hint: `what may be: ${[...settable].slice(0, 6).join(", ")} …`,
      });
    }
    const value = parseValue(key, text);
    return [[name, inSeconds ? variant("t", BigInt(Math.round(Number(value.value) * 1e6))) : value]];
  });
}

function parseValue(key: string, text: string): Variant {
  const trimmed = text.trim();
  const quoted = /^(['"])(.*)\1$/s.exec(trimmed)?.[2];
  if (quoted !== undefined) return variant("s", quoted);
  if (trimmed === "true" || trimmed === "false") return variant("b", trimmed === "true");
  const [, type = "int32", digits] =
    /^(?:(byte|int16|uint16|int32|uint32|int64|uint64|double) )?(-?[0-9.]+)$/.exec(trimmed) ?? [];
  const codes: Readonly<Record<string, string>> = {
    byte: "y",
    int16: "n",
    uint16: "q",
    int32: "i",
    uint32: "u",
    int64: "x",
    uint64: "t",
    double: "d",
  };
  const code = codes[type];
  if (digits === undefined || code === undefined) {
    throw new CurruntError("invalid", `annotations: ${JSON.stringify(text)} is no value for "${key}"`, {
      hint: "texts in quotes, true or false, or a number, perhaps with its type: uint64 5",
    });
  }
  return variant(code, "xt".includes(code) ? BigInt(digits) : Number(digits));
}
