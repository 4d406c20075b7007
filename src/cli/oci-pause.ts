/** `currunt pause`, and `currunt resume`, which docker calls `unpause`. */
import { pauseContainer, resumeContainer } from "../runtime/pause.ts";
import { defineOciCommand, engineOf, pathsOf } from "./oci-command.ts";
import { print } from "./output.ts";

export const pause = defineOciCommand({
  name: "pause",
  usage: ["CONTAINER…"],
  description: "Stops all processes of each container where they are, until resume.",
  flags: {},
  positionals: { min: 1, names: "the name or ID of a container" },
  async run({ globals, positionals }) {
    for (const id of positionals) {
      const engine = await engineOf(globals, id);
      if (engine === undefined) await pauseContainer(pathsOf(globals, id));
      else await engine.pause(id);
      if (engine !== undefined) await print(id);
    }
  },
});

export const resume = goOn("resume");
export const unpause = goOn("unpause");

function goOn(name: string) {
  return defineOciCommand({
    name,
    usage: ["CONTAINER…"],
    description: "Lets the processes of paused containers go on.",
    flags: {},
    positionals: { min: 1, names: "the name or ID of a container" },
    async run({ globals, positionals }) {
      for (const id of positionals) {
        const engine = await engineOf(globals, id);
        if (engine === undefined) await resumeContainer(pathsOf(globals, id));
        else await engine.unpause(id);
        if (engine !== undefined) await print(id);
      }
    },
  });
}
