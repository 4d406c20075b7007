/** The command tree: each command's one line for the overview, and how its code is loaded when it is called. */
import type { Command } from "./command.ts";

export interface Entry {
  readonly summary: string;
  readonly group: string;
  readonly load: () => Promise<Command>;
}

const containers = "Containers";
const images = "Images";
const system = "currunt itself";

/** In the order of the overview. */
export const commands: Readonly<Record<string, Entry>> = {
  run: {
    group: containers,
    summary: "create a container and start it",
    load: async () => (await import("./run.ts")).run,
  },
  create: {
    group: containers,
    summary: "create a container without starting it",
    load: async () => (await import("./run.ts")).create,
  },
  start: {
    group: containers,
    summary: "start created or ended containers",
    load: async () => (await import("./start.ts")).start,
  },
  ps: {
    group: containers,
    summary: "list containers",
    load: async () => (await import("./ps.ts")).ps,
  },
  logs: {
    group: containers,
    summary: "show what a container has written",
    load: async () => (await import("./logs.ts")).logs,
  },
  exec: {
    group: containers,
    summary: "run another program in a running container",
    load: async () => (await import("./exec.ts")).exec,
  },
  attach: {
    group: containers,
    summary: "join the terminal to a running container",
    load: async () => (await import("./attach.ts")).attach,
  },
  stop: {
    group: containers,
    summary: "end containers, by force after a time-out",
    load: async () => (await import("./stop.ts")).stop,
  },
  kill: {
    group: containers,
    summary: "send a signal to containers",
    load: async () => (await import("./stop.ts")).kill,
  },
  wait: {
    group: containers,
    summary: "wait for containers to end and print their exit codes",
    load: async () => (await import("./wait.ts")).wait,
  },
  rm: {
    group: containers,
    summary: "remove containers with all that they changed",
    load: async () => (await import("./rm.ts")).rm,
  },
  inspect: {
    group: containers,
    summary: "show all that is known about containers and images, as JSON",
    load: async () => (await import("./inspect.ts")).inspect,
  },
  pull: {
    group: images,
    summary: "get images from their registries",
    load: async () => (await import("./pull.ts")).pull,
  },
  images: {
    group: images,
    summary: "list images",
    load: async () => (await import("./images.ts")).images,
  },
  rmi: {
    group: images,
    summary: "remove images",
    load: async () => (await import("./images.ts")).rmi,
  },
  version: {
    group: system,
    summary: "show the version",
    load: async () => (await import("./version.ts")).versionCommand,
  },
  help: {
    group: system,
    summary: "show the help of a command",
    load: async () => (await import("./help-command.ts")).help,
  },
  completion: {
    group: system,
    summary: "print the completion script of a shell",
    load: async () => (await import("./completion.ts")).completion,
  },
  man: {
    group: system,
    summary: "print the manual page",
    load: async () => (await import("./man.ts")).man,
  },
};
