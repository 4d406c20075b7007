/** Seccomp profiles from a file: the specification's form, and docker's with its conditions. */
import { describe, expect, test } from "bun:test";
import { parseSeccompProfile } from "../../../src/runtime/seccomp-file.ts";
import type { LinuxSeccomp } from "../../../src/runtime/spec-seccomp.ts";

const parse = (json: unknown, capabilities: string[] = []): LinuxSeccomp =>
  parseSeccompProfile(json, { capabilities, machine: "x86_64" });

/** The calls that remain of these entries. */
function left(entries: object[], capabilities: string[] = []): (string | undefined)[] {
  const syscalls = entries.map((entry, index) => ({
    names: [`${index}`],
    action: "SCMP_ACT_ALLOW",
    ...entry,
  }));
  return (parse({ defaultAction: "SCMP_ACT_ERRNO", syscalls }, capabilities).syscalls ?? []).map(
    ({ names }) => names[0],
  );
}

describe("parseSeccompProfile()", () => {
  test("takes the specification's form as it is", () => {
    const profile: LinuxSeccomp = {
      defaultAction: "SCMP_ACT_ERRNO",
      defaultErrnoRet: 1,
      architectures: ["SCMP_ARCH_X86_64"],
      flags: [],
      syscalls: [
        {
          names: ["read"],
          action: "SCMP_ACT_ALLOW",
          args: [{ index: 0, value: 3, valueTwo: 1, op: "SCMP_CMP_MASKED_EQ" }],
        },
        { names: ["mount"], action: "SCMP_ACT_ERRNO", errnoRet: 38 },
      ],
    };
    expect(parse(profile)).toEqual(profile);
  });

  test("takes this machine's architectures from docker's map", () => {
    const archMap = [
      { architecture: "SCMP_ARCH_AARCH64", subArchitectures: ["SCMP_ARCH_ARM"] },
      { architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86"] },
    ];
    expect(parse({ defaultAction: "SCMP_ACT_ERRNO", archMap }).architectures).toEqual([
      "SCMP_ARCH_X86_64",
      "SCMP_ARCH_X86",
    ]);
  });

  test("takes null for an empty list, and the old name for names", () => {
    const entry = {
      name: "read",
      action: "SCMP_ACT_ALLOW",
      args: null,
      comment: "",
      includes: {},
      excludes: {},
    };
    expect(parse({ defaultAction: "SCMP_ACT_ERRNO", syscalls: [entry] }).syscalls).toEqual([
      { names: ["read"], action: "SCMP_ACT_ALLOW" },
    ]);
  });

  test("keeps entries by capability", () => {
    const entries = [
      { includes: { caps: ["CAP_SYS_ADMIN"] } },
      { excludes: { caps: ["CAP_SYS_ADMIN"] } },
      { includes: { caps: ["CAP_SYS_ADMIN", "CAP_BPF"] } },
      {},
    ];
    expect(left(entries)).toEqual(["1", "3"]);
    expect(left(entries, ["CAP_SYS_ADMIN"])).toEqual(["0", "3"]);
    expect(left(entries, ["CAP_SYS_ADMIN", "CAP_BPF"])).toEqual(["0", "2", "3"]);
  });

  test("keeps entries by architecture and kernel", () => {
    expect(left([{ includes: { arches: ["amd64", "x32"] } }, { includes: { arches: ["arm64"] } }])).toEqual([
      "0",
    ]);
    expect(left([{ excludes: { arches: ["amd64"] } }, { excludes: { arches: ["s390"] } }])).toEqual(["1"]);
    expect(left([{ includes: { minKernel: "4.8" } }, { includes: { minKernel: "99.0" } }])).toEqual(["0"]);
  });

  test.each([
    [{}, "defaultAction: "],
    [[], "all of it: "],
    [{ defaultAction: "ALLOW" }, "defaultAction: "],
    [
      { defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names: [], action: "SCMP_ACT_ALLOW" }] },
      "syscalls[0].names: is empty",
    ],
    [{ defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ action: "SCMP_ACT_ALLOW" }] }, "syscalls[0].names: "],
    ["text", "all of it: "],
  ])("refuses %j", (json, message) => expect(() => parse(json)).toThrow(`read seccomp profile: ${message}`));
});
