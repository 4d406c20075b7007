/** Labels of the security modules AppArmor and SELinux: what is written to procfs, and whether the host has the module. */
import { CurruntError } from "../base/error.ts";
import { failedWith } from "../sys/error.ts";
import { readSmallFile } from "../sys/small-file.ts";
import type { Process } from "./spec.ts";

/** A file of procfs and what goes into it; the next execve then changes the label. */
export interface LabelWrite {
  readonly path: string;
  readonly data: string;
}

/** What a process with these labels writes before its program runs. Refuses labels of a module that the host lacks. */
export function labelWrites({ apparmorProfile = "", selinuxLabel = "" }: Process): LabelWrite[] {
  const writes: LabelWrite[] = [];
  // Without AppArmor everything is unconfined.
  if (apparmorProfile !== "" && (apparmorProfile !== "unconfined" || hasAppArmor())) {
    if (!hasAppArmor()) {
      throw missing("process.apparmorProfile", "AppArmor is not enabled", apparmorProfile);
    }
    // Its own directory came with Linux 5.8, for hosts with two modules.
    const own = readOptional("/proc/self/attr/apparmor/current") !== undefined;
    writes.push({ path: `self/attr/${own ? "apparmor/" : ""}exec`, data: `exec ${apparmorProfile}` });
  }
  if (selinuxLabel !== "") {
    if (!hasSELinux()) throw missing("process.selinuxLabel", "SELinux is not enabled", selinuxLabel);
    writes.push({ path: "self/attr/exec", data: selinuxLabel });
  }
  return writes;
}

/** True when the kernel enforces AppArmor profiles (`Documentation/admin-guide/LSM/apparmor.rst`). */
export function hasAppArmor(): boolean {
  return readOptional("/sys/module/apparmor/parameters/enabled")?.startsWith("Y") === true;
}

/** True when a policy is loaded: selinuxfs is mounted then. */
export function hasSELinux(): boolean {
  return readOptional("/sys/fs/selinux/enforce") !== undefined;
}

function missing(field: string, reason: string, label: string): CurruntError {
  return new CurruntError("unsupported", `${field}: ${JSON.stringify(label)} cannot be applied: ${reason}`, {
    hint: "leave the field out, or enable the security module on the kernel's command line",
  });
}

function readOptional(path: string): string | undefined {
  try {
    return readSmallFile(path);
  } catch (error) {
    // EINVAL: the files of a module that is compiled in but off.
    if (failedWith(error, "ENOENT", "ENOTDIR", "EINVAL", "EACCES")) return undefined;
    throw error;
  }
}
