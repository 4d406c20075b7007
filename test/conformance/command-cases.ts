/** Cases about the commands that the specification does not have, and the words, files and codes that engines rely on. */
import type { Case, Place, Step } from "./case.ts";
import { create, started } from "./case.ts";

const exec = (
  { id }: Place,
  flags: readonly string[],
  script: string,
  more: { exit?: number; stdout?: string | RegExp } = {},
): Step => ({
  run: ["exec", ...flags, id, "sh", "-c", script],
  ...more,
});

const execs = (
  name: string,
  rule: string,
  flags: readonly string[],
  script: string,
  stdout: string | RegExp,
): Case => ({
  name: `exec ${name}`,
  rule: `engines rely on it: ${rule}`,
  steps: (place) => [...started(place), exec(place, flags, script, { stdout })],
});

export const commandCases: readonly Case[] = [
  ...[0, 1, 42, 255].map(
    (code): Case => ({
      name: `run ends with exit code ${code}`,
      rule: "engines rely on it: a foreground run ends with the container's exit status",
      script: `exit ${code}`,
      exit: code,
    }),
  ),
  {
    name: "run ends with 128 and the signal",
    rule: "engines rely on it: 128 + signal when the program was killed",
    script: "touch /ready; sleep 1000",
    steps: ({ bundle, id, rootfs }) => [
      {
        under: [
          "sh",
          "-c",
          `"$@" & until test -e ${rootfs}/ready; do sleep 0.02; done; "$1" "$2" "$3" kill ${id} KILL; wait $!`,
          "sh",
        ],
        run: ["run", "--bundle", bundle, id],
        exit: 137,
      },
    ],
  },
  {
    name: "run leaves nothing in the foreground",
    rule: "engines rely on it: run deletes the container at its end unless --keep",
    script: "true",
    steps: ({ bundle, id }) => [
      { run: ["run", "--bundle", bundle, id] },
      { run: ["state", id], exit: "failure" },
    ],
  },
  {
    name: "run --keep",
    rule: "engines rely on it: --keep leaves a stopped container",
    change: { process: { args: ["true"] } },
    steps: ({ bundle, id }) => [
      { run: ["run", "--keep", "--bundle", bundle, id] },
      { state: { status: "stopped" } },
      { run: ["delete", id] },
    ],
  },
  {
    name: "run --detach",
    rule: "engines rely on it: the runtime ends, the container goes on",
    steps: ({ bundle, id }) => [
      { run: ["run", "--detach", "--bundle", bundle, id] },
      { state: { status: "running" } },
    ],
  },
  {
    name: "the pid file of create",
    rule: "engines rely on it: it is there when create returns, with the host's pid and no newline",
    steps: ({ bundle, id, host }) => [
      { run: ["create", "--bundle", bundle, "--pid-file", `${host}/pid`, id] },
      { shell: `printf %s "$PID" | cmp - ${host}/pid` },
    ],
  },
  {
    name: "a terminal needs a console socket in the background",
    rule: "engines rely on it: a terminal without a console socket is an error of create",
    change: { process: { terminal: true } },
    steps: ({ bundle, id }) => [
      { run: ["create", "--bundle", bundle, id], exit: "failure" },
      { run: ["state", id], exit: "failure" },
    ],
  },
  {
    name: "a console socket needs a terminal",
    rule: "engines rely on it: a console socket without a terminal is an error of create",
    steps: ({ bundle, id, host }) => [
      { run: ["create", "--bundle", bundle, "--console-socket", `${host}/none`, id], exit: "failure" },
    ],
    except: { crun: "does not look" },
  },
  {
    name: "errors stand in the JSON log",
    rule: "engines rely on it: the last object of level error in the log is shown to people",
    steps: ({ bundle, host, id }) => [
      {
        run: ["--log", `${host}/log`, "--log-format", "json", "start", id],
        exit: "failure",
        stderr: /does not exist|No such file/,
      },
      {
        shell: `tail -1 ${host}/log | jq -r '.level, (.msg | length > 0), (.time | length > 18)'`,
        stdout: "error\ntrue\ntrue",
      },
      { shell: `test -d ${bundle}` },
    ],
  },
  {
    name: "--version",
    rule: "engines rely on it: dockerd splits `NAME version X`, podman shows it",
    steps: () => [{ run: ["--version"], stdout: [/^\w+ version \d+\.\d+/, /^spec: 1\./m] }],
  },
  {
    name: "features",
    rule: "features.md: ociVersionMin, ociVersionMax, hooks, mountOptions, linux.namespaces",
    steps: ({ host }) => [
      {
        run: ["features"],
        stdout: [/"ociVersionMin"/, /"ociVersionMax"/, /"createRuntime"/, /"rbind"/, /"cgroup"/],
        stderr: "",
      },
      { shell: `test -d ${host}` },
    ],
    except: { crun: "since 1.8.6" },
  },
  {
    name: "spec, which run takes",
    rule: "engines rely on it: spec writes a config.json that works, and never over another",
    steps: ({ bundle, id }) => [
      { shell: `rm ${bundle}/config.json` },
      { run: ["spec", "--bundle", bundle] },
      { run: ["spec", "--bundle", bundle], exit: "failure" },
      {
        shell: `sed -i -e 's/"terminal": true/"terminal": false/' -e 's/"sh"/"true"/' ${bundle}/config.json`,
      },
      { run: ["run", "--bundle", bundle, id] },
    ],
  },
  {
    name: "list",
    rule: "engines rely on it: list --quiet and list --format json",
    steps: (place) => [
      ...started(place),
      { run: ["list", "--quiet"], stdout: place.id },
      {
        run: ["list", "--format", "json"],
        stdout: [/^\[/, new RegExp(`"id": ?"${place.id}"`), /"status": ?"running"/],
      },
      { run: ["list"], stdout: [/^ID /, new RegExp(place.id)] },
    ],
  },
  {
    name: "ps",
    rule: "engines rely on it: ps --format json is an array of the host's pids",
    steps: (place) => [
      ...started(place),
      { run: ["ps", "--format", "json", place.id], stdout: /^\[\d+\]$/ },
      { run: ["ps", place.id], stdout: [/^UID/, /sleep/] },
    ],
  },
  {
    name: "pause and resume",
    rule: "engines rely on it: paused is a status; exec and pause again are refused",
    steps: (place) => [
      ...started(place),
      { run: ["pause", place.id] },
      { state: { status: "paused" } },
      { run: ["exec", place.id, "true"], exit: "failure" },
      { run: ["resume", place.id] },
      { state: { status: "running" } },
      { run: ["resume", place.id], exit: "failure" },
      { run: ["exec", place.id, "true"] },
    ],
    except: { crun: "1.8 lets exec wait" },
  },
  {
    name: "events --stats",
    rule: "engines rely on it: one line of JSON with type stats",
    steps: (place) => [
      ...started(place),
      { run: ["events", "--stats", place.id], stdout: [/^\{"type":"stats"/, /"memory"/, /"pids"/, /"cpu"/] },
    ],
    except: { crun: "has no events" },
  },
  {
    name: "descriptors that are preserved",
    rule: "engines rely on it: --preserve-fds N passes on 3 and those behind it",
    change: { process: { args: ["sh", "-c", "cat <&3"] } },
    steps: ({ bundle, id, host }) => [
      { shell: `echo kept >${host}/file` },
      {
        under: ["sh", "-c", `exec 3<${host}/file; exec "$@"`, "sh"],
        run: ["run", "--preserve-fds", "1", "--bundle", bundle, id],
        stdout: "kept",
      },
    ],
  },
  {
    name: "sockets of systemd's activation",
    rule: "engines rely on it: LISTEN_FDS passes descriptors on, with LISTEN_PID of the program",
    change: { process: { args: ["sh", "-c", "echo $LISTEN_FDS $LISTEN_PID; cat <&3"] } },
    steps: ({ bundle, id, host }) => [
      { shell: `echo kept >${host}/file` },
      {
        under: ["sh", "-c", `exec 3<${host}/file; LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"`, "sh"],
        run: ["run", "--bundle", bundle, id],
        stdout: "1 1\nkept",
      },
    ],
  },
  execs(
    "in the container's namespaces",
    "exec joins all of init's",
    [],
    "readlink /proc/1/ns/mnt; readlink /proc/self/ns/mnt",
    /^(.*)\n\1$/,
  ),
  execs("--cwd", "the working directory", ["--cwd", "/tmp"], "pwd", "/tmp"),
  execs(
    "--env",
    "variables besides those of config.json",
    ["--env", "A=b", "--env", "C=d e"],
    "echo $A $C",
    "b d e",
  ),
  execs("--user", "UID and GID", ["--user", "1000:7"], "id -u; id -g", "1000\n7"),
  execs(
    "--user without a group",
    "the group stays the process's",
    ["--user", "1000"],
    "id -u; id -g",
    "1000\n0",
  ),
  execs(
    "--no-new-privs",
    "no_new_privs",
    ["--no-new-privs"],
    "grep NoNewPrivs /proc/self/status | cut -f2",
    "1",
  ),
  execs(
    "--cap",
    "a further capability, but not inheritable (CVE-2022-29162)",
    ["--cap", "CAP_SYS_TIME"],
    "grep -E 'CapInh|CapEff' /proc/self/status | cut -f2",
    /^0000000000000000\n00000000a.*$/,
  ),
  execs("of flags behind the ID", "they belong to the program", [], "set -- --user 5; echo $#", "2"),
  {
    name: "exec's exit codes",
    rule: "engines rely on it: the program's exit code",
    steps: (place) => [
      ...started(place),
      exec(place, [], "exit 9", { exit: 9 }),
      exec(place, [], "kill -9 $$", { exit: 137 }),
      { run: ["exec", place.id, "no-such-program"], exit: "failure", stderr: /executable file .*not found/ },
    ],
  },
  {
    name: "exec in a stopped container",
    rule: "engines rely on it: it is refused",
    change: { process: { args: ["true"] } },
    steps: (place) => [
      ...started(place),
      { ended: true },
      { run: ["exec", place.id, "true"], exit: "failure" },
    ],
  },
  {
    name: "exec in a created container",
    rule: "engines rely on it: it is allowed; the program waits on",
    steps: (place) => [
      create(place),
      { run: ["exec", place.id, "echo", "early"], stdout: "early" },
      { state: { status: "created" } },
    ],
  },
  {
    name: "exec --detach with a pid file",
    rule: "engines rely on it: exec ends at once, the pid file is there",
    steps: (place) => [
      ...started(place),
      { run: ["exec", "--detach", "--pid-file", `${place.host}/pid`, place.id, "sleep", "1000"] },
      { shell: `grep -q sleep /proc/$(cat ${place.host}/pid)/cmdline` },
    ],
  },
  {
    name: "exec --process",
    rule: "engines rely on it: containerd and conmon hand over the process as a file",
    steps: (place) => [
      ...started(place),
      {
        shell: `echo '{"args":["sh","-c","id -u; pwd; echo $X"],"cwd":"/tmp","user":{"uid":7,"gid":8},"env":["PATH=/bin","X=y"]}' >${place.host}/process.json`,
      },
      { run: ["exec", "--process", `${place.host}/process.json`, place.id], stdout: "7\n/tmp\ny" },
    ],
  },
  {
    name: "a user that is no number is refused",
    rule: "engines rely on it: CVE-2026-30892",
    steps: (place) => [
      ...started(place),
      { run: ["exec", "--user", "1x", place.id, "id"], exit: "failure" },
      { run: ["exec", "--user", "1:", place.id, "id"], exit: "failure" },
      { run: ["exec", "--user", "-1", place.id, "id"], exit: "failure" },
    ],
    except: { crun: "has the flaw" },
  },
  {
    name: "signals reach the program of a foreground run",
    rule: "engines rely on it: run forwards signals",
    change: {
      process: { args: ["sh", "-c", "trap 'exit 9' TERM; echo >/ready; while :; do sleep 0.02; done"] },
    },
    steps: ({ bundle, id, rootfs }) => [
      {
        under: [
          "sh",
          "-c",
          `"$@" & until test -e ${rootfs}/ready; do sleep 0.02; done; kill -TERM $!; wait $!`,
          "sh",
        ],
        run: ["run", "--bundle", bundle, id],
        exit: 9,
      },
    ],
  },
];
