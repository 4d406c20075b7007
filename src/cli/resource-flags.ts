/** The limits of a container's resources, as docker's command line names them. */
import { CurruntError } from "../base/error.ts";
import type { Resources } from "../engine/options.ts";
import type { Values } from "./flag.ts";
import { flags } from "./flag.ts";

const group = "Limits";
const count = (help: string) => ({ type: "number", metavar: "N", group, help }) as const;
const size = (help: string) => ({ type: "size", metavar: "BYTES", group, help }) as const;
const list = (help: string) => ({ type: "string", metavar: "LIST", group, help }) as const;

/** What `run` and `create` take. */
export const resourceFlags = flags({
  memory: { ...size("limit of memory, as 512m"), short: "m" },
  "memory-swap": size("limit of memory and swap together; -1 for none"),
  "memory-reservation": size("memory that is kept for the container"),
  cpus: count("how many CPUs it may use, as 1.5"),
  "cpu-shares": { ...count("share of the CPUs when they are scarce; 1024 is usual"), short: "c" },
  "cpu-period": count("length of a period of CPU time, in microseconds"),
  "cpu-quota": count("CPU time in a period, in microseconds"),
  "cpuset-cpus": list("CPUs to run on, as 0-2,7"),
  "cpuset-mems": list("memory nodes to use"),
  "pids-limit": count("how many processes at most; -1 for no limit"),
  "blkio-weight": count("share of the disks, 10 to 1000"),
});

/** Microseconds; the kernel's own choice, and docker's. */
const usualPeriod = 100_000;

/** What the flags ask for; nothing when they ask for nothing. Throws "invalid" where two contradict each other. */
export function resourcesOf(flags: Values<typeof resourceFlags>): { resources?: Resources } {
  const memory = present({
    limit: flags.memory,
    swap: flags["memory-swap"],
    reservation: flags["memory-reservation"],
  });
  const cpu = present({
    ...timeOf(flags),
    shares: flags["cpu-shares"],
    cpus: flags["cpuset-cpus"],
    mems: flags["cpuset-mems"],
  });
  const limit = flags["pids-limit"];
  const weight = flags["blkio-weight"];
  const resources = present({
    memory,
    cpu,
    // 0 is no limit here, as with docker.
    pids: limit === undefined ? undefined : { limit: limit <= 0 ? -1 : limit },
    blockIO: weight === undefined ? undefined : { weight },
  });
  return resources === undefined ? {} : { resources };
}

function timeOf({ cpus, "cpu-quota": quota, "cpu-period": period }: Values<typeof resourceFlags>) {
  if (cpus === undefined) return { quota, period };
  if (quota !== undefined || period !== undefined) {
    throw new CurruntError("invalid", "-cpus was given, and -cpu-period or -cpu-quota, which it stands for");
  }
  if (cpus < 0.01) throw new CurruntError("invalid", `flag -cpus: ${cpus} is not at least 0.01`);
  return { quota: Math.round(cpus * usualPeriod), period: usualPeriod };
}

type Present<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** The members that are there; undefined when there are none. */
function present<T extends object>(values: T): Present<T> | undefined {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  return entries.length === 0 ? undefined : (Object.fromEntries(entries) as Present<T>);
}
