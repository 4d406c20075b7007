/** Published ports: `-publish [IP:][HOST[-HOST]:]PORT[-PORT][/tcp|udp|sctp]`, checked and then refused for now. */
import { CurruntError } from "../base/error.ts";

/** Throws "invalid" for what is no port mapping, "unsupported" for what is one. */
export function refusePublish(list: readonly string[]): void {
  for (const text of list) checkMapping(text);
  const first = list[0];
  if (first === undefined) return;
  throw new CurruntError(
    "unsupported",
    `publish ${JSON.stringify(first)}: published ports need the bridge network, which this version does not have`,
    { hint: "with -network host the program's ports are the host's own" },
  );
}

const mapping =
  /^(?:(?:\[[\da-f:.]+\]|\d+\.\d+\.\d+\.\d+):)?(?:(\d+(?:-\d+)?)?:)?(\d+(?:-\d+)?)(?:\/(?:tcp|udp|sctp))?$/i;

function checkMapping(text: string): void {
  const match = mapping.exec(text);
  const ports = [match?.[1], match?.[2]].flatMap((range) => range?.split("-") ?? []).map(Number);
  if (match !== null && ports.every((port) => port >= 0 && port <= 65535) && sameLength(match[1], match[2]))
    return;
  throw new CurruntError("invalid", `publish ${JSON.stringify(text)}: is not a mapping of ports`, {
    hint: "write HOST:PORT, as 8080:80, or IP:HOST:PORT/udp",
  });
}

/** Ranges must hold equally many ports, unless the container has just one. */
function sameLength(host: string | undefined, container: string | undefined): boolean {
  if (host === undefined) return true;
  const wanted = count(container ?? "");
  return wanted >= 1 && count(host) >= 1 && (wanted === 1 || count(host) === wanted);
}

function count(range: string): number {
  const [first = 0, last = first] = range.split("-").map(Number);
  return last - first + 1;
}
