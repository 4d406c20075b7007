/** `currunt events`. */
import { CurruntError } from "../base/error.ts";
import { statsJson } from "../runtime/cgroup/stats.ts";
import { cgroupOf } from "../runtime/container-cgroup.ts";
import { notRunning } from "../runtime/kill.ts";
import type { ContainerState } from "../runtime/state.ts";
import { processStatus, readState } from "../runtime/state.ts";
import { defineOciCommand, engineOf, pathsOf } from "./oci-command.ts";
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
    const engine = await engineOf(globals, id);
    const paths = engine === undefined ? pathsOf(globals, id) : await engine.measured(id ?? "");
    const state = readState(paths);
    if (processStatus(paths, state) === "stopped") throw notRunning();
    await printStats(state);
    if (!flags.stats) await follow(state, flags.interval);
    return 0;
  },
});

/** Prints until the container has ended. */
async function follow(state: ContainerState, intervalMs: number): Promise<void> {
  const { watchContainer } = await import("../runtime/cgroup/watch.ts");
  const { cgroup, pid, id } = state;
  if (cgroup === undefined) return;
  for await (const event of watchContainer(cgroup, { pid, intervalMs })) {
    if (event === "oom") await print(JSON.stringify({ type: "oom", id }));
    else await printStats(state);
  }
}

async function printStats(state: ContainerState): Promise<void> {
  const data = await cgroupOf(state).stats();
  await print(statsJson({ type: "stats", id: state.id, data }));
}
