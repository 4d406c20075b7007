/** Cases about `linux` of config.json but for mounts and cgroups: namespaces, ids, devices, paths, sysctl, seccomp. */
import type { LinuxNamespace, LinuxNamespaceType, Spec } from "../../src/runtime/spec.ts";
import { defaultMounts } from "../fixtures/bundle.ts";
import type { Case, Place, Step } from "./case.ts";

const all: readonly LinuxNamespaceType[] = ["mount", "pid", "ipc", "uts", "network", "cgroup"];
const files: Readonly<Record<LinuxNamespaceType, string>> = {
  mount: "mnt",
  pid: "pid",
  ipc: "ipc",
  uts: "uts",
  network: "net",
  cgroup: "cgroup",
  user: "user",
  time: "time",
};

/** All namespaces but one, which is replaced. */
const namespaces = (type: LinuxNamespaceType, other?: LinuxNamespace): LinuxNamespace[] => [
  ...all.filter((name) => name !== type).map((name) => ({ type: name })),
  ...(other === undefined ? [] : [other]),
];

const mappings = {
  uidMappings: [{ containerID: 0, hostID: 100_000, size: 65_536 }],
  gidMappings: [{ containerID: 0, hostID: 200_000, size: 65_536 }],
};
const withUser = [...all, "user" as const].map((type) => ({ type }));

/** A user namespace's root must be able to reach its rootfs. */
const openBundle = ({ bundle, rootfs }: Place): Step => ({
  shell: `chmod 755 ${bundle}/.. ${bundle} && chown -hR 100000:200000 ${rootfs} 2>/dev/null || true`,
});

const isolated = (type: LinuxNamespaceType): Case => ({
  name: `a new ${type} namespace`,
  rule: "linux.namespaces: if path is not specified, the runtime MUST create a new container namespace of type type",
  script: `readlink /proc/self/ns/${files[type]}`,
  steps: ({ bundle, id }) => [
    {
      under: [
        "sh",
        "-c",
        `test "$("$@")" != "$(readlink /proc/self/ns/${files[type]})" && readlink /proc/self/ns/${files[type]}`,
        "sh",
      ],
      run: ["run", "--bundle", bundle, id],
    },
  ],
});

const inherited = (type: LinuxNamespaceType): Case => ({
  name: `the runtime's ${type} namespace`,
  rule: "linux.namespaces: if a namespace type is not specified, the container MUST inherit the runtime namespace of that type",
  change: {
    linux: { namespaces: namespaces(type), maskedPaths: [], readonlyPaths: [] },
    // A sysfs of one's own needs a network namespace of one's own; proc shows the pid namespace that it is mounted in.
    mounts: defaultMounts.filter(({ type: kind }) => kind !== "mqueue"),
  },
  script: `readlink /proc/self/ns/${files[type]}`,
  steps: ({ bundle, id }) => [
    {
      under: ["sh", "-c", `test "$("$@")" = "$(readlink /proc/self/ns/${files[type]})"`, "sh"],
      run: ["run", "--bundle", bundle, id],
    },
  ],
});

/** A helper process holds a namespace; the container joins it by path. */
const joined = (type: LinuxNamespaceType, flag: string): Case => ({
  name: `joining a ${type} namespace by its path`,
  rule: "linux.namespaces.path: the runtime MUST place the container process in the namespace associated with that path",
  script: `readlink /proc/self/ns/${files[type]} | tee /in`,
  raw: (spec: Spec, { host }: Place) => ({
    ...spec,
    mounts: defaultMounts,
    linux: { ...spec.linux, namespaces: namespaces(type, { type, path: `${host}/ns` }) },
  }),
  steps: ({ bundle, id, host, rootfs }) => [
    {
      under: [
        "unshare",
        "-m",
        "sh",
        "-c",
        `touch ${host}/ns && unshare ${flag} sleep 20 & sleep 0.2; mount --bind /proc/$!/ns/${files[type]} ${host}/ns
        "$@"; code=$?; readlink /proc/$!/ns/${files[type]} >${host}/expected; kill $!; exit $code`,
        "sh",
      ],
      run: ["run", "--bundle", bundle, id],
    },
    { shell: `cmp ${rootfs}/in ${host}/expected` },
  ],
});

export const linuxCases: readonly Case[] = [
  ...all.map(isolated),
  ...(["pid", "ipc", "uts", "network", "cgroup"] as const).map(inherited),
  joined("network", "--net"),
  joined("uts", "--uts"),
  joined("ipc", "--ipc"),
  {
    name: "joining the pid namespace of another container",
    rule: "linux.namespaces.path: the runtime MUST place the container process in the namespace associated with that path",
    script: "test $$ -ne 1 && readlink /proc/self/ns/pid >/in",
    raw: (spec, { host }) => ({
      ...spec,
      linux: { ...spec.linux, namespaces: namespaces("pid", { type: "pid", path: `${host}/ns` }) },
    }),
    steps: ({ bundle, id, host, rootfs }) => [
      {
        under: [
          "unshare",
          "-m",
          "sh",
          "-c",
          `touch ${host}/ns; unshare --pid --fork --kill-child sleep 20 & holder=$!; sleep 0.2
          mount --bind /proc/$holder/ns/pid_for_children ${host}/ns
          "$@"; code=$?; readlink /proc/$holder/ns/pid_for_children >${host}/expected; kill $holder; exit $code`,
          "sh",
        ],
        run: ["run", "--bundle", bundle, id],
      },
      { shell: `cmp ${rootfs}/in ${host}/expected` },
    ],
  },
  {
    name: "init is process 1 of its pid namespace",
    rule: "linux.namespaces: pid: processes inside the container will only be able to see other processes inside the same container",
    script: "echo $$; ls /proc | grep -c '^[0-9]*$'",
    stdout: /^1\n[1-4]$/,
  },
  {
    name: "a path of another type of namespace is refused",
    rule: "linux.namespaces.path: the runtime MUST generate an error if path is not associated with a namespace of type type",
    change: { linux: { namespaces: namespaces("uts", { type: "uts", path: "/proc/1/ns/net" }) } },
    exit: "failure",
  },
  {
    name: "a path that is missing is refused",
    rule: "linux.namespaces.path: the runtime MUST generate an error if path is not associated with a namespace of type type",
    change: { linux: { namespaces: namespaces("uts", { type: "uts", path: "/no/such/namespace" }) } },
    exit: "failure",
  },
  {
    name: "a namespace that is listed twice is refused",
    rule: "linux.namespaces: if a namespaces field contains duplicated namespaces with same type, the runtime MUST generate an error",
    change: { linux: { namespaces: [...all.map((type) => ({ type })), { type: "uts" }] } },
    exit: "failure",
    except: { crun: "takes it" },
  },
  {
    name: "hostname and domainname",
    rule: "hostname and domainname specify the container's names as seen by processes inside the container",
    change: { hostname: "my-host", domainname: "my.domain" },
    script: "hostname; cat /proc/sys/kernel/domainname",
    stdout: "my-host\nmy.domain",
    except: { runc: "domainname since 1.2" },
  },
  {
    name: "a hostname without a uts namespace is refused",
    rule: "engines rely on it: the runtime's own name would change",
    change: { hostname: "not-the-host", linux: { namespaces: namespaces("uts") } },
    exit: "failure",
  },
  {
    name: "the loopback interface is up",
    rule: "engines rely on it: runc and crun bring lo up in a new network namespace",
    script: "cat /sys/class/net/lo/flags",
    stdout: /^0x[0-9a-f]*9$/,
  },
  {
    name: "a user namespace with its mappings",
    rule: "linux.uidMappings and gidMappings describe the user namespace mappings from the host to the container",
    change: { linux: { namespaces: withUser, ...mappings } },
    script: "tr -s ' ' </proc/self/uid_map; tr -s ' ' </proc/self/gid_map; id -u",
    steps: (place) => [
      openBundle(place),
      {
        run: ["run", "--bundle", place.bundle, place.id],
        stdout: /^ *0 100000 65536\n *0 200000 65536\n0$/,
      },
    ],
  },
  {
    name: "an ordinary user of a user namespace",
    rule: "process.user: IDs are in the container namespace",
    change: {
      process: {
        args: ["sh", "-c", "id -u; id -G; touch /tmp/of-alice"],
        user: { uid: 1000, gid: 1000, additionalGids: [29] },
      },
      linux: { namespaces: withUser, ...mappings },
    },
    steps: (place) => [
      openBundle(place),
      { run: ["run", "--bundle", place.bundle, place.id], stdout: "1000\n1000 29" },
      { shell: `stat -c %u:%g ${place.rootfs}/tmp/of-alice`, stdout: "101000:201000" },
    ],
  },
  {
    name: "mappings without a user namespace are refused",
    rule: "linux.uidMappings: mappings of a user namespace; engines rely on the error",
    change: { linux: { namespaces: all.map((type) => ({ type })), ...mappings } },
    exit: "failure",
    except: { crun: "ignores them" },
  },
  {
    name: "time offsets",
    rule: "linux.timeOffsets sets the offset for the boottime and monotonic clock",
    change: {
      linux: {
        namespaces: [...all, "time" as const].map((type) => ({ type })),
        timeOffsets: { boottime: { secs: 5_000_000 }, monotonic: { secs: 1000 } },
      },
    },
    script: "test $(cut -d. -f1 /proc/uptime) -ge 5000000 && echo fine; tr -s ' ' </proc/self/timens_offsets",
    stdout: /^fine\nmonotonic 1000 0\nboottime 5000000 0$/,
    needs: ["time-namespace"],
    except: { runc: "since 1.2" },
  },
  {
    name: "the default devices",
    rule: "config-linux.md, default devices: /dev/null zero full random urandom tty console ptmx",
    script:
      "for d in null zero full random urandom tty; do stat -c '%n %t:%T %a' /dev/$d; done; readlink /dev/ptmx",
    stdout:
      /^\/dev\/null 1:3 666\n\/dev\/zero 1:5 666\n\/dev\/full 1:7 666\n\/dev\/random 1:8 666\n\/dev\/urandom 1:9 666\n\/dev\/tty 5:0 666\n(\/dev\/)?pts\/ptmx$/,
  },
  {
    name: "the default symlinks",
    rule: "runtime-linux.md, dev symbolic links: /dev/fd stdin stdout stderr",
    script: "for name in fd stdin stdout stderr; do readlink /dev/$name; done",
    stdout: "/proc/self/fd\n/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2",
  },
  {
    name: "devices",
    rule: "linux.devices: type, path, major, minor, fileMode, uid, gid of devices that MUST be available",
    change: {
      linux: {
        devices: [
          { path: "/dev/own/char", type: "c", major: 10, minor: 229, fileMode: 0o640, uid: 3, gid: 4 },
          { path: "/dev/block", type: "b", major: 7, minor: 9, fileMode: 0o600 },
          { path: "/dev/fifo", type: "p", fileMode: 0o622 },
        ],
      },
    },
    script: "for d in own/char block fifo; do stat -c '%F %t:%T %a %u:%g' /dev/$d; done",
    stdout: /^character special file a:e5 640 3:4\nblock special file 7:9 600 0:0\nfifo 0:0 622 0:0$/,
  },
  {
    name: "a device of an unknown type is refused",
    rule: "linux.devices.type: type of device: c, b, u or p",
    raw: (spec) => ({
      ...spec,
      linux: { ...spec.linux, devices: [{ path: "/dev/x", type: "x", major: 1, minor: 3 }] },
    }),
    exit: "failure",
  },
  {
    name: "masked files and directories",
    rule: "linux.maskedPaths will mask over the provided paths inside the container so that they cannot be read",
    files: { secret: "secret", "directory/file": "x" },
    change: { linux: { maskedPaths: ["/secret", "/directory", "/missing"] } },
    script:
      "cat /secret; ls -A /directory; ! touch /directory/new 2>/dev/null; test ! -e /missing && echo fine",
    stdout: "fine",
  },
  {
    name: "read-only paths",
    rule: "linux.readonlyPaths will set the provided paths as readonly inside the container",
    files: { file: "x", "directory/file": "x" },
    change: { linux: { readonlyPaths: ["/file", "/directory", "/missing"] } },
    script: "! echo y 2>/dev/null >>/file; ! touch /directory/new 2>/dev/null; cat /file",
    stdout: "x",
  },
  {
    name: "sysctl",
    rule: "linux.sysctl allows kernel parameters to be modified at runtime for the container",
    change: {
      linux: {
        sysctl: { "net.ipv4.ip_forward": "1", "kernel.shmmax": "65536", "net/ipv4/conf/lo/arp_filter": "1" },
      },
    },
    script: "cd /proc/sys; cat net/ipv4/ip_forward kernel/shmmax net/ipv4/conf/lo/arp_filter",
    stdout: "1\n65536\n1",
  },
  ...["kernel.pid_max", "vm.swappiness", "../../etc/x"].map(
    (name): Case => ({
      name: `the sysctl ${name} is refused: it would be the host's`,
      rule: "engines rely on it: only namespaced kernel parameters",
      change: { linux: { sysctl: { [name]: "1" } } },
      exit: "failure",
    }),
  ),
  {
    name: "the sysctls of the network are refused without a network namespace",
    rule: "engines rely on it: only namespaced kernel parameters",
    change: { linux: { namespaces: namespaces("network"), sysctl: { "net.ipv4.ip_forward": "1" } } },
    exit: "failure",
  },
  {
    name: "seccomp: an error number",
    rule: "linux.seccomp: SCMP_ACT_ERRNO with errnoRet",
    change: {
      linux: {
        seccomp: {
          defaultAction: "SCMP_ACT_ALLOW",
          syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 28 }],
        },
      },
    },
    script: "mkdir /new 2>&1; grep ^Seccomp: /proc/self/status | tr -d '[:space:]'",
    stdout: [/No space left/, /Seccomp:2$/],
  },
  {
    name: "seccomp: a condition on an argument",
    rule: "linux.seccomp.syscalls.args: index, value, valueTwo, op",
    change: {
      linux: {
        seccomp: {
          defaultAction: "SCMP_ACT_ALLOW",
          syscalls: [
            {
              names: ["kill"],
              action: "SCMP_ACT_ERRNO",
              errnoRet: 28,
              args: [{ index: 1, value: 12, op: "SCMP_CMP_EQ" }],
            },
          ],
        },
      },
    },
    script: "kill -10 99999 2>&1; kill -12 99999 2>&1; true",
    stdout: [/No such process/, /No space left/],
  },
  {
    name: "seccomp: killing",
    rule: "linux.seccomp: SCMP_ACT_KILL_PROCESS ends the process by SIGSYS",
    change: {
      linux: {
        seccomp: {
          defaultAction: "SCMP_ACT_ALLOW",
          syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_KILL_PROCESS" }],
        },
      },
    },
    script: "mkdir /new; echo $?",
    stdout: /\b159$/,
  },
  {
    name: "seccomp: an unknown action is refused",
    rule: "linux.seccomp.defaultAction: allowed values are those of libseccomp",
    raw: (spec) => ({ ...spec, linux: { ...spec.linux, seccomp: { defaultAction: "SCMP_ACT_NONE" } } }),
    exit: "failure",
  },
  {
    name: "seccomp: an unknown system call is no error",
    rule: "engines rely on it: profiles name system calls that this kernel or architecture lacks",
    change: {
      linux: {
        seccomp: {
          defaultAction: "SCMP_ACT_ALLOW",
          syscalls: [{ names: ["no_such_call"], action: "SCMP_ACT_ERRNO" }],
        },
      },
    },
    script: "echo fine",
    stdout: "fine",
  },
  {
    name: "seccomp: a profile that forbids what only the runtime needs",
    rule: "linux.seccomp is about the program: engines rely on the runtime's own steps being done before",
    change: {
      process: { args: ["sh", "-c", "echo fine"], noNewPrivileges: true },
      linux: {
        seccomp: {
          defaultAction: "SCMP_ACT_ALLOW",
          syscalls: [
            {
              names: [
                "mount",
                "umount2",
                "pivot_root",
                "setuid",
                "setgid",
                "setgroups",
                "capset",
                "chdir",
                "getcwd",
              ],
              action: "SCMP_ACT_ERRNO",
            },
          ],
        },
      },
    },
    stdout: "fine",
  },
  ...["shared", "slave", "private", "unbindable"].map(
    (rootfsPropagation): Case => ({
      name: `root propagation ${rootfsPropagation}`,
      rule: "linux.rootfsPropagation sets the rootfs's mount propagation",
      change: { linux: { rootfsPropagation } },
      script: "awk '$5 == \"/\"' /proc/self/mountinfo | tail -1 | cut -d' ' -f6-",
      stdout:
        {
          shared: /shared:\d+/,
          // Whether there is a master depends on the host's own mount.
          slave: /^(?!.*shared:)/,
          private: /^(?!.*(shared|master):)/,
          unbindable: /unbindable/,
        }[rootfsPropagation] ?? /never/,
      ...(/shared|unbindable/.test(rootfsPropagation)
        ? { except: { runc: "1.1.5 fails, or leaves it private" } }
        : {}),
    }),
  ),
  {
    name: "an unknown root propagation is refused",
    rule: "linux.rootfsPropagation: its value is either shared, slave, private or unbindable",
    change: { linux: { rootfsPropagation: "sideways" } },
    exit: "failure",
  },
];
