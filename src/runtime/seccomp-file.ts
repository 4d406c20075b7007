/** A seccomp profile that stands alone, in the runtime specification's form or in docker's, which has conditions on top. */
import { release } from "node:os";
import * as v from "valibot";
import { CurruntError } from "../base/error.ts";
import { seccompEntrySchema, seccompSchema } from "./spec-schema.ts";
import type { LinuxSeccomp, LinuxSyscall } from "./spec-seccomp.ts";
import type { Architecture } from "./syscalls.ts";
import { nativeArchitecture } from "./syscalls.ts";

const conditions = v.object({
  caps: v.exactOptional(v.array(v.string())),
  arches: v.exactOptional(v.array(v.string())),
  minKernel: v.exactOptional(v.pipe(v.string(), v.regex(/^\d+\.\d+/, "is no kernel version"))),
});
type Conditions = v.InferOutput<typeof conditions>;

const fileSchema = v.object({
  ...seccompSchema.entries,
  archMap: v.exactOptional(
    v.array(v.object({ architecture: v.string(), subArchitectures: v.exactOptional(v.array(v.string())) })),
  ),
  syscalls: v.exactOptional(
    v.array(
      v.object({
        ...seccompEntrySchema.entries,
        includes: v.exactOptional(conditions),
        excludes: v.exactOptional(conditions),
      }),
    ),
  ),
});

/** The machine's name in `archMap`, and in `arches`, which are Go's. */
const names: Readonly<Partial<Record<Architecture, { seccomp: string; go: string }>>> = {
  x86_64: { seccomp: "SCMP_ARCH_X86_64", go: "amd64" },
  aarch64: { seccomp: "SCMP_ARCH_AARCH64", go: "arm64" },
};

/**
 * The profile in `json`, a parsed file, for a container whose bounding set is `capabilities`: entries whose conditions do not
 * hold are left out. Refuses what is neither form, with the path of the field.
 */
export function parseSeccompProfile(
  json: unknown,
  { capabilities, machine = nativeArchitecture }: { capabilities: readonly string[]; machine?: Architecture },
): LinuxSeccomp {
  const result = v.safeParse(fileSchema, withoutNull(json), { abortPipeEarly: true });
  if (!result.success) {
    const [issue] = result.issues;
    throw new CurruntError(
      "invalid",
      `read seccomp profile: ${v.getDotPath(issue) ?? "all of it"}: ${issue.message}`,
    );
  }
  const { archMap, syscalls = [], ...profile } = result.output;
  const isMet = (one: Conditions) => meets(one, capabilities, machine);
  const chosen = syscalls.flatMap(({ includes, excludes, ...entry }): LinuxSyscall[] => {
    const included = includes === undefined || isMet(includes);
    return included && !(excludes !== undefined && isExcluded(excludes, capabilities, machine))
      ? [entry]
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

/** Go writes null for lists that are empty; docker's old form has `name` for a single call. */
function withoutNull(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNull);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).filter(([, member]) => member !== null);
  const plain = Object.fromEntries(members.map(([key, member]) => [key, withoutNull(member)]));
  return "name" in plain && !("names" in plain) ? { ...plain, names: [plain["name"]] } : plain;
}
