/** The OCI runtime's `currunt start`. */
import { startCreated } from "../runtime/start.ts";
import { defineOciCommand, pathsOf } from "./oci-command.ts";

export const start = defineOciCommand({
  name: "start",
  usage: ["CONTAINER"],
  description: "Runs the program of a container that was created.",
  flags: {},
  positionals: { min: 1, max: 1, names: "the ID of a container" },
  async run({ globals, positionals: [id] }) {
    await startCreated(pathsOf(globals, id), {
      notifySocket: process.env["NOTIFY_SOCKET"],
      begun: process.env["CURRUNT_BEGUN"] !== undefined,
    });
  },
});
