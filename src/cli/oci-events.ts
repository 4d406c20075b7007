/** `currunt events`. */
import { CurruntError } from "../base/error.ts";
import { cgroupOf } from "../runtime/container-cgroup.ts";
import { notRunning } from "../runtime/kill.ts";
import type { ContainerState } from "../runtime/state.ts";
import { processStatus, readState } from "../runtime/state.ts";
import { defineOciCommand, pathsOf } from "./oci-command.ts";
import { print } from "./output.ts";

export const events = defineOciCommand({
  name: "events",
  usage: ["[flags] CONTAINER"],
  description: "Prints what an OCI container uses, a line of JSON at a time, and when it ran out of memory.",
  flags: {
    interval: {
      type: "duration",
      default: 5000,
      metavar: "TIME",
      help: "time between two lines; 5s unless given",
    },
    stats: { type: "boolean", help: "print one line and end" },
  },
  positionals: { min: 1, max: 1, names: "the ID of a container" },
  async run({ globals, flags, positionals: [id] }) {
    if (flags.interval <= 0) throw new CurruntError("invalid", "flag -interval: it must be more than 0");
    const paths = pathsOf(globals, id);
    const state = readState(paths);
    if (processStatus(paths, state) === "stopped") throw notRunning();
    await printStats(state);
    let kills = await cgroupOf(state).oomKills();
    while (!flags.stats && processStatus(paths, state) !== "stopped") {
      await Bun.sleep(flags.interval);
      const now = await cgroupOf(state).oomKills();
      if (now > kills) await print(JSON.stringify({ type: "oom", id: state.id }));
      kills = now;
      if (processStatus(paths, state) !== "stopped") await printStats(state);
    }
    return 0;
  },
});

async function printStats(state: ContainerState): Promise<void> {
  const data = await cgroupOf(state).stats();
  await print(JSON.stringify({ type: "stats", id: state.id, data }, exactNumber));
}

/** The engine has it, the types do not yet (ECMAScript proposal "JSON.parse source text access"). */
const exact = JSON as JSON & { rawJSON(text: string): unknown };

/** Counts of 64 bits are written with all their digits. */
function exactNumber(_: string, value: unknown): unknown {
  return typeof value === "bigint" ? exact.rawJSON(String(value)) : value;
}
