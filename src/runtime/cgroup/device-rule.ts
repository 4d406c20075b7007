/** Which devices the processes of a container may use: the rules of `linux.resources.devices`, and those that always hold. */
import { CurruntError } from "../../base/error.ts";
import type { LinuxDeviceCgroup } from "../spec.ts";

/** A rule in full. A number that is undefined stands for all. */
export interface DeviceRule {
  readonly allow: boolean;
  readonly type: "c" | "b";
  readonly major: number | undefined;
  readonly minor: number | undefined;
  /** Letters of "rwm": read, write, make. */
  readonly access: string;
}

/** Nodes of any kind may be made; used may be those that every container has, terminals, and /dev/net/tun. */
export const defaultRules: readonly DeviceRule[] = [
  allow("c", undefined, undefined, "m"),
  allow("b", undefined, undefined, "m"),
  // null, zero, full, random, urandom, tty, console, ptmx, ptys, tun (Documentation/admin-guide/devices.txt)
  ...[3, 5, 7, 8, 9].map((minor) => allow("c", 1, minor, "rwm")),
  ...[0, 2].map((minor) => allow("c", 5, minor, "rwm")),
  allow("c", 136, undefined, "rwm"),
  allow("c", 10, 200, "rwm"),
];

function allow(
  type: "c" | "b",
  major: number | undefined,
  minor: number | undefined,
  access: string,
): DeviceRule {
  return { allow: true, type, major, minor, access };
}

/** The spec's rules in full, in their order; a rule for all types becomes two. The default ones are not among them. */
export function rulesOf(devices: readonly LinuxDeviceCgroup[]): DeviceRule[] {
  return devices.flatMap(({ allow, type = "a", major = -1, minor = -1, access }, index): DeviceRule[] => {
    const letters = access === undefined || access === "" ? "rwm" : access;
    if (!/^[rwm]+$/.test(letters)) {
      throw new CurruntError(
        "invalid",
        `linux.resources.devices[${index}].access: ${JSON.stringify(access)} has other letters than r, w and m`,
      );
    }
    const types = type === "a" ? (["c", "b"] as const) : [type];
    return types.map((type) => ({
      allow,
      type,
      major: wildcard(major, `linux.resources.devices[${index}].major`),
      minor: wildcard(minor, `linux.resources.devices[${index}].minor`),
      access: letters,
    }));
  });
}

function wildcard(number: number, field: string): number | undefined {
  if (number === -1) return undefined;
  if (Number.isInteger(number) && number >= 0 && number <= 0xffff_ffff) return number;
  throw new CurruntError("invalid", `${field}: ${number} is no device number, nor -1 for all`);
}

/** True when the rules forbid nothing: then nothing is lost where they cannot be set. */
export function allowsEverything(devices: readonly LinuxDeviceCgroup[]): boolean {
  return devices.length > 0 && devices.every((device) => device.allow) && devices.some(isForAll);
}

function isForAll({ type = "a", major = -1, minor = -1, access }: LinuxDeviceCgroup): boolean {
  const letters = access === undefined || access === "" ? "rwm" : access;
  return (
    type === "a" && major === -1 && minor === -1 && [..."rwm"].every((letter) => letters.includes(letter))
  );
}

/** What is written to `devices.allow` and `devices.deny` of cgroup v1, in order: at first nothing is allowed. */
export function deviceLines(devices: readonly LinuxDeviceCgroup[]): { file: string; data: string }[] {
  const own = devices.flatMap((device, index) => {
    if (isForAll(device)) return [line(device.allow, "a")];
    const rules = rulesOf([device]);
    refuseHoles(devices.slice(0, index), device, index);
    return rules.map((rule) => line(rule.allow, ruleText(rule)));
  });
  const first = devices[0];
  const reset = first !== undefined && isForAll(first) ? [] : [line(false, "a")];
  return [...reset, ...own, ...defaultRules.map((rule) => line(true, ruleText(rule)))];
}

function line(allow: boolean, data: string): { file: string; data: string } {
  return { file: allow ? "devices.allow" : "devices.deny", data };
}

/** "c 1:3 rwm", "b 8:* r". */
export function ruleText({ type, major, minor, access }: DeviceRule): string {
  return `${type} ${major ?? "*"}:${minor ?? "*"} ${access}`;
}

/**
 * Version 1 keeps a list of exceptions, and a rule that takes a part out of one changes nothing there, silently
 * (security/device_cgroup.c, dev_exception_rm): a container would have more than its spec says.
 */
function refuseHoles(before: readonly LinuxDeviceCgroup[], device: LinuxDeviceCgroup, index: number): void {
  if (device.allow) return;
  const reset = before.findLastIndex(isForAll);
  const exceptions = rulesOf(before.slice(reset + 1)).filter((rule) => rule.allow);
  for (const rule of rulesOf([device])) {
    const cut = exceptions.find((exception) => holds(exception, rule) && !sameDevices(exception, rule));
    if (cut === undefined || before[reset]?.allow === true) continue;
    throw new CurruntError(
      "unsupported",
      `linux.resources.devices[${index}]: cgroup v1 cannot take "${ruleText(rule)}" out of "${ruleText(cut)}"`,
      { hint: "allow the devices one by one instead" },
    );
  }
}

function holds(exception: DeviceRule, rule: DeviceRule): boolean {
  return (
    exception.type === rule.type &&
    (exception.major === undefined || exception.major === rule.major) &&
    (exception.minor === undefined || exception.minor === rule.minor) &&
    [...rule.access].some((letter) => exception.access.includes(letter))
  );
}

function sameDevices(one: DeviceRule, other: DeviceRule): boolean {
  return one.major === other.major && one.minor === other.minor;
}
