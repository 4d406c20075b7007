/** Cases about `linux.cgroupsPath` and `linux.resources`, on hosts with cgroups of version 1. */
import type { LinuxResources } from "../../src/runtime/spec.ts";
import type { Case, Match } from "./case.ts";
import { create, killed, started } from "./case.ts";

/** The directory of init's cgroup of a controller. */
const group = (controller: string) =>
  `/sys/fs/cgroup/${controller}$(sed -nE 's/^[0-9]+:([^:]*,)?${controller}(,[^:]*)?:(.*)/\\3/p' /proc/$PID/cgroup)`;

/** A value of a controller's file. */
const value = (name: string, resources: LinuxResources, file: string, expected: Match): Case => ({
  name: `resources: ${name}`,
  rule: `config-linux.md, control groups: ${name}`,
  change: { linux: { resources } },
  steps: (place) => [
    create(place),
    { shell: `cat ${group(file.split("/")[0] ?? "")}/${file.split("/")[1]}`, stdout: expected },
  ],
  needs: ["cgroup1"],
});

const mebibyte = 2 ** 20;

export const cgroupCases: readonly Case[] = [
  value("memory.limit", { memory: { limit: 64 * mebibyte } }, "memory/memory.limit_in_bytes", "67108864"),
  value(
    "memory.reservation",
    { memory: { reservation: 32 * mebibyte } },
    "memory/memory.soft_limit_in_bytes",
    "33554432",
  ),
  value("cpu.shares", { cpu: { shares: 512 } }, "cpu/cpu.shares", "512"),
  value("cpu.quota", { cpu: { quota: 20_000, period: 50_000 } }, "cpu/cpu.cfs_quota_us", "20000"),
  value("cpu.period", { cpu: { quota: 20_000, period: 50_000 } }, "cpu/cpu.cfs_period_us", "50000"),
  value("cpu.cpus", { cpu: { cpus: "0" } }, "cpuset/cpuset.cpus", "0"),
  value("cpu.mems", { cpu: { mems: "0" } }, "cpuset/cpuset.mems", "0"),
  value("pids.limit", { pids: { limit: 77 } }, "pids/pids.max", "77"),
  value(
    "devices",
    {
      devices: [
        { allow: false, access: "rwm" },
        { allow: true, type: "c", major: 10, minor: 229, access: "rw" },
      ],
    },
    "devices/devices.list",
    [/c 10:229 rw$/m, /c 1:3 rwm$/m],
  ),
  {
    name: "a device that is not allowed cannot be opened",
    rule: "linux.resources.devices configures the allowed device list",
    change: {
      linux: {
        devices: [{ path: "/dev/own", type: "c", major: 10, minor: 229, fileMode: 0o666 }],
        resources: { devices: [{ allow: false, access: "rwm" }] },
      },
    },
    script: "cat /dev/own 2>&1; head -c 1 /dev/zero | wc -c",
    stdout: /Operation not permitted\n1$/,
  },
  {
    name: "an absolute cgroupsPath",
    rule: "linux.cgroupsPath: in the case of an absolute path, the runtime MUST take the path to be relative to the cgroups mount point",
    change: ({ id }) => ({ linux: { cgroupsPath: `/${id}-parent/${id}` } }),
    steps: (place) => [
      create(place),
      { shell: `grep -q ':memory:/${place.id}-parent/${place.id}$' /proc/$PID/cgroup` },
      { run: ["delete", "--force", place.id] },
      { shell: `test ! -d /sys/fs/cgroup/memory/${place.id}-parent/${place.id}` },
      { shell: `find /sys/fs/cgroup -depth -name '${place.id}-parent' -exec rmdir {} + 2>/dev/null; true` },
    ],
    needs: ["cgroup1"],
  },
  {
    name: "the container's cgroup goes with it",
    rule: "runtime.md, delete: MUST delete the resources that were created during the create step",
    steps: (place) => [
      ...started(place),
      ...killed(place),
      { shell: `test -z "$(find /sys/fs/cgroup -name '*${place.id}*' 2>/dev/null)"` },
    ],
  },
  {
    name: "update of limits by flags",
    rule: "engines rely on it: update --memory --pids-limit --cpu-share",
    change: { linux: { resources: { memory: { limit: 64 * mebibyte } } } },
    steps: (place) => [
      ...started(place),
      { run: ["update", "--memory", "32M", "--pids-limit", "33", "--cpu-share", "256", place.id] },
      {
        shell: `cat ${group("memory")}/memory.limit_in_bytes ${group("pids")}/pids.max ${group("cpu")}/cpu.shares`,
        stdout: "33554432\n33\n256",
      },
    ],
    needs: ["cgroup1"],
    except: { crun: "takes no units" },
  },
  {
    name: "update of limits as JSON on standard input",
    rule: "engines rely on it: containerd calls update --resources=- and cri-o update --resources -",
    steps: (place) => [
      ...started(place),
      { run: ["update", "--resources=-", place.id], stdin: '{"pids":{"limit":44}}' },
      { shell: `cat ${group("pids")}/pids.max`, stdout: "44" },
      { run: ["update", "--resources", "-", place.id], stdin: '{"pids":{"limit":45}}' },
      { shell: `cat ${group("pids")}/pids.max`, stdout: "45" },
    ],
    needs: ["cgroup1"],
  },
  {
    name: "a program that takes too much memory is killed",
    rule: "linux.resources.memory.limit sets limit of memory usage",
    change: { linux: { resources: { memory: { limit: 16 * mebibyte, swap: 16 * mebibyte } } } },
    script:
      "sh -c 'echo 1000 >/proc/self/oom_score_adj; head -c 100m /dev/zero | tail -c 90m | wc -c' >/dev/null; dmesg 2>/dev/null | wc -c >/dev/null; cat /sys/fs/cgroup/none 2>/dev/null; echo after",
    stdout: "after",
    stderr: /[Kk]illed|out of memory|^$/,
  },
  {
    name: "more processes than pids.limit cannot be made",
    rule: "linux.resources.pids.limit: maximum number of tasks in the cgroup",
    change: { linux: { resources: { pids: { limit: 5 } } } },
    script: "for i in 1 2 3 4 5 6 7; do sleep 3 & done; echo not reached",
    exit: "failure",
    stderr: /can't fork/,
  },
];
