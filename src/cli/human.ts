/** Times and sizes in words for people, as docker's tables have them. */

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** "3 minutes", "About an hour": one unit, rounded down. */
export function humanDuration(milliseconds: number): string {
  if (milliseconds < second) return "Less than a second";
  if (milliseconds < 2 * second) return "1 second";
  if (milliseconds < minute) return `${Math.floor(milliseconds / second)} seconds`;
  if (milliseconds < 2 * minute) return "About a minute";
  if (milliseconds < hour) return `${Math.floor(milliseconds / minute)} minutes`;
  if (milliseconds < 2 * hour) return "About an hour";
  if (milliseconds < 2 * day) return `${Math.floor(milliseconds / hour)} hours`;
  if (milliseconds < 14 * day) return `${Math.floor(milliseconds / day)} days`;
  if (milliseconds < 60 * day) return `${Math.floor(milliseconds / day / 7)} weeks`;
  if (milliseconds < 730 * day) return `${Math.floor(milliseconds / day / 30)} months`;
  return `${Math.floor(milliseconds / day / 365)} years`;
}

/** "3 minutes ago". */
export function ago(time: number, now: number): string {
  return `${humanDuration(Math.max(0, now - time))} ago`;
}

/** "240 MB": three digits, powers of 1000. */
export function humanSize(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${units[unit]}`;
}

/** The first `length` characters, the last of them an ellipsis when some are missing. */
export function truncate(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}

/** The twelve digits that tables show of an ID or digest. */
export function shortId(id: string): string {
  return id.replace(/^[a-z0-9]+:/, "").slice(0, 12);
}
