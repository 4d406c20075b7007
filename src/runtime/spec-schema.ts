/** The shape of config.json: types and values of every field that currunt reads. Fields it does not know are passed over. */
import type { Shape } from "../base/shape.ts";
import {
  flag,
  listOf,
  objectOf,
  oneOf,
  tableOf,
  text,
  textThat,
  whole,
  withDefaults,
} from "../base/shape.ts";
import { resourcesShape } from "./resource-schema.ts";
import { seccompShape } from "./seccomp-schema.ts";
import type {
  Capabilities,
  Hook,
  Hooks,
  IntelRdt,
  IOPriority,
  Linux,
  LinuxDevice,
  LinuxIDMapping,
  LinuxNamespace,
  MemoryPolicy,
  Mount,
  Process,
  Rlimit,
  Root,
  Scheduler,
  Spec,
  TimeOffset,
  User,
} from "./spec.ts";

const texts = listOf(text);
const unsigned32 = whole(0, 0xffff_ffff);
const natural = whole(0);
/** Limits of 64 bits, which JSON rounds above 2^53; negative ones mean none. */
const limit = whole();
const someText = textThat((value) => value !== "", "is empty");
const absolutePath = textThat((path) => path.startsWith("/"), "is no absolute path");
const setting = textThat((entry) => entry.indexOf("=") > 0, "is not NAME=VALUE");

const mappings = listOf(
  objectOf<LinuxIDMapping>({ containerID: unsigned32, hostID: unsigned32, size: whole(1, 0xffff_ffff) }, [
    "containerID",
    "hostID",
    "size",
  ]),
);

const scheduler = objectOf<Scheduler>(
  {
    policy: oneOf(
      "SCHED_OTHER",
      "SCHED_BATCH",
      "SCHED_IDLE",
      "SCHED_FIFO",
      "SCHED_RR",
      "SCHED_DEADLINE",
      "SCHED_ISO",
    ),
    nice: whole(-20, 19),
    priority: whole(0, 99),
    flags: listOf(
      oneOf(
        "SCHED_FLAG_RESET_ON_FORK",
        "SCHED_FLAG_RECLAIM",
        "SCHED_FLAG_DL_OVERRUN",
        "SCHED_FLAG_KEEP_POLICY",
        "SCHED_FLAG_KEEP_PARAMS",
        "SCHED_FLAG_UTIL_CLAMP_MIN",
        "SCHED_FLAG_UTIL_CLAMP_MAX",
      ),
    ),
    runtime: natural,
    deadline: natural,
    period: natural,
  },
  ["policy"],
);

/** A list of numbers as the kernel writes them; nothing at all is none. */
const numberList = textThat(
  (list) => /^(\d+(-\d+)?(,\d+(-\d+)?)*)?$/.test(list),
  'is no list such as "0-3,7"',
);

/** Who names no user, or no group, means root's, as for programs in Go, whose zeros these are. */
const root = () => ({ uid: 0, gid: 0 });

const user = withDefaults(
  objectOf<User>(
    { uid: unsigned32, gid: unsigned32, umask: whole(0, 0o777), additionalGids: listOf(unsigned32) },
    ["uid", "gid"],
  ),
  root,
);

const writtenProcess = objectOf<Process>(
  {
    terminal: flag,
    consoleSize: objectOf({ height: unsigned32, width: unsigned32 }, ["height", "width"]),
    user,
    args: listOf(text, 1),
    env: listOf(setting),
    cwd: absolutePath,
    capabilities: objectOf<Capabilities>({
      bounding: texts,
      effective: texts,
      inheritable: texts,
      permitted: texts,
      ambient: texts,
    }),
    rlimits: listOf(objectOf<Rlimit>({ type: text, soft: limit, hard: limit }, ["type", "soft", "hard"])),
    noNewPrivileges: flag,
    apparmorProfile: text,
    selinuxLabel: text,
    oomScoreAdj: whole(-1000, 1000),
    scheduler,
    ioPriority: withDefaults(
      objectOf<IOPriority>(
        { class: oneOf("IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE"), priority: whole(0, 7) },
        ["class", "priority"],
      ),
      () => ({ priority: 0 }),
    ),
    execCPUAffinity: objectOf({ initial: numberList, final: numberList }),
  },
  ["user", "args", "cwd"],
);

/** `process`; also what `exec --process` reads. */
export const processShape: Shape<Process> = withDefaults(writtenProcess, () => ({ user: root() }));

const mount = objectOf<Mount>(
  {
    destination: someText,
    type: text,
    source: text,
    options: texts,
    uidMappings: mappings,
    gidMappings: mappings,
  },
  ["destination"],
);

const hooks = listOf(
  objectOf<Hook>({ path: absolutePath, args: texts, env: texts, timeout: whole(1) }, ["path"]),
);

const linux = objectOf<Linux>({
  namespaces: listOf(
    objectOf<LinuxNamespace>(
      {
        type: oneOf("pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time"),
        path: textThat((path) => path === "" || path.startsWith("/"), "is no absolute path"),
      },
      ["type"],
    ),
  ),
  uidMappings: mappings,
  gidMappings: mappings,
  timeOffsets: tableOf(
    objectOf<TimeOffset>({ secs: whole(), nanosecs: unsigned32 }),
    oneOf("monotonic", "boottime"),
  ),
  devices: listOf(
    objectOf<LinuxDevice>(
      {
        path: absolutePath,
        type: oneOf("c", "u", "b", "p"),
        major: natural,
        minor: natural,
        fileMode: unsigned32,
        uid: unsigned32,
        gid: unsigned32,
      },
      ["path", "type"],
    ),
  ),
  cgroupsPath: text,
  resources: resourcesShape,
  rootfsPropagation: oneOf(
    "",
    "shared",
    "rshared",
    "slave",
    "rslave",
    "private",
    "rprivate",
    "unbindable",
    "runbindable",
  ),
  seccomp: seccompShape,
  sysctl: tableOf(text),
  maskedPaths: listOf(absolutePath),
  readonlyPaths: listOf(absolutePath),
  mountLabel: text,
  personality: objectOf({ domain: oneOf("LINUX", "LINUX32"), flags: texts }, ["domain"]),
  intelRdt: objectOf<IntelRdt>({
    closID: text,
    schemata: texts,
    l3CacheSchema: text,
    memBwSchema: text,
    enableMonitoring: flag,
  }),
  memoryPolicy: objectOf<MemoryPolicy>(
    {
      mode: oneOf(
        "MPOL_DEFAULT",
        "MPOL_BIND",
        "MPOL_INTERLEAVE",
        "MPOL_WEIGHTED_INTERLEAVE",
        "MPOL_PREFERRED",
        "MPOL_PREFERRED_MANY",
        "MPOL_LOCAL",
      ),
      nodes: numberList,
      flags: listOf(oneOf("MPOL_F_NUMA_BALANCING", "MPOL_F_RELATIVE_NODES", "MPOL_F_STATIC_NODES")),
    },
    ["mode"],
  ),
  netDevices: tableOf(objectOf<{ readonly name?: string }>({ name: text })),
});

/** config.json. */
export const specShape: Shape<Spec> = objectOf<Spec>(
  {
    ociVersion: textThat(
      (version) => /^1\.\d+\.\d+([-+].*)?$/.test(version),
      "is no version 1 of the runtime specification",
    ),
    root: objectOf<Root>({ path: someText, readonly: flag }, ["path"]),
    process: processShape,
    hostname: text,
    domainname: text,
    mounts: listOf(mount),
    hooks: objectOf<Hooks>({
      prestart: hooks,
      createRuntime: hooks,
      createContainer: hooks,
      startContainer: hooks,
      poststart: hooks,
      poststop: hooks,
    }),
    annotations: tableOf(text, someText),
    linux,
  },
  ["ociVersion"],
);
