/** Cases about values that MUST be refused, and about what MUST be ignored. */
import type { Spec } from "../../src/runtime/spec.ts";
import type { Case } from "./case.ts";

const rule =
  "config.md, valid values: unless support for a valid value is explicitly required, runtimes MUST generate an error when invalid or unsupported values are encountered";

/** The spec with other values of a part. */
type Change = (spec: Spec) => unknown;

const linux =
  (more: object): Change =>
  (spec) => ({ ...spec, linux: { ...spec.linux, ...more } });
const program =
  (more: object): Change =>
  (spec) => ({ ...spec, process: { ...spec.process, ...more } });
const mounts =
  (...list: unknown[]): Change =>
  (spec) => ({ ...spec, mounts: [...(spec.mounts ?? []), ...list] });

/** What, how, and which runtimes take it all the same. */
const invalid: readonly (readonly [what: string, change: Change, ...lax: ("runc" | "crun")[]])[] = [
  ["config.json that is no object", () => []],
  ["an ociVersion that is no version", (spec) => ({ ...spec, ociVersion: "invalid" }), "runc"],
  ["an ociVersion of the future", (spec) => ({ ...spec, ociVersion: "2.0.0" }), "runc"],
  ["a root without a path", (spec) => ({ ...spec, root: {} })],
  ["process.args that is empty", program({ args: [] })],
  ["process.args that is text", program({ args: "sh" })],
  ["process.env that is an object", program({ env: { A: "b" } })],
  ["process.env without an equals sign", program({ env: ["NOVALUE"] }), "crun", "runc"],
  ["process.cwd that is empty", program({ cwd: "" })],
  ["process.user.uid that is text", program({ user: { uid: "0", gid: 0 } })],
  ["process.user.uid that is negative", program({ user: { uid: -1, gid: 0 } }), "crun"],
  ["process.oomScoreAdj that is too large", program({ oomScoreAdj: 5000 })],
  [
    "an rlimit whose soft value is above the hard one",
    program({ rlimits: [{ type: "RLIMIT_NOFILE", soft: 9, hard: 3 }] }),
  ],
  [
    "an unknown I/O class",
    program({ ioPriority: { class: "IOPRIO_CLASS_NONE_SUCH", priority: 0 } }),
    "runc",
    "crun",
  ],
  ["a mount without a destination", mounts({ type: "tmpfs", source: "tmpfs" })],
  ["a mount on the root", mounts({ destination: "/", type: "tmpfs", source: "tmpfs" }), "crun", "runc"],
  ["mounts that are an object", (spec) => ({ ...spec, mounts: {} })],
  [
    "options of a mount that are text",
    mounts({ destination: "/m", type: "tmpfs", source: "x", options: "ro" }),
  ],
  ["an unknown type of namespace", linux({ namespaces: [{ type: "mount" }, { type: "none" }] })],
  ["a namespace without a type", linux({ namespaces: [{ type: "mount" }, {}] })],
  ["a device without a path", linux({ devices: [{ type: "c", major: 1, minor: 3 }] }), "crun", "runc"],
  [
    "an unknown operator of seccomp",
    linux({
      seccomp: {
        defaultAction: "SCMP_ACT_ALLOW",
        syscalls: [
          { names: ["kill"], action: "SCMP_ACT_ERRNO", args: [{ index: 0, value: 0, op: "SCMP_CMP_X" }] },
        ],
      },
    }),
  ],
  [
    "an argument of seccomp beyond the sixth",
    linux({
      seccomp: {
        defaultAction: "SCMP_ACT_ALLOW",
        syscalls: [
          { names: ["kill"], action: "SCMP_ACT_ERRNO", args: [{ index: 6, value: 0, op: "SCMP_CMP_EQ" }] },
        ],
      },
    }),
  ],
  [
    "an unknown architecture of seccomp",
    linux({ seccomp: { defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X"] } }),
  ],
  ["an unknown personality", linux({ personality: { domain: "LINUX64" } }), "runc"],
  ["an unknown mode of memory policy", linux({ memoryPolicy: { mode: "MPOL_X" } }), "runc", "crun"],
  [
    "an unknown type of device rule",
    linux({ resources: { devices: [{ allow: true, type: "x", access: "rwm" }] } }),
  ],
  ["text for a limit", linux({ resources: { memory: { limit: "64M" } } })],
  ["swap below the memory limit", linux({ resources: { memory: { limit: 2 ** 26, swap: 2 ** 25 } } })],
  ["a hook without a path", (spec) => ({ ...spec, hooks: { createRuntime: [{ args: ["x"] }] } })],
  [
    "a hook with a negative timeout",
    (spec) => ({ ...spec, hooks: { createRuntime: [{ path: "/bin/true", timeout: -1 }] } }),
    "runc",
    "crun",
  ],
  ["annotations that are no text", (spec) => ({ ...spec, annotations: { a: 1 } }), "crun"],
];

export const invalidCases: readonly Case[] = [
  ...invalid.map(
    ([what, raw, ...lax]): Case => ({
      name: `${what} is refused`,
      rule,
      raw,
      steps: ({ bundle, id }) => [
        { run: ["create", "--bundle", bundle, id], exit: "failure" },
        { run: ["state", id], exit: "failure" },
      ],
      except: Object.fromEntries(lax.map((name) => [name, "takes it"])),
    }),
  ),
  {
    name: "config.json that is no JSON is refused",
    rule: "config.md: configuration file with JSON",
    steps: ({ bundle, id }) => [
      { shell: `echo '{' >${bundle}/config.json` },
      { run: ["create", "--bundle", bundle, id], exit: "failure", stderr: /./ },
    ],
  },
  {
    name: "unknown fields are ignored",
    rule: "config.md, extensibility: runtimes MUST NOT generate an error if they encounter an unknown property",
    script: "echo fine",
    raw: (spec) => ({
      ...spec,
      unknown: { x: 1 },
      process: { ...spec.process, unknown: [1], user: { ...spec.process?.user, unknown: 1 } },
      linux: { ...spec.linux, unknown: "x", resources: { unknown: 5 } },
    }),
    stdout: "fine",
  },
  {
    name: "fields of other systems are ignored",
    rule: "config.md, platform-specific configuration",
    script: "echo fine",
    raw: (spec) => ({ ...spec, windows: { layerFolders: ["C:\\x"] }, solaris: { milestone: "x" } }),
    stdout: "fine",
  },
  {
    name: "unknown annotations are ignored",
    rule: "config.md, annotations: MUST NOT generate an error if they encounter an unknown annotation key",
    change: { annotations: { "org.example.unknown": "", "com.example.other": "x" } },
    script: "echo fine",
    stdout: "fine",
  },
  {
    name: "capabilities that do not exist are a warning",
    rule: "process.capabilities: any value which cannot be mapped to a relevant kernel interface MUST be logged as a warning by the runtime; runtimes SHOULD NOT fail",
    change: {
      process: { args: ["sh", "-c", "echo fine"], capabilities: { bounding: ["CAP_KILL", "CAP_NONE_SUCH"] } },
    },
    stdout: "fine",
    except: { crun: "refuses them" },
  },
];
