/** A seccomp profile that stands alone, in the runtime specification's form or in docker's, which has conditions on top. */
import { release } from "node:os";
import { CurruntError } from "../base/error.ts";
import type { Shape } from "../base/shape.ts";
import { listOf, objectOf, pathOf, text, textThat } from "../base/shape.ts";
import { seccompEntryMembers, seccompMembers } from "./seccomp-schema.ts";
import type { LinuxSeccomp, LinuxSyscall } from "./spec-seccomp.ts";
import type { Architecture } from "./syscalls.ts";
import { nativeArchitecture } from "./syscalls.ts";

interface Conditions {
  readonly caps?: readonly string[];
  readonly arches?: readonly string[];
  readonly minKernel?: string;
}
interface FileEntry extends LinuxSyscall {
  readonly includes?: Conditions;
  readonly excludes?: Conditions;
}
interface FileProfile extends Omit<LinuxSeccomp, "syscalls"> {
  readonly archMap?: readonly {
    readonly architecture: string;
    readonly subArchitectures?: readonly string[];
  }[];
  readonly syscalls?: readonly FileEntry[];
}

const conditions = objectOf<Conditions>({
  caps: listOf(text),
  arches: listOf(text),
  minKernel: textThat((version) => /^\d+\.\d+/.test(version), "is no kernel version"),
});

const fileShape: Shape<FileProfile> = objectOf<FileProfile>(
  {
    ...seccompMembers,
    archMap: listOf(
      objectOf<{ architecture: string; subArchitectures?: readonly string[] }>(
        { architecture: text, subArchitectures: listOf(text) },
        ["architecture"],
      ),
    ),
    syscalls: listOf(
      objectOf<FileEntry>({ ...seccompEntryMembers, includes: conditions, excludes: conditions }, [
        "names",
        "action",
      ]),
    ),
  },
  ["defaultAction"],
);

/** The machine's name in `archMap`, and in `arches`, which are Go's. */
const names: Readonly<Partial<Record<Architecture, { seccomp: string; go: string }>>> = {
  x86_64: { seccomp: "SCMP_ARCH_X86_64", go: "amd64" },
  aarch64: { seccomp: "SCMP_ARCH_AARCH64", go: "arm64" },
};

/**
 * The profile in `json`, a parsed file, which it takes over, for a container whose bounding set is `capabilities`: entries whose conditions do not
 * hold are left out. Refuses what is neither form, with the path of the field.
 */
export function parseSeccompProfile(
  json: unknown,
  { capabilities, machine = nativeArchitecture }: { capabilities: readonly string[]; machine?: Architecture },
): LinuxSeccomp {
  withNames(json);
  const found = fileShape(json);
  if (found !== undefined) {
    throw new CurruntError("invalid", `read seccomp profile: ${pathOf(found) || "all of it"}: ${found.text}`);
  }
  // Just checked against that very type.
  const { archMap, syscalls = [], ...profile } = json as FileProfile;
  const isMet = (one: Conditions) => meets(one, capabilities, machine);
  const chosen = syscalls.flatMap(({ includes, excludes, names, action, args, errnoRet }): LinuxSyscall[] => {
    const included = includes === undefined || isMet(includes);
    return included && !(excludes !== undefined && isExcluded(excludes, capabilities, machine))
      ? [
          {
            names,
            action,
            ...(args === undefined ? {} : { args }),
            ...(errnoRet === undefined ? {} : { errnoRet }),
          },
        ]
      : [];
  });
  const mapped = archMap?.find(({ architecture }) => architecture === names[machine]?.seccomp);
  return {
    ...profile,
    ...(mapped === undefined
      ? {}
      : { architectures: [mapped.architecture, ...(mapped.subArchitectures ?? [])] }),
    syscalls: chosen,
  };
}

/** All of what it asks for: every capability, one of the architectures, the kernel. */
function meets(
  { caps = [], arches, minKernel }: Conditions,
  capabilities: readonly string[],
  machine: Architecture,
): boolean {
  const go = names[machine]?.go ?? machine;
  return (
    caps.every((name) => capabilities.includes(name)) &&
    (arches === undefined || arches.length === 0 || arches.includes(go)) &&
    (minKernel === undefined || isKernelAtLeast(minKernel))
  );
}

/** Any of what it names. */
function isExcluded(
  { caps = [], arches = [], minKernel }: Conditions,
  capabilities: readonly string[],
  machine: Architecture,
): boolean {
  return (
    caps.some((name) => capabilities.includes(name)) ||
    arches.includes(names[machine]?.go ?? machine) ||
    (minKernel !== undefined && isKernelAtLeast(minKernel))
  );
}

function isKernelAtLeast(wanted: string): boolean {
  const [major = 0, minor = 0] = wanted.split(".").map(Number);
  const [ourMajor = 0, ourMinor = 0] = release().split(/[.-]/).map(Number);
  return ourMajor > major || (ourMajor === major && ourMinor >= minor);
}

/** docker's old form has `name` for a single call. */
function withNames(json: unknown): void {
  const syscalls =
    typeof json === "object" && json !== null && "syscalls" in json ? json.syscalls : undefined;
  for (const entry of Array.isArray(syscalls) ? syscalls : []) {
    if (typeof entry !== "object" || entry === null || !("name" in entry) || "names" in entry) continue;
    Object.assign(entry, { names: [entry.name] });
  }
}
