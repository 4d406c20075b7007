/** Points in time on the command line. */
import { CurruntError } from "../base/error.ts";
import { readDuration } from "./value.ts";

/** A date (RFC 3339, or without time or zone), seconds since 1970, or a duration before `now`; milliseconds since 1970. */
export function readTime(text: string, flag: string, now: number): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Math.floor(Number(text) * 1000);
  if (/^\d{4}-\d{2}-\d{2}(T[\d:.]+(Z|[-+]\d{2}:?\d{2})?)?$/.test(text)) {
    // Go's nanoseconds are more digits than Date reads; a day without a time is local midnight, as in docker.
    const date = Date.parse(text.includes("T") ? text.replace(/(\.\d{3})\d+/, "$1") : `${text}T00:00:00`);
    if (!Number.isNaN(date)) return date;
  }
  if (/^\d.*[a-z]$/.test(text)) return now - readDuration(text, flag);
  throw new CurruntError("invalid", `flag ${flag}: ${JSON.stringify(text)} is not a time`, {
    hint: "write 2026-01-31, 2026-01-31T12:00:00Z, seconds since 1970, or 10m for ten minutes ago",
  });
}
