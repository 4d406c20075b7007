/** Where a redirect may lead. */
import { CurruntError } from "../base/error.ts";
import { isLoopback } from "./address.ts";
import type { Trust } from "./trust.ts";

/** The address that `from` sends us on to. Throws "denied" when that would give up TLS. */
export function redirectTarget(from: URL, location: string, trust: Trust): URL {
  const next = URL.parse(location, from.href);
  if (next === null || !(next.protocol === "https:" || next.protocol === "http:")) {
    throw new CurruntError("unavailable", `ask ${from.host}: it redirects to a place that is no web address`);
  }
  if (next.protocol === "https:" || trust.allowsPlain(next)) return next;
  const hint = "the registry or a proxy before it is misconfigured";
  if (!isLoopback(next.hostname)) {
    throw new CurruntError("denied", `ask ${from.host}: it redirects to ${next.host} without TLS`, { hint });
  }
  if (from.protocol === "https:") {
    throw new CurruntError("denied", `ask ${from.host}: it redirects from https to http`, { hint });
  }
  return next;
}
