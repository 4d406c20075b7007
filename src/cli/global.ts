/** The flags that every command takes, before or after its name. */
import { defaultRoots } from "../base/paths.ts";
import { flags } from "./flag.ts";

export const globalFlags = flags({
  "data-root": {
    type: "string",
    metavar: "DIR",
    default: defaultRoots.data,
    env: "CURRUNT_DATA_ROOT",
    completes: "directory",
    group: "Global",
    help: "where images and containers are kept",
  },
  "run-root": {
    type: "string",
    metavar: "DIR",
    default: defaultRoots.run,
    env: "CURRUNT_RUN_ROOT",
    completes: "directory",
    group: "Global",
    help: "where the state of what runs now is kept",
  },
  "log-format": {
    type: "string",
    choices: ["text", "json"],
    default: "text",
    group: "Global",
    help: "how errors are written to standard error",
  },
  debug: { type: "boolean", group: "Global", help: "show where an error comes from" },
  help: { type: "boolean", group: "Global", help: "show this help" },
});
