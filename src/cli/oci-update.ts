/** `currunt update`. */
import { posix } from "node:path";
import type { LinuxResources } from "../runtime/spec.ts";
import { checkedResources, readResources, updateContainer } from "../runtime/update.ts";
import type { Values } from "./flag.ts";
import { flags as table } from "./flag.ts";
import { defineOciCommand, engineOf, pathsOf } from "./oci-command.ts";
import { print } from "./output.ts";

const number = (help: string) => ({ type: "number", metavar: "N", help }) as const;
const size = (help: string) => ({ type: "size", metavar: "BYTES", help }) as const;
const text = (help: string) => ({ type: "string", metavar: "TEXT", help }) as const;

/** The limits, by the names that runc has for them. */
export const updateFlags = table({
  resources: {
    type: "string",
    short: "r",
    metavar: "FILE",
    completes: "file",
    help: "the limits as linux.resources of a config.json; - for standard input",
  },
  "blkio-weight": number("share of the disks, 10 to 1000"),
  cpus: number("how many CPUs it may use, as 1.5"),
  "cpu-period": number("length of a period of CPU time, in microseconds"),
  "cpu-quota": number("CPU time in a period, in microseconds; -1 for no limit"),
  "cpu-burst": number("CPU time that may be saved up, in microseconds"),
  "cpu-share": { ...number("share of the CPUs"), aliases: ["cpu-shares"] },
  "cpu-rt-period": number("length of a period of real time, in microseconds"),
  "cpu-rt-runtime": number("real time in a period, in microseconds"),
  "cpuset-cpus": text("CPUs to run on: 0-2,7"),
  "cpuset-mems": text("memory nodes to use"),
  "cpu-idle": number("1: run only when nothing else wants to"),
  memory: { ...size("limit of memory; -1 for none"), short: "m", aliases: ["memory-limit"] },
  "memory-reservation": size("memory that is kept for the container"),
  "memory-swap": size("limit of memory and swap together; -1 for none"),
  "kernel-memory": size("not used by any kernel of today"),
  "kernel-memory-tcp": size("not used by any kernel of today"),
  "pids-limit": number("how many processes at most; -1 for no limit"),
  "l3-cache-schema": text("Intel RDT's cache allocation"),
  "mem-bw-schema": text("Intel RDT's memory bandwidth"),
});

export const update = defineOciCommand({
  name: "update",
  usage: ["[flags] CONTAINER…"],
  description:
    "Changes the limits of containers, also while they run. What is not named stays as it is; when one limit is refused, all do.",
  examples: [
    { command: "currunt update -memory 512M web", text: "more or less memory" },
    { command: `echo '{"pids":{"limit":100}}' | currunt update -resources - web`, text: "limits as JSON" },
  ],
  flags: updateFlags,
  positionals: { min: 1, names: "the name or ID of a container" },
  async run({ globals, flags, positionals }) {
    const { resources: file } = flags;
    const source = file === undefined || file === "-" ? file : posix.resolve(file);
    const resources = source === undefined ? checkedResources(resourcesOf(flags)) : readResources(source);
    for (const id of positionals) {
      const engine = await engineOf(globals, id);
      if (engine === undefined) await updateContainer(pathsOf(globals, id), resources);
      else await engine.update(id, resources);
      if (engine !== undefined) await print(id);
    }
  },
});

/** Microseconds; the kernel's own choice, and docker's. */
const usualPeriod = 100_000;

/** What the flags say, in the shape of config.json. */
export function resourcesOf(flags: Values<typeof updateFlags>): LinuxResources {
  const { cpus } = flags;
  return {
    memory: present({
      // Without a limit of memory there is none of both together.
      swap: flags["memory-swap"] ?? (flags.memory === -1 ? -1 : undefined),
      limit: flags.memory,
      reservation: flags["memory-reservation"],
    }),
    cpu: present({
      shares: flags["cpu-share"],
      quota: flags["cpu-quota"] ?? (cpus === undefined ? undefined : Math.round(cpus * usualPeriod)),
      period: flags["cpu-period"] ?? (cpus === undefined ? undefined : usualPeriod),
      burst: flags["cpu-burst"],
      realtimePeriod: flags["cpu-rt-period"],
      realtimeRuntime: flags["cpu-rt-runtime"],
      cpus: flags["cpuset-cpus"],
      mems: flags["cpuset-mems"],
      idle: flags["cpu-idle"],
    }),
    ...(flags["pids-limit"] === undefined ? {} : { pids: { limit: flags["pids-limit"] } }),
    ...(flags["blkio-weight"] === undefined ? {} : { blockIO: { weight: flags["blkio-weight"] } }),
  };
}

/** Without the members that are undefined. */
function present<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
