/** Cases about `process` of config.json: what the program is and what it may do. */
import { existsSync } from "node:fs";
import type { Case } from "./case.ts";

const capabilityLine = (name: string) => `grep ^${name} /proc/self/status | tr -d '[:space:]'`;

export const processCases: readonly Case[] = [
  {
    name: "arguments reach the program as they are",
    rule: "process.args: similar semantics to POSIX execvp's argv",
    change: { process: { args: ["sh", "-c", 'printf "<%s>" "$@"', "zero", "", "a b", "*", "$HOME", "ü"] } },
    stdout: "<><a b><*><$HOME><ü>",
  },
  {
    name: "a program is looked for in the container's PATH",
    rule: "args[0] is searched for as execvp does, with the PATH of process.env",
    change: { process: { args: ["tool"], env: ["PATH=/bin:/opt/own"] } },
    files: { "opt/own/tool": { content: "#!/bin/sh\necho found", mode: 0o755 } },
    stdout: "found",
  },
  {
    name: "the environment is the one of config.json",
    rule: "process.env: with the same semantics as IEEE Std 1003.1-2008's environ",
    change: { process: { args: ["env"], env: ["PATH=/bin", "A=b c", "EMPTY=", "HOME=/h", "E=a=b"] } },
    steps: ({ bundle, id }) => [
      {
        run: ["run", "--bundle", bundle, id],
        env: { OUTSIDE: "1" },
        stdout: [/^A=b c$/m, /^EMPTY=$/m, /^HOME=\/h$/m, /^E=a=b$/m, /^((?!OUTSIDE).)*$/s],
      },
    ],
  },
  {
    name: "HOME comes from the container's passwd file",
    rule: "engines rely on it: runc and crun fill in a HOME that config.json leaves out",
    change: { process: { args: ["sh", "-c", "echo $HOME"], user: { uid: 1000, gid: 1000 } } },
    stdout: "/home/alice",
  },
  {
    name: "the working directory",
    rule: "process.cwd is the working directory that will be set for the executable",
    change: { process: { args: ["pwd"], cwd: "/home/alice" } },
    stdout: "/home/alice",
  },
  {
    name: "a working directory that is missing is made",
    rule: "engines rely on it: runc and crun make it, as docker's WORKDIR wants it",
    change: { process: { args: ["pwd"], cwd: "/made/for/it" } },
    stdout: "/made/for/it",
  },
  {
    name: "a working directory that is not absolute is refused",
    rule: "process.cwd: this value MUST be an absolute path",
    change: { process: { cwd: "tmp" } },
    exit: "failure",
  },
  {
    name: "user, group and additional groups",
    rule: "process.user.uid, gid, additionalGids: IDs in the container namespace of the process",
    change: {
      process: {
        args: ["sh", "-c", "id -u; id -g; id -G"],
        user: { uid: 1001, gid: 7, additionalGids: [10, 29] },
      },
    },
    stdout: "1001\n7\n7 10 29",
  },
  {
    name: "no additional groups of the caller's",
    rule: "process.user.additionalGids (OPTIONAL) specifies additional group IDs to be added to the process",
    change: { process: { args: ["sh", "-c", "grep ^Groups /proc/self/status | tr -d '[:space:]'"] } },
    stdout: /^Groups:0?$/,
  },
  {
    name: "umask",
    rule: "process.user.umask: specifies the [umask] of the user",
    change: { process: { args: ["sh", "-c", "umask"], user: { uid: 0, gid: 0, umask: 0o27 } } },
    stdout: "0027",
  },
  ...(["bounding", "effective", "permitted", "inheritable", "ambient"] as const).map((set): Case => {
    const line = {
      bounding: "CapBnd",
      effective: "CapEff",
      permitted: "CapPrm",
      inheritable: "CapInh",
      ambient: "CapAmb",
    };
    const [few, more] = [["CAP_KILL"], ["CAP_KILL", "CAP_CHOWN"]];
    const sets = { bounding: more, effective: few, permitted: more, inheritable: few, ambient: few };
    const ambient = { bounding: more, effective: more, permitted: more, inheritable: more, ambient: few };
    const bits = { bounding: "21", effective: "20", permitted: "21", inheritable: "20", ambient: "20" };
    // The program of root gets all of the bounding set at exec; an ordinary user keeps what is given.
    return {
      name: `capabilities: ${set}`,
      rule: `capabilities.${set} is an array of ${set} capabilities that are kept for the process`,
      change: {
        process: {
          args: ["sh", "-c", capabilityLine(line[set])],
          user: set === "ambient" || set === "bounding" ? { uid: 1000, gid: 1000 } : { uid: 0, gid: 0 },
          capabilities: set === "ambient" ? ambient : sets,
        },
      },
      // exec(2) computes root's permitted set anew: P'(permitted) = inheritable | bounding.
      stdout: `${line[set]}:${(set === "effective" ? "21" : bits[set]).padStart(16, "0")}`,
    };
  }),
  {
    name: "without capabilities there are none",
    rule: "process.capabilities: any of the sets that is missing is empty",
    change: {
      process: { args: ["sh", "-c", "grep ^Cap /proc/self/status | tr -d '[:space:]'"], capabilities: {} },
    },
    stdout: /^(Cap...:0{16}){5}$/,
  },
  {
    name: "rlimits",
    rule: "process.rlimits: soft is the value of the limit enforced, hard is the ceiling",
    change: {
      process: {
        args: ["sh", "-c", "ulimit -Sn; ulimit -Hn; ulimit -Sc; ulimit -Hc"],
        rlimits: [
          { type: "RLIMIT_NOFILE", soft: 100, hard: 200 },
          { type: "RLIMIT_CORE", soft: 512, hard: 1024 },
        ],
      },
    },
    stdout: "100\n200\n1\n2",
  },
  {
    name: "an rlimit that is listed twice is refused",
    rule: "process.rlimits: if rlimits contains duplicated entries with same type, the runtime MUST generate an error",
    change: {
      process: {
        rlimits: [
          { type: "RLIMIT_NOFILE", soft: 100, hard: 200 },
          { type: "RLIMIT_NOFILE", soft: 100, hard: 300 },
        ],
      },
    },
    exit: "failure",
    except: { runc: "1.1 takes it", crun: "1.8 takes it" },
  },
  {
    name: "an unknown rlimit is refused",
    rule: "process.rlimits.type: the runtime MUST generate an error for any values which cannot be mapped to a relevant kernel interface",
    change: { process: { rlimits: [{ type: "RLIMIT_TEST", soft: 1, hard: 1 }] } },
    exit: "failure",
  },
  ...[true, false].map(
    (noNewPrivileges): Case => ({
      name: `noNewPrivileges ${noNewPrivileges}`,
      rule: "process.noNewPrivileges: setting it to true prevents the process from gaining additional privileges",
      change: {
        process: {
          args: ["sh", "-c", "grep ^NoNewPrivs /proc/self/status | tr -d '[:space:]'"],
          noNewPrivileges,
        },
      },
      stdout: `NoNewPrivs:${noNewPrivileges ? 1 : 0}`,
    }),
  ),
  {
    name: "oomScoreAdj",
    rule: "process.oomScoreAdj: the runtime MUST set oom_score_adj to the given value",
    change: { process: { args: ["cat", "/proc/self/oom_score_adj"], oomScoreAdj: 345 } },
    stdout: "345",
  },
  {
    name: "oomScoreAdj that is not given stays as it was",
    rule: "process.oomScoreAdj: if not set, the runtime MUST NOT change the value of oom_score_adj",
    change: { process: { args: ["cat", "/proc/self/oom_score_adj"] } },
    steps: ({ bundle, id }) => [
      {
        under: ["sh", "-c", 'echo 123 >/proc/self/oom_score_adj; exec "$@"', "sh"],
        run: ["run", "--bundle", bundle, id],
        stdout: "123",
      },
    ],
  },
  {
    name: "scheduler with a nice value",
    rule: "process.scheduler: nice is the nice value for the process, affecting its priority",
    change: {
      process: {
        args: ["sh", "-c", "cut -d' ' -f19,41 /proc/self/stat"],
        scheduler: { policy: "SCHED_BATCH", nice: 5 },
      },
    },
    stdout: "5 3",
    except: { runc: "since 1.2", crun: "since 1.9" },
  },
  {
    name: "scheduler with a real-time priority",
    rule: "process.scheduler: priority represents the static priority of the process, used by real-time policies",
    change: () => ({
      process: {
        args: ["sh", "-c", "cut -d' ' -f40,41 /proc/self/stat"],
        scheduler: { policy: "SCHED_RR", priority: 7 },
      },
      // Where cgroups share out real time, a new one has none.
      linux: existsSync("/sys/fs/cgroup/cpu/cpu.rt_runtime_us")
        ? { resources: { cpu: { realtimeRuntime: 5000, realtimePeriod: 1_000_000 } } }
        : {},
    }),
    stdout: "7 2",
    except: { runc: "since 1.2", crun: "since 1.9" },
  },
  {
    name: "an unknown scheduling policy is refused",
    rule: "process.scheduler.policy: SCHED_OTHER, SCHED_FIFO, SCHED_RR, SCHED_BATCH, SCHED_ISO, SCHED_IDLE, SCHED_DEADLINE; valid values",
    raw: (spec) => ({ ...spec, process: { ...spec.process, scheduler: { policy: "SCHED_NONE" } } }),
    exit: "failure",
    except: { runc: "since 1.2", crun: "since 1.9" },
  },
  {
    name: "I/O priority",
    rule: "process.ioPriority: class and priority of the process",
    change: {
      process: { args: ["ionice", "-p", "1"], ioPriority: { class: "IOPRIO_CLASS_BE", priority: 6 } },
    },
    stdout: "best-effort: prio 6",
    except: { runc: "since 1.2", crun: "since 1.9" },
  },
  {
    name: "a process that has no terminal keeps the streams that it is given",
    rule: "process.terminal: if false, the streams are those of the runtime",
    change: { process: { args: ["sh", "-c", "cat; tty || echo err >&2"] } },
    steps: ({ bundle, id }) => [
      { run: ["run", "--bundle", bundle, id], stdin: "in\n", stdout: "in\nnot a tty", stderr: "err" },
    ],
  },
  {
    name: "nothing but the streams is open",
    rule: "engines rely on it: no descriptor of the runtime's reaches the program (CVE-2024-21626)",
    // Without a pipe, whose ends the shell would have for a moment.
    change: { process: { args: ["sh", "-c", "ls /proc/1/fd; true"] } },
    steps: ({ bundle, id }) => [
      {
        under: ["sh", "-c", 'exec 7</; exec "$@"', "sh"],
        run: ["run", "--bundle", bundle, id],
        // The shell's own one for its script or its directory is numbered higher.
        stdout: /^0\n1\n2(\n1\d)?$/,
      },
    ],
    except: { runc: "1.1.5 hands on what it was given" },
  },
  {
    name: "a working directory by way of an open descriptor is refused",
    rule: "engines rely on it: CVE-2024-21626",
    change: { process: { args: ["pwd"], cwd: "/proc/self/fd/7" } },
    steps: ({ bundle, id }) => [
      {
        under: ["sh", "-c", 'exec 7</; exec "$@"', "sh"],
        run: ["run", "--bundle", bundle, id],
        exit: "failure",
      },
    ],
  },
  {
    name: "a program that is missing is an error, whose words engines know",
    rule: "engines rely on it: 'executable file not found' or 'no such file or directory' is exit code 127 of docker",
    change: { process: { args: ["no-such-program"] } },
    exit: "failure",
    stderr: /executable file .*not found|no such file or directory/i,
  },
  {
    name: "a program that cannot be executed is an error, whose words engines know",
    rule: "engines rely on it: 'permission denied' is exit code 126 of docker",
    change: { process: { args: ["/not-executable"] } },
    exit: "failure",
    stderr: /permission denied/i,
  },
  {
    name: "personality LINUX32",
    rule: "linux.personality.domain: LINUX32 sets uname to show a 32 bit CPU type",
    change: { process: { args: ["uname", "-m"] }, linux: { personality: { domain: "LINUX32" } } },
    stdout: /^i[3-6]86$/,
    except: { runc: "since 1.2" },
  },
  {
    name: "memory policy",
    rule: "linux.memoryPolicy: mode MPOL_BIND with nodes, as set_mempolicy(2) has them",
    change: {
      process: { args: ["sh", "-c", "head -1 /proc/self/numa_maps"] },
      linux: { memoryPolicy: { mode: "MPOL_BIND", nodes: "0" } },
    },
    stdout: / bind:0/,
    needs: ["numa"],
    except: { runc: "since 1.4", crun: "since 1.24" },
  },
];
