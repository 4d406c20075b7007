/** The command tree: each command's one line for the overview, and how its code is loaded when it is called. */
import type { Command } from "./command.ts";

/** What the overview and the dispatcher know of a command. */
export interface Entry {
  /** One line for the overview. */
  readonly description: string;
  readonly group: string;
  readonly load: () => Promise<Command>;
}

const containers = "Containers";
const images = "Images";
const cleaning = "The store";
const oci = "OCI runtime";
const system = "currunt itself";

/** In the order of the overview. */
export const commands: Readonly<Record<string, Entry>> = {
  run: {
    group: containers,
    description: "create a container and start it",
    load: async () => (await import("./run.ts")).run,
  },
  create: {
    group: containers,
    description: "create a container without starting it",
    load: async () => (await import("./run.ts")).create,
  },
  start: {
    group: containers,
    description: "start created or ended containers",
    load: async () => (await import("./start.ts")).start,
  },
  ps: {
    group: containers,
    description: "list containers",
    load: async () => (await import("./ps.ts")).ps,
  },
  logs: {
    group: containers,
    description: "show what a container has written",
    load: async () => (await import("./logs.ts")).logs,
  },
  exec: {
    group: containers,
    description: "run another program in a running container",
    load: async () => (await import("./exec.ts")).exec,
  },
  attach: {
    group: containers,
    description: "join the terminal to a running container",
    load: async () => (await import("./attach.ts")).attach,
  },
  stop: {
    group: containers,
    description: "end containers, by force after a time-out",
    load: async () => (await import("./stop.ts")).stop,
  },
  kill: {
    group: containers,
    description: "send a signal to containers",
    load: async () => (await import("./stop.ts")).kill,
  },
  wait: {
    group: containers,
    description: "wait for containers to end and print their exit codes",
    load: async () => (await import("./wait.ts")).wait,
  },
  pause: {
    group: containers,
    description: "stop all processes of containers where they are",
    load: async () => (await import("./oci-pause.ts")).pause,
  },
  unpause: {
    group: containers,
    description: "let paused containers go on",
    load: async () => (await import("./oci-pause.ts")).unpause,
  },
  update: {
    group: containers,
    description: "change the limits of containers",
    load: async () => (await import("./oci-update.ts")).update,
  },
  top: {
    group: containers,
    description: "show the processes of a container",
    load: async () => (await import("./oci-ps.ts")).top,
  },
  rm: {
    group: containers,
    description: "remove containers with all that they changed",
    load: async () => (await import("./rm.ts")).rm,
  },
  cp: {
    group: containers,
    description: "copy files between a container and the host",
    load: async () => (await import("./cp.ts")).cp,
  },
  diff: {
    group: containers,
    description: "list what a container has changed of its files",
    load: async () => (await import("./diff.ts")).diff,
  },
  export: {
    group: containers,
    description: "write all files of a container as an archive",
    load: async () => (await import("./export.ts")).exportCommand,
  },
  commit: {
    group: containers,
    description: "make an image of a container",
    load: async () => (await import("./commit.ts")).commit,
  },
  inspect: {
    group: containers,
    description: "show all that is known about containers and images, as JSON",
    load: async () => (await import("./inspect.ts")).inspect,
  },
  pull: {
    group: images,
    description: "get images from their registries",
    load: async () => (await import("./pull.ts")).pull,
  },
  push: {
    group: images,
    description: "send an image to a registry",
    load: async () => (await import("./push.ts")).push,
  },
  images: {
    group: images,
    description: "list images",
    load: async () => (await import("./images.ts")).images,
  },
  rmi: {
    group: images,
    description: "remove images",
    load: async () => (await import("./rmi.ts")).rmi,
  },
  save: {
    group: images,
    description: "write images into an archive",
    load: async () => (await import("./save.ts")).save,
  },
  load: {
    group: images,
    description: "take images from an archive in",
    load: async () => (await import("./load.ts")).load,
  },
  import: {
    group: images,
    description: "make an image of a file system's archive",
    load: async () => (await import("./import.ts")).importCommand,
  },
  tag: {
    group: images,
    description: "give an image another name",
    load: async () => (await import("./rmi.ts")).tag,
  },
  untag: {
    group: images,
    description: "take names away from an image",
    load: async () => (await import("./rmi.ts")).untag,
  },
  history: {
    group: images,
    description: "show how an image was made",
    load: async () => (await import("./history.ts")).history,
  },
  "image prune": {
    group: cleaning,
    description: "remove images that nobody needs",
    load: async () => (await import("./prune.ts")).imagePrune,
  },
  "container prune": {
    group: cleaning,
    description: "remove containers that do not run",
    load: async () => (await import("./prune.ts")).containerPrune,
  },
  "volume prune": {
    group: cleaning,
    description: "remove volumes that no container has",
    load: async () => (await import("./prune.ts")).volumePrune,
  },
  "system prune": {
    group: cleaning,
    description: "remove all of that",
    load: async () => (await import("./prune.ts")).systemPrune,
  },
  "system df": {
    group: cleaning,
    description: "show what the disk is used for",
    load: async () => (await import("./system.ts")).systemDf,
  },
  "system check": {
    group: cleaning,
    description: "look for damage in what is stored",
    load: async () => (await import("./system.ts")).systemCheck,
  },
  login: {
    group: images,
    description: "log in to a registry",
    load: async () => (await import("./login.ts")).login,
  },
  logout: {
    group: images,
    description: "forget the credentials of a registry",
    load: async () => (await import("./login.ts")).logout,
  },
  state: {
    group: oci,
    description: "print the state of a container",
    load: async () => (await import("./oci-state.ts")).state,
  },
  delete: {
    group: oci,
    description: "remove a container",
    load: async () => (await import("./oci-delete.ts")).remove,
  },
  list: {
    group: oci,
    description: "list all containers",
    load: async () => (await import("./oci-list.ts")).list,
  },
  resume: {
    group: oci,
    description: "let a paused container go on",
    load: async () => (await import("./oci-pause.ts")).resume,
  },
  events: {
    group: oci,
    description: "print what a container uses",
    load: async () => (await import("./oci-events.ts")).events,
  },
  checkpoint: {
    group: oci,
    description: "write the processes of an OCI container to files",
    load: async () => (await import("./oci-checkpoint.ts")).checkpoint,
  },
  restore: {
    group: oci,
    description: "make an OCI container from a checkpoint",
    load: async () => (await import("./oci-checkpoint.ts")).restore,
  },
  spec: {
    group: oci,
    description: "write a config.json for a new bundle",
    load: async () => (await import("./oci-spec.ts")).spec,
  },
  features: {
    group: oci,
    description: "show what the OCI runtime can do, as JSON",
    load: async () => (await import("./oci-features.ts")).features,
  },
  version: {
    group: system,
    description: "show the version",
    load: async () => (await import("./version.ts")).versionCommand,
  },
  help: {
    group: system,
    description: "show the help of a command",
    load: async () => (await import("./help-command.ts")).help,
  },
  completion: {
    group: system,
    description: "print the completion script of a shell",
    load: async () => (await import("./completion.ts")).completion,
  },
  man: {
    group: system,
    description: "print the manual page",
    load: async () => (await import("./man.ts")).man,
  },
};
