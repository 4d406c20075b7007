/** The shape of config.json: types and values of every field that currunt reads. Fields it does not know are left out. */
import * as v from "valibot";

const optional = v.exactOptional;
const text = v.string();
const flag = v.boolean();
const texts = v.array(text);
const whole = v.pipe(v.number(), v.integer());
const natural = v.pipe(whole, v.minValue(0));
const unsigned32 = v.pipe(natural, v.maxValue(0xffff_ffff));
const absolutePath = v.pipe(
  text,
  v.check((path) => path.startsWith("/"), "is no absolute path"),
);
const table = v.record(text, text);
/** Limits of 64 bits, which JSON rounds above 2^53; negative ones mean none. */
const limit = v.number();

const mapping = v.object({
  containerID: unsigned32,
  hostID: unsigned32,
  size: v.pipe(unsigned32, v.minValue(1)),
});
const mappings = v.array(mapping);

const capabilities = v.object({
  bounding: optional(texts),
  effective: optional(texts),
  inheritable: optional(texts),
  permitted: optional(texts),
  ambient: optional(texts),
});

const environment = v.array(
  v.pipe(
    text,
    v.check((entry) => entry.indexOf("=") > 0, "is not NAME=VALUE"),
  ),
);

const process = v.object({
  terminal: optional(flag),
  consoleSize: optional(v.object({ height: unsigned32, width: unsigned32 })),
  user: v.object({
    uid: unsigned32,
    gid: unsigned32,
    umask: optional(v.pipe(natural, v.maxValue(0o777))),
    additionalGids: optional(v.array(unsigned32)),
  }),
  args: v.pipe(texts, v.nonEmpty("is empty")),
  env: optional(environment),
  cwd: absolutePath,
  capabilities: optional(capabilities),
  rlimits: optional(v.array(v.object({ type: text, soft: limit, hard: limit }))),
  noNewPrivileges: optional(flag),
  apparmorProfile: optional(text),
  selinuxLabel: optional(text),
  oomScoreAdj: optional(v.pipe(whole, v.minValue(-1000), v.maxValue(1000))),
});

const mount = v.object({
  destination: v.pipe(text, v.nonEmpty("is empty")),
  type: optional(text),
  source: optional(text),
  options: optional(texts),
  uidMappings: optional(mappings),
  gidMappings: optional(mappings),
});

const hooks = v.array(
  v.object({
    path: absolutePath,
    args: optional(texts),
    env: optional(texts),
    timeout: optional(v.pipe(whole, v.minValue(1))),
  }),
);

const device = v.object({
  path: absolutePath,
  type: v.picklist(["c", "u", "b", "p"]),
  major: optional(natural),
  minor: optional(natural),
  fileMode: optional(v.pipe(natural, v.maxValue(0o7777))),
  uid: optional(unsigned32),
  gid: optional(unsigned32),
});

const resources = v.object({
  devices: optional(
    v.array(
      v.object({
        allow: flag,
        type: optional(v.picklist(["a", "c", "b"])),
        major: optional(whole),
        minor: optional(whole),
        access: optional(v.pipe(text, v.regex(/^[rwm]*$/, "has other letters than r, w and m"))),
      }),
    ),
  ),
  memory: optional(
    v.object({
      limit: optional(limit),
      reservation: optional(limit),
      swap: optional(limit),
      swappiness: optional(v.pipe(natural, v.maxValue(100))),
      disableOOMKiller: optional(flag),
    }),
  ),
  cpu: optional(
    v.object({
      shares: optional(limit),
      quota: optional(limit),
      period: optional(limit),
      cpus: optional(text),
      mems: optional(text),
    }),
  ),
  pids: optional(v.object({ limit })),
  unified: optional(table),
});

const action = v.picklist([
  "SCMP_ACT_KILL",
  "SCMP_ACT_KILL_PROCESS",
  "SCMP_ACT_KILL_THREAD",
  "SCMP_ACT_TRAP",
  "SCMP_ACT_ERRNO",
  "SCMP_ACT_TRACE",
  "SCMP_ACT_ALLOW",
  "SCMP_ACT_LOG",
  "SCMP_ACT_NOTIFY",
]);

/** One entry of a profile's `syscalls`. */
export const seccompEntrySchema = v.object({
  names: v.pipe(texts, v.nonEmpty("is empty")),
  action,
  errnoRet: optional(natural),
  args: optional(
    v.array(
      v.object({
        index: v.pipe(natural, v.maxValue(5)),
        value: limit,
        valueTwo: optional(limit),
        op: v.picklist([
          "SCMP_CMP_NE",
          "SCMP_CMP_LT",
          "SCMP_CMP_LE",
          "SCMP_CMP_EQ",
          "SCMP_CMP_GE",
          "SCMP_CMP_GT",
          "SCMP_CMP_MASKED_EQ",
        ]),
      }),
    ),
  ),
});

/** `linux.seccomp`; shared with the profiles that come alone, in a file. */
export const seccompSchema = v.object({
  defaultAction: action,
  defaultErrnoRet: optional(natural),
  architectures: optional(texts),
  flags: optional(texts),
  listenerPath: optional(text),
  listenerMetadata: optional(text),
  syscalls: optional(v.array(seccompEntrySchema)),
});

const linux = v.object({
  namespaces: optional(
    v.array(
      v.object({
        type: v.picklist(["pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time"]),
        path: optional(absolutePath),
      }),
    ),
  ),
  uidMappings: optional(mappings),
  gidMappings: optional(mappings),
  devices: optional(v.array(device)),
  cgroupsPath: optional(text),
  resources: optional(resources),
  rootfsPropagation: optional(
    v.picklist([
      "",
      "shared",
      "rshared",
      "slave",
      "rslave",
      "private",
      "rprivate",
      "unbindable",
      "runbindable",
    ]),
  ),
  seccomp: optional(seccompSchema),
  sysctl: optional(table),
  maskedPaths: optional(v.array(absolutePath)),
  readonlyPaths: optional(v.array(absolutePath)),
  mountLabel: optional(text),
});

/** config.json. */
export const specSchema = v.object({
  ociVersion: v.pipe(text, v.regex(/^1\.\d+\.\d+([-+].*)?$/, "is no version 1 of the runtime specification")),
  root: optional(v.object({ path: v.pipe(text, v.nonEmpty("is empty")), readonly: optional(flag) })),
  process: optional(process),
  hostname: optional(text),
  domainname: optional(text),
  mounts: optional(v.array(mount)),
  hooks: optional(
    v.object({
      prestart: optional(hooks),
      createRuntime: optional(hooks),
      createContainer: optional(hooks),
      startContainer: optional(hooks),
      poststart: optional(hooks),
      poststop: optional(hooks),
    }),
  ),
  annotations: optional(table),
  linux: optional(linux),
});
