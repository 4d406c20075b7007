/** The OCI runtime's `currunt pause` and `currunt resume`. */
import { pauseContainer, resumeContainer } from "../runtime/pause.ts";
import { defineOciCommand, pathsOf } from "./oci-command.ts";

export const pause = defineOciCommand({
  name: "pause",
  usage: ["CONTAINER"],
  description: "Stops all processes of an OCI container where they are, until resume.",
  flags: {},
  positionals: { min: 1, max: 1, names: "the ID of a container" },
  async run({ globals, positionals: [id] }) {
    await pauseContainer(pathsOf(globals, id));
  },
});

export const resume = defineOciCommand({
  name: "resume",
  usage: ["CONTAINER"],
  description: "Lets the processes of a paused OCI container go on.",
  flags: {},
  positionals: { min: 1, max: 1, names: "the ID of a container" },
  async run({ globals, positionals: [id] }) {
    await resumeContainer(pathsOf(globals, id));
  },
});
