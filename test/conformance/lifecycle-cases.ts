/** Cases about the state machine: create, start, state, kill, delete, and what a container's end leaves. */
import type { Case } from "./case.ts";
import { create, killed, started } from "./case.ts";

const exists = "runtime.md: the ID MUST be unique across all containers within the scope of this runtime";

export const lifecycleCases: readonly Case[] = [
  {
    name: "the state of a created container",
    rule: "runtime.md, state: ociVersion, id, status, pid, bundle, annotations",
    change: { annotations: { "org.example.key": "value" } },
    steps: (place) => [
      create(place),
      {
        state: {
          id: place.id,
          status: "created",
          bundle: place.bundle,
          ociVersion: /^1\.\d/,
          pid: /^[1-9]\d*$/,
          annotations: { "org.example.key": "value" },
        },
      },
      { shell: `test -d /proc/$PID` },
    ],
  },
  {
    name: "created, running, stopped, gone",
    rule: "runtime.md, lifecycle: create, start, the process exits, delete",
    steps: (place) => [
      create(place),
      { state: { status: "created" } },
      { run: ["start", place.id] },
      { state: { status: "running" } },
      { run: ["kill", place.id, "KILL"] },
      { ended: true },
      { state: { status: "stopped" } },
      { run: ["delete", place.id] },
      { run: ["state", place.id], exit: "failure", stderr: /does not exist|No such file/ },
    ],
  },
  {
    name: "the program waits for start",
    rule: "create: process.args MUST NOT be applied until triggered by the start operation",
    script: "echo called >/called",
    steps: (place) => [
      create(place),
      { shell: "readlink /proc/$PID/exe >/dev/null || true" },
      { file: `${place.rootfs}/called`, absent: true },
      { run: ["start", place.id] },
      { ended: true },
      { file: `${place.rootfs}/called`, holds: "called" },
    ],
  },
  {
    name: "config.json is read at create only",
    rule: "runtime.md, lifecycle: any updates to config.json after this step MUST NOT affect the container",
    script: "echo old",
    steps: (place) => [
      create(place),
      { shell: `sed -i s/old/new/ ${place.bundle}/config.json` },
      { run: ["start", place.id] },
      { output: "old" },
    ],
  },
  {
    name: "the streams of create are the program's",
    rule: "engines rely on it: without a terminal fds 0-2 are passed through",
    script: "echo out; echo err >&2",
    steps: (place) => [...started(place), { output: "out" }],
  },
  {
    name: "an ID that is taken",
    rule: exists,
    steps: (place) => [
      create(place),
      { run: ["create", "--bundle", place.bundle, place.id], exit: "failure", stderr: /already exists/ },
      { state: { status: "created" } },
    ],
  },
  {
    name: "an ID is free again after delete",
    rule: "runtime.md, delete: the ID of a deleted container MAY be used by a subsequent container",
    steps: (place) => [...started(place), ...killed(place), ...started(place)],
  },
  ...["..", ".", "a/b", "", "a b", "../x"].map(
    (id): Case => ({
      name: `the ID ${JSON.stringify(id)} is refused`,
      rule: "engines rely on it: IDs are [A-Za-z0-9_+.-]+ and name a directory",
      steps: ({ bundle }) => [{ run: ["create", "--bundle", bundle, id], exit: "failure" }],
      ...(id === "." || id === ".." ? { except: { runc: "1.1 takes it" } } : {}),
    }),
  ),
  {
    name: "create without an ID",
    rule: "runtime.md, create: this operation MUST generate an error if it is not provided a path to the bundle and the container ID",
    steps: ({ bundle }) => [{ run: ["create", "--bundle", bundle], exit: "failure" }],
  },
  ...["state", "start", "delete", "kill"].map(
    (command): Case => ({
      name: `${command} of no container`,
      rule: `runtime.md, ${command}: this operation MUST generate an error if it is not provided the container ID`,
      steps: () => [
        { run: [command], exit: "failure" },
        { run: [command, "conformance-none"], exit: "failure", stderr: /does not exist|No such file/ },
      ],
    }),
  ),
  {
    name: "start of a running and of a stopped container",
    rule: "runtime.md, start: attempting to start a container that is not created MUST have no effect on the container and MUST generate an error",
    script: "echo once; sleep 0.2",
    steps: (place) => [
      ...started(place),
      { run: ["start", place.id], exit: "failure" },
      { output: "once" },
      { run: ["start", place.id], exit: "failure" },
      { output: "once" },
    ],
  },
  {
    name: "kill of a stopped container",
    rule: "runtime.md, kill: attempting to send a signal to a container that is neither created nor running MUST generate an error",
    change: { process: { args: ["true"] } },
    steps: (place) => [
      ...started(place),
      { ended: true },
      { run: ["kill", place.id, "KILL"], exit: "failure", stderr: /not running|not found|No such process/i },
    ],
  },
  {
    name: "kill of a created container",
    rule: "runtime.md, kill: sends a signal to the container process, created or running",
    steps: (place) => [
      create(place),
      { run: ["kill", place.id, "KILL"] },
      { ended: true },
      { state: { status: "stopped" } },
      { run: ["delete", place.id] },
    ],
  },
  ...["USR1", "SIGUSR1", "usr1", "10"].map(
    (signal): Case => ({
      name: `kill with the signal ${signal}`,
      rule: "engines rely on it: signals by number, by name with and without SIG, in any case",
      script: "trap 'echo got; exit 3' USR1; touch /ready; while :; do sleep 0.02; done",
      steps: (place) => [
        ...started(place),
        { shell: `until test -e ${place.rootfs}/ready; do sleep 0.01; done` },
        { run: ["kill", place.id, signal] },
        { output: "got" },
      ],
      ...(signal === "usr1" ? { except: { crun: "knows upper case only" } } : {}),
    }),
  ),
  {
    name: "kill sends TERM unless another is named",
    rule: "engines rely on it: the default signal is TERM",
    script: "trap 'echo got; exit 3' TERM; touch /ready; while :; do sleep 0.02; done",
    steps: (place) => [
      ...started(place),
      { shell: `until test -e ${place.rootfs}/ready; do sleep 0.01; done` },
      { run: ["kill", place.id] },
      { output: "got" },
    ],
  },
  {
    name: "kill with an unknown signal",
    rule: "runtime.md, errors: generating an error MUST leave the state of the environment as if the operation were never attempted",
    steps: (place) => [
      ...started(place),
      { run: ["kill", place.id, "NONE"], exit: "failure" },
      { state: { status: "running" } },
    ],
  },
  {
    name: "kill --all",
    rule: "engines rely on it: containerd and podman call `kill --all ID 9`",
    steps: (place) => [...started(place), { run: ["kill", "--all", place.id, "9"] }, { ended: true }],
  },
  {
    name: "the end of init ends all of its pid namespace",
    rule: "linux.namespaces: pid: processes inside the container only see processes of the same namespace",
    script: "sleep 1000 & sleep 0.1",
    steps: (place) => [
      ...started(place),
      { ended: true },
      { state: { status: "stopped" } },
      { run: ["delete", place.id] },
    ],
  },
  {
    name: "delete of a running container",
    rule: "runtime.md, delete: attempting to delete a container that is not stopped MUST have no effect on the container and MUST generate an error",
    steps: (place) => [
      ...started(place),
      { run: ["delete", place.id], exit: "failure" },
      { state: { status: "running" } },
    ],
  },
  {
    name: "delete of a created container",
    rule: "runtime.md, delete: attempting to delete a container that is not stopped MUST have no effect on the container and MUST generate an error",
    steps: (place) => [
      create(place),
      { run: ["delete", place.id], exit: "failure" },
      { state: { status: "created" } },
      { run: ["delete", "--force", place.id] },
      { run: ["state", place.id], exit: "failure" },
    ],
    except: { runc: "ends the container first", crun: "ends the container first" },
  },
  {
    name: "delete --force of a running container",
    rule: "engines rely on it: --force kills first",
    steps: (place) => [
      ...started(place),
      { run: ["delete", "--force", place.id] },
      { run: ["state", place.id], exit: "failure" },
      { shell: "! test -d /proc/$PID || grep -q '^State:.Z' /proc/$PID/status" },
    ],
  },
  {
    name: "delete --force of a container that does not exist",
    rule: "engines rely on it: delete --force of an unknown ID must succeed",
    steps: () => [{ run: ["delete", "--force", "conformance-none"] }],
  },
  {
    name: "delete leaves nothing",
    rule: "runtime.md, delete: deleting a container MUST delete the resources that were created during the create step",
    steps: (place) => [
      ...started(place),
      ...killed(place),
      { shell: `! grep -r ${place.id} /proc/self/mountinfo` },
      { shell: `test -z "$(find /sys/fs/cgroup -name '*${place.id}*' 2>/dev/null)"` },
      { file: `${place.bundle}/../state/${place.id}`, absent: true },
    ],
  },
  {
    name: "a create that fails leaves nothing",
    rule: "runtime.md, errors: generating an error MUST leave the state of the environment as if the operation were never attempted",
    change: { process: { args: ["/no/such/program"] } },
    steps: (place) => [
      { run: ["create", "--bundle", place.bundle, place.id], exit: "failure" },
      { run: ["state", place.id], exit: "failure" },
      { shell: `test -z "$(find /sys/fs/cgroup -name '*${place.id}*' 2>/dev/null)"` },
    ],
  },
  {
    name: "create without process, which start refuses",
    rule: "runtime.md, start: this operation MUST generate an error if process was not set",
    raw: ({ process: _, ...spec }) => spec,
    steps: (place) => [create(place), { run: ["start", place.id], exit: "failure" }],
    except: { runc: "refuses it at create already", crun: "1.8 refuses it at create already" },
  },
  {
    name: "a bundle without config.json",
    rule: "bundle.md: config.json MUST reside in the root of the bundle directory and MUST be named config.json",
    steps: ({ host, id }) => [
      { run: ["create", "--bundle", host, id], exit: "failure", stderr: /config\.json/ },
    ],
  },
  {
    name: "the bundle is the working directory unless told",
    rule: "engines rely on it: conmon and people call it in the bundle",
    script: "echo here",
    steps: ({ bundle, id }) => [
      { under: ["sh", "-c", `cd ${bundle} && exec "$@"`, "sh"], run: ["run", id], stdout: "here" },
    ],
  },
];
