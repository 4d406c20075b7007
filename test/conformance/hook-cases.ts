/** Cases about hooks: their order, what they see, what their failure does. */
import type { Hooks } from "../../src/runtime/spec.ts";
import type { Case, Place } from "./case.ts";
import { create, killed, started } from "./case.ts";

const kinds = [
  "prestart",
  "createRuntime",
  "createContainer",
  "startContainer",
  "poststart",
  "poststop",
] as const;
type Kind = (typeof kinds)[number];

/** A hook that runs a script of the shell. */
const script = (text: string, more: object = {}) => ({ path: "/bin/sh", args: ["sh", "-c", text], ...more });

/** Where hooks of a kind write to: those of the container's root cannot reach the host's directory. */
const logOf = (kind: Kind, { host }: Place) => (kind === "startContainer" ? "/log" : `${host}/log`);

/** All kinds, with a script that knows where it may write. */
const each = (place: Place, text: (kind: Kind, log: string) => string): Hooks =>
  Object.fromEntries(kinds.map((kind) => [kind, [script(text(kind, logOf(kind, place)))]]));

const statuses: Readonly<Record<Kind, RegExp>> = {
  // runc says "creating", crun "created": the create operation has not ended, its environment is there.
  prestart: /^creat(ed|ing)$/,
  createRuntime: /^creat(ed|ing)$/,
  createContainer: /^creat(ed|ing)$/,
  startContainer: /^(created|starting)$/,
  poststart: /^running$/,
  poststop: /^stopped$/,
};

export const hookCases: readonly Case[] = [
  {
    name: "the order of hooks",
    rule: "runtime.md, lifecycle: prestart, createRuntime, createContainer before create ends; startContainer, the program, poststart at start; poststop at delete",
    change: (place) => ({
      process: { args: ["sh", "-c", "echo program >>/log; sleep 1000"] },
      hooks: each(place, (kind, log) => `echo ${kind} >>${log}`),
    }),
    steps: (place) => [
      create(place),
      { file: `${place.host}/log`, holds: "prestart\ncreateRuntime\ncreateContainer" },
      { file: `${place.rootfs}/log`, absent: true },
      { run: ["start", place.id] },
      { file: `${place.host}/log`, holds: "prestart\ncreateRuntime\ncreateContainer\npoststart" },
      {
        shell: `until test "$(wc -l <${place.rootfs}/log)" = 2; do sleep 0.01; done; cat ${place.rootfs}/log`,
        stdout: "startContainer\nprogram",
      },
      ...killed(place),
      { file: `${place.host}/log`, holds: "prestart\ncreateRuntime\ncreateContainer\npoststart\npoststop" },
    ],
    except: { runc: "runs poststart hooks before the program is started until 1.4" },
  },
  {
    name: "hooks of one kind run in their order",
    rule: "config.md, hooks: hooks MUST be called in the listed order",
    change: ({ host }) => ({
      hooks: { createRuntime: ["a", "b", "c"].map((name) => script(`echo ${name} >>${host}/log`)) },
    }),
    steps: (place) => [create(place), { file: `${place.host}/log`, holds: "a\nb\nc" }],
  },
  ...kinds.map(
    (kind): Case => ({
      name: `the state that ${kind} hooks read`,
      rule: "config.md, hooks: the state of the container MUST be passed to hooks over stdin",
      change: (place) => ({
        annotations: { "org.example.key": "value" },
        hooks: { [kind]: [script(`cat >${logOf(kind, place)}`)] },
      }),
      steps: (place) => [
        ...started(place),
        ...killed(place),
        {
          shell: `jq -r '.id, .bundle, .annotations["org.example.key"], (.ociVersion | test("^1[.]"))' ${kind === "startContainer" ? place.rootfs : place.host}/log`,
          stdout: `${place.id}\n${place.bundle}\nvalue\ntrue`,
        },
        {
          shell: `jq -r .status ${kind === "startContainer" ? place.rootfs : place.host}/log`,
          stdout: statuses[kind],
        },
      ],
      ...(kind === "poststart"
        ? { except: { runc: "runs them before the program is started until 1.4" } }
        : {}),
    }),
  ),
  {
    name: "the pid that hooks of the runtime read is init's",
    rule: "runtime.md, state: pid is the ID of the container process, as seen by the host's hooks",
    change: ({ host }) => ({ hooks: { createRuntime: [script(`jq .pid >${host}/pid`)] } }),
    steps: (place) => [create(place), { shell: `test $PID = "$(cat ${place.host}/pid)"` }],
  },
  {
    name: "the pid that hooks of the container read is the container's",
    rule: "config.md, startContainer hooks: are executed in the container namespace",
    change: { hooks: { startContainer: [script("cat >/log")] } },
    steps: (place) => [...started(place), { shell: `jq .pid ${place.rootfs}/log`, stdout: "1" }],
  },
  {
    name: "arguments and environment of a hook",
    rule: "config.md, hooks: args and env with the same semantics as execv's argv and environ",
    change: ({ host }) => ({
      process: { env: ["PATH=/bin", "LD_PRELOAD=/evil", "FROM_IMAGE=1"] },
      hooks: {
        createRuntime: [
          script(`env >${host}/env; echo "$0 $1" >${host}/args`, {
            args: ["sh", "-c", `env >${host}/env; echo "$0 $1" >${host}/args`, "zero", "one two"],
            env: ["A=b", "PATH=/usr/bin:/bin"],
          }),
        ],
      },
    }),
    steps: (place) => [
      create(place),
      { file: `${place.host}/args`, holds: "zero one two" },
      { file: `${place.host}/env`, holds: [/^A=b$/m, /^((?!FROM_IMAGE|LD_PRELOAD).)*$/s] },
    ],
  },
  {
    name: "createContainer hooks get nothing of the image's environment",
    rule: "engines rely on it: CVE-2025-23266",
    change: ({ host }) => ({
      process: { env: ["PATH=/bin", "FROM_IMAGE=1"] },
      hooks: { createContainer: [script(`env >${host}/env`)] },
    }),
    steps: (place) => [create(place), { file: `${place.host}/env`, holds: /^((?!FROM_IMAGE).)*$/s }],
    except: { runc: "1.1.5 has the flaw" },
  },
  {
    name: "createContainer hooks run in the container's mount namespace, on the runtime's paths",
    rule: "config.md, createContainer hooks: path resolves in the runtime namespace, the hook is executed in the container namespace",
    change: ({ host }) => ({
      hooks: { createContainer: [script(`readlink /proc/self/ns/mnt >${host}/ns`)] },
    }),
    steps: (place) => [
      create(place),
      { shell: `test "$(cat ${place.host}/ns)" = "$(readlink /proc/$PID/ns/mnt)"` },
    ],
  },
  {
    name: "startContainer hooks are found in the container",
    rule: "config.md, startContainer hooks: path resolves in the container namespace",
    files: { "only-inside": { content: "#!/bin/sh\necho ran >/log\n", mode: 0o755 } },
    change: { hooks: { startContainer: [{ path: "/only-inside" }] } },
    steps: (place) => [...started(place), { file: `${place.rootfs}/log`, holds: "ran" }],
  },
  ...(["prestart", "createRuntime", "createContainer"] as const).map(
    (kind): Case => ({
      name: `a ${kind} hook that fails makes create fail`,
      rule: "runtime.md, lifecycle: if any hook fails, the runtime MUST generate an error, stop the container, and continue at poststop's step",
      change: ({ host }) => ({
        hooks: {
          [kind]: [script("exit 3"), script(`echo later >>${host}/log`)],
          poststop: [script(`echo stop >>${host}/log`)],
        },
      }),
      steps: (place) => [
        { run: ["create", "--bundle", place.bundle, place.id], exit: "failure", stderr: /hook/i },
        { run: ["state", place.id], exit: "failure" },
        // Whether poststop hooks run then differs from runtime to runtime; later hooks of the kind must not.
        { shell: `! grep later ${place.host}/log 2>/dev/null` },
      ],
    }),
  ),
  {
    name: "a startContainer hook that fails keeps the program from running",
    rule: "runtime.md, lifecycle: if any startContainer hook fails, the runtime MUST generate an error and stop the container",
    change: {
      process: { args: ["sh", "-c", "echo ran >/ran"] },
      hooks: { startContainer: [script("exit 3")] },
    },
    steps: (place) => [
      create(place),
      { run: ["start", place.id], exit: "failure" },
      { ended: true },
      { file: `${place.rootfs}/ran`, absent: true },
    ],
    except: { runc: "start does not wait for it", crun: "start does not wait for it" },
  },
  {
    name: "a poststop hook that fails is a warning",
    rule: "runtime.md, lifecycle: if any poststop hook fails, the runtime MUST log a warning, but the remaining hooks and lifecycle continue",
    change: ({ host }) => ({ hooks: { poststop: [script("exit 3"), script(`echo later >>${host}/log`)] } }),
    steps: (place) => [
      ...started(place),
      ...killed(place),
      { run: ["state", place.id], exit: "failure" },
      { file: `${place.host}/log`, holds: "later" },
    ],
    except: { runc: "1.1.5 stops at the first that fails" },
  },
  {
    name: "a hook that takes longer than its timeout fails",
    rule: "config.md, hooks: timeout is the number of seconds before aborting the hook",
    change: { hooks: { createRuntime: [script("exec sleep 15", { timeout: 1 })] } },
    steps: (place) => [
      { run: ["create", "--bundle", place.bundle, place.id], exit: "failure" },
      { run: ["state", place.id], exit: "failure" },
    ],
  },
  {
    name: "a hook whose path is not absolute is refused",
    rule: "config.md, hooks: this value MUST be an absolute path",
    change: { hooks: { createRuntime: [{ path: "sh" }] } },
    exit: "failure",
    except: { runc: "1.1 looks for it", crun: "fails later" },
  },
  {
    name: "a hook that does not read its input",
    rule: "engines rely on it: EPIPE from a hook that ignores stdin is not an error",
    change: { hooks: { createRuntime: [{ path: "/bin/true" }] }, annotations: { long: "x".repeat(100_000) } },
    script: "echo fine",
    stdout: "fine",
  },
];
