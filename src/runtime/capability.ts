/** Capabilities: names, bits, masks, docker's default set, and what `-cap-add` and `-cap-drop` make of it. */
import { CurruntError } from "../base/error.ts";

/** Names in the order of their bits, from 0 (`linux/capability.h`). */
export const capabilityNames = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_DAC_READ_SEARCH",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETPCAP",
  "CAP_LINUX_IMMUTABLE",
  "CAP_NET_BIND_SERVICE",
  "CAP_NET_BROADCAST",
  "CAP_NET_ADMIN",
  "CAP_NET_RAW",
  "CAP_IPC_LOCK",
  "CAP_IPC_OWNER",
  "CAP_SYS_MODULE",
  "CAP_SYS_RAWIO",
  "CAP_SYS_CHROOT",
  "CAP_SYS_PTRACE",
  "CAP_SYS_PACCT",
  "CAP_SYS_ADMIN",
  "CAP_SYS_BOOT",
  "CAP_SYS_NICE",
  "CAP_SYS_RESOURCE",
  "CAP_SYS_TIME",
  "CAP_SYS_TTY_CONFIG",
  "CAP_MKNOD",
  "CAP_LEASE",
  "CAP_AUDIT_WRITE",
  "CAP_AUDIT_CONTROL",
  "CAP_SETFCAP",
  "CAP_MAC_OVERRIDE",
  "CAP_MAC_ADMIN",
  "CAP_SYSLOG",
  "CAP_WAKE_ALARM",
  "CAP_BLOCK_SUSPEND",
  "CAP_AUDIT_READ",
  "CAP_PERFMON",
  "CAP_BPF",
  "CAP_CHECKPOINT_RESTORE",
] as const;

/** What docker gives a container that asks for nothing, by bit. */
export const defaultCapabilities: readonly string[] = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETPCAP",
  "CAP_NET_BIND_SERVICE",
  "CAP_NET_RAW",
  "CAP_SYS_CHROOT",
  "CAP_MKNOD",
  "CAP_AUDIT_WRITE",
  "CAP_SETFCAP",
];

const bits = new Map<string, bigint>(capabilityNames.map((name, bit) => [name, BigInt(bit)]));

/** True for the exact name of a capability, as config.json has it. */
export function isCapability(name: string): boolean {
  return bits.has(name);
}

/** The set of the named capabilities, bit n for capability n. Refuses a name that is none. */
export function capabilityMask(names: readonly string[]): bigint {
  let mask = 0n;
  for (const name of names) {
    const bit = bits.get(name);
    if (bit === undefined) throw unknownCapability(name);
    mask |= 1n << bit;
  }
  return mask;
}

/** The names in a set, by bit. Bits that have no name are left out. */
export function namesOfMask(mask: bigint): string[] {
  return capabilityNames.filter((_, bit) => (mask >> BigInt(bit)) & 1n);
}

/** "net_admin", "NET_ADMIN" or "CAP_NET_ADMIN" as `CAP_NET_ADMIN`; "all" as `ALL`. */
export function parseCapability(text: string): string {
  const upper = text.trim().toUpperCase();
  if (upper === "ALL" || upper === "CAP_ALL") return "ALL";
  const name = upper.startsWith("CAP_") ? upper : `CAP_${upper}`;
  if (!isCapability(name)) throw unknownCapability(text);
  return name;
}

/**
 * The capabilities of a container, by docker's rules: adding ALL takes all but the dropped; dropping ALL leaves the
 * added; else the default set without the dropped and with the added.
 */
export function adjustCapabilities({
  add,
  drop,
  from = defaultCapabilities,
}: {
  add: readonly string[];
  drop: readonly string[];
  from?: readonly string[];
}): string[] {
  const [added, dropped] = [add.map(parseCapability), drop.map(parseCapability)];
  if (added.includes("ALL")) return capabilityNames.filter((name) => !dropped.includes(name));
  const kept = dropped.includes("ALL") ? [] : from.filter((name) => !dropped.includes(name));
  return namesOfMask(capabilityMask([...kept, ...added]));
}

function unknownCapability(name: string): CurruntError {
  return new CurruntError("invalid", `read capability ${JSON.stringify(name)}: there is none of this name`, {
    hint: "names are those of capabilities(7), with or without CAP_, or ALL",
  });
}
