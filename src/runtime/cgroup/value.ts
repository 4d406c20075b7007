/** Numbers of config.json as the kernel's files take them. */
import { CurruntError } from "../../base/error.ts";
import type { LinuxBlockIO } from "../spec.ts";

/** The largest that the files of the kernel read as a number (`man 2 strtoll`: 2^63 - 1). */
const largest = 0x7fff_ffff_ffff_ffffn;

/** A whole number in digits, also where JSON has rounded it beyond 2^53; what is too large becomes the largest. */
export function digits(value: number): string {
  const whole = BigInt(Math.trunc(value));
  return String(whole > largest ? largest : whole);
}

/** A limit in digits; `unlimited` for every negative number. */
export function limitText(value: number, unlimited: string): string {
  return value < 0 ? unlimited : digits(value);
}

/** "8:16". */
export function deviceName({ major, minor }: { readonly major: number; readonly minor: number }): string {
  return `${major}:${minor}`;
}

/** The four throttles of a device, by the word that both versions make their names from. */
export const throttles = [
  ["throttleReadBpsDevice", "rbps", "read_bps"],
  ["throttleWriteBpsDevice", "wbps", "write_bps"],
  ["throttleReadIOPSDevice", "riops", "read_iops"],
  ["throttleWriteIOPSDevice", "wiops", "write_iops"],
] as const satisfies readonly (readonly [keyof LinuxBlockIO, string, string])[];

/** "2MB", as the kernel names it in its files: refuses what could be another file. */
export function pageSizeName(pageSize: string): string {
  if (/^[1-9][0-9]*[KMG]B$/.test(pageSize)) return pageSize;
  throw new CurruntError(
    "invalid",
    `linux.resources.hugepageLimits: "${pageSize}" is no size of a huge page`,
    {
      hint: 'for example "2MB" or "1GB"',
    },
  );
}
