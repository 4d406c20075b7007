/** Rules for `linux` that its shape cannot say: what needs a namespace of the container's own, and what has a form. */
import { refuse } from "./refuse.ts";
import type { Linux, LinuxNamespaceType, Spec } from "./spec.ts";

/** True when the container does not share this namespace with the runtime. */
export function hasNamespace(spec: Spec, type: LinuxNamespaceType): boolean {
  return spec.linux?.namespaces?.some((one) => one.type === type) === true;
}

/** Refuses what the specification or the kernel forbids. */
export function checkLinux(spec: Spec): void {
  const { linux } = spec;
  if (linux === undefined) return;
  checkPaths(spec, linux);
  checkDevices(linux);
  checkSysctl(spec, linux);
  checkSeccomp(linux);
  checkMemoryPolicy(linux);
  checkRdt(linux);
  checkNetDevices(spec, linux);
}

function checkPaths(spec: Spec, linux: Linux): void {
  for (const field of ["maskedPaths", "readonlyPaths"] as const) {
    if ((linux[field]?.length ?? 0) > 0 && !hasNamespace(spec, "mount")) {
      throw refuse(`linux.${field}`, 'needs {"type": "mount"} in linux.namespaces');
    }
  }
}

function checkDevices({ devices = [] }: Linux): void {
  for (const [index, { type, major, minor }] of devices.entries()) {
    if (type !== "p" && (major === undefined || minor === undefined)) {
      throw refuse(`linux.devices[${index}]`, `needs major and minor for type "${type}"`);
    }
  }
}

/** Which namespace keeps a sysctl from being the host's; undefined for those that have none. */
function namespaceOfSysctl(name: string): LinuxNamespaceType | undefined {
  const ipc = /^(kernel\.(msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced)|fs\.mqueue\..+)$/;
  if (ipc.test(name)) return "ipc";
  if (name.startsWith("net.")) return "network";
  if (name.startsWith("user.")) return "user";
  return name === "kernel.domainname" ? "uts" : undefined;
}

function checkSysctl(spec: Spec, { sysctl = {} }: Linux): void {
  for (const key of Object.keys(sysctl)) {
    const path = `linux.sysctl.${key}`;
    // With a slash first, slashes separate and dots are part of a name: net/ipv4/conf/eth0.100/forwarding.
    const slash = key.indexOf("/");
    const dotted = slash >= 0 && !key.slice(0, slash).includes(".");
    const parts = key.split(dotted ? "/" : ".");
    if (parts.some((part) => part === "" || part === ".." || (!dotted && part.includes("..")))) {
      throw refuse(path, "is no name of a sysctl");
    }
    if (parts.join(".") === "kernel.hostname") throw refuse(path, "is set by the field hostname");
    const { domainname = "" } = spec;
    if (parts.join(".") === "kernel.domainname" && domainname !== "" && domainname !== sysctl[key]) {
      throw refuse(path, "is set by the field domainname, too, to another value");
    }
    const namespace = namespaceOfSysctl(parts.join("."));
    if (namespace === undefined) throw refuse(path, "has no namespace: it would change the host");
    if (!hasNamespace(spec, namespace)) {
      throw refuse(path, `would change the host's: add {"type": "${namespace}"} to linux.namespaces`);
    }
  }
}

/** An object without anything that filters means no filter: it goes. The rest is checked when it is compiled. */
function checkSeccomp({ seccomp }: Linux): void {
  if (seccomp === undefined) return;
  const { listenerPath = "", listenerMetadata = "", syscalls = [] } = seccomp;
  if (!seccomp.defaultAction && syscalls.length > 0) {
    throw refuse("linux.seccomp.defaultAction", "is missing");
  }
  if (listenerMetadata !== "" && listenerPath === "") {
    throw refuse("linux.seccomp.listenerMetadata", "needs a listenerPath");
  }
  if (listenerPath === "" && syscalls.some(({ action }) => action === "SCMP_ACT_NOTIFY")) {
    throw refuse("linux.seccomp.listenerPath", 'is missing: "SCMP_ACT_NOTIFY" has nobody to notify');
  }
}

/** `man 2 set_mempolicy`. */
function checkMemoryPolicy({ memoryPolicy }: Linux): void {
  if (memoryPolicy === undefined) return;
  const { mode, nodes = "", flags = [] } = memoryPolicy;
  const path = "linux.memoryPolicy";
  const takesNone = mode === "MPOL_DEFAULT" || mode === "MPOL_LOCAL";
  if (takesNone && nodes !== "") throw refuse(`${path}.nodes`, `${mode} takes no nodes`);
  if (!takesNone && nodes === "" && mode !== "MPOL_PREFERRED") {
    throw refuse(`${path}.nodes`, `is empty, and ${mode} needs some`);
  }
  if (flags.includes("MPOL_F_STATIC_NODES") && flags.includes("MPOL_F_RELATIVE_NODES")) {
    throw refuse(`${path}.flags`, "MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES exclude each other");
  }
}

function checkRdt({ intelRdt }: Linux): void {
  if (intelRdt === undefined) return;
  const { closID = "", schemata = [], l3CacheSchema = "", memBwSchema = "" } = intelRdt;
  const isName = closID !== "." && closID !== ".." && !closID.includes("/") && !closID.includes("\n");
  // "/" is the root's own group.
  if (closID !== "/" && !isName) {
    throw refuse("linux.intelRdt.closID", `${JSON.stringify(closID)} is no name of a directory`);
  }
  if (schemata.some((line) => line.includes("\n"))) {
    throw refuse("linux.intelRdt.schemata", "has more than one line in an entry");
  }
  if (memBwSchema.includes("\n")) throw refuse("linux.intelRdt.memBwSchema", "has more than one line");
  if (l3CacheSchema.endsWith("\n\n")) throw refuse("linux.intelRdt.l3CacheSchema", "has an empty line");
}

/** What the kernel takes as a name of an interface (`net/core/dev.c`, dev_valid_name). */
const isInterfaceName = (name: string) => /^(?!\.\.?$)[^\s/:]{1,15}$/.test(name);

function checkNetDevices(spec: Spec, { netDevices = {} }: Linux): void {
  const names = new Set<string>();
  for (const [host, { name = host }] of Object.entries(netDevices)) {
    const path = `linux.netDevices.${host}`;
    if (!isInterfaceName(host)) throw refuse(path, "is no name of a network interface");
    if (!isInterfaceName(name)) {
      throw refuse(`${path}.name`, `${JSON.stringify(name)} is no name of a network interface`);
    }
    if (names.has(name)) throw refuse(`${path}.name`, `${JSON.stringify(name)} is there twice`);
    // "eth%d": the kernel finds the number.
    if (!name.includes("%")) names.add(name);
  }
  if (names.size > 0 && !hasNamespace(spec, "network")) {
    throw refuse("linux.netDevices", 'needs {"type": "network"} in linux.namespaces');
  }
}
