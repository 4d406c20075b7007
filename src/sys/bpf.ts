/** eBPF programs of cgroups: loaded, attached, exchanged (`man 2 bpf`). */
import {
  BPF_CGROUP_DEVICE,
  BPF_F_ALLOW_MULTI,
  BPF_F_REPLACE,
  BPF_PROG_ATTACH,
  BPF_PROG_DETACH,
  BPF_PROG_GET_FD_BY_ID,
  BPF_PROG_LOAD,
  BPF_PROG_QUERY,
  BPF_PROG_TYPE_CGROUP_DEVICE,
  RLIM_INFINITY,
  RLIMIT_MEMLOCK,
  rlimit64,
} from "../../ffi/kernel.ts";
import { libc } from "../../ffi/libc.ts";
import { addressOf, cstring } from "../../ffi/memory.ts";
import { struct } from "../../ffi/struct.ts";
import { check, failureOf } from "./error.ts";
import { Fd } from "./fd.ts";

// The anonymous structs of `union bpf_attr` (linux/bpf.h), as far as they are used.
const loadAttributes = struct(
  "bpf_attr",
  {
    prog_type: "u32",
    insn_cnt: "u32",
    insns: "ptr",
    license: "ptr",
    log_level: "u32",
    log_size: "u32",
    log_buf: "ptr",
    kern_version: "u32",
    prog_flags: "u32",
  },
  addressOf,
);
const attachAttributes = struct("bpf_attr", {
  target_fd: "u32",
  attach_bpf_fd: "u32",
  attach_type: "u32",
  attach_flags: "u32",
  replace_bpf_fd: "u32",
});
const queryAttributes = struct(
  "bpf_attr",
  {
    target_fd: "u32",
    attach_type: "u32",
    query_flags: "u32",
    attach_flags: "u32",
    prog_ids: "ptr",
    prog_cnt: "u32",
  },
  addressOf,
);
const idAttributes = struct("bpf_attr", { prog_id: "u32", next_id: "u32", open_flags: "u32" });

/** Loads a device program: an array of struct bpf_insn. */
export function loadDeviceProgram(instructions: Uint8Array): Fd {
  const load = () => {
    const attributes = loadAttributes.pack({
      prog_type: BPF_PROG_TYPE_CGROUP_DEVICE,
      insn_cnt: instructions.length / 8,
      insns: instructions,
      license: cstring("MIT"),
    });
    return libc.bpf(BPF_PROG_LOAD, attributes, attributes.length);
  };
  const result = load();
  const failure = failureOf(result, {
    operation: "bpf",
    subject: () => "BPF_PROG_LOAD",
    expected: ["EPERM"],
  });
  if (failure === undefined) return new Fd(result);
  // Before Linux 5.11 programs count as locked memory.
  const unlimited = rlimit64.pack({ rlim_cur: RLIM_INFINITY, rlim_max: RLIM_INFINITY });
  check(libc.setrlimit(RLIMIT_MEMLOCK, unlimited), "setrlimit", "RLIMIT_MEMLOCK");
  return new Fd(check(load(), "bpf", "BPF_PROG_LOAD"));
}

/**
 * Makes `program` the only device program of the cgroup itself; those of cgroups above hold too. Where there is one, the
 * two change places at once: at no moment is everything allowed.
 */
export function setDeviceProgram(cgroup: Fd, program: Fd): void {
  const attached = attachedDevicePrograms(cgroup);
  using disposal = new DisposableStack();
  for (const old of attached) disposal.use(old);
  const [first, ...others] = attached;
  const attributes = attachAttributes.pack({
    target_fd: cgroup.number,
    attach_bpf_fd: program.number,
    attach_type: BPF_CGROUP_DEVICE,
    attach_flags: BPF_F_ALLOW_MULTI | (first === undefined ? 0 : BPF_F_REPLACE),
    replace_bpf_fd: first?.number ?? 0,
  });
  check(libc.bpf(BPF_PROG_ATTACH, attributes, attributes.length), "bpf", "BPF_PROG_ATTACH");
  for (const old of others) detachDeviceProgram(cgroup, old);
}

/** Adds `program` to a cgroup that is new and has none. */
export function addDeviceProgram(cgroup: Fd, program: Fd): void {
  const attributes = attachAttributes.pack({
    target_fd: cgroup.number,
    attach_bpf_fd: program.number,
    attach_type: BPF_CGROUP_DEVICE,
    attach_flags: BPF_F_ALLOW_MULTI,
  });
  check(libc.bpf(BPF_PROG_ATTACH, attributes, attributes.length), "bpf", "BPF_PROG_ATTACH");
}

/** The device programs of the cgroup itself. */
export function attachedDevicePrograms(cgroup: Fd): Fd[] {
  const most = 64;
  const ids = new Uint32Array(most);
  const attributes = queryAttributes.pack({
    target_fd: cgroup.number,
    attach_type: BPF_CGROUP_DEVICE,
    prog_ids: new Uint8Array(ids.buffer),
    prog_cnt: most,
  });
  check(libc.bpf(BPF_PROG_QUERY, attributes, attributes.length), "bpf", "BPF_PROG_QUERY");
  const { prog_cnt: count } = queryAttributes.unpack(attributes);
  return [...ids.subarray(0, count)].map((id) => {
    const asked = idAttributes.pack({ prog_id: id });
    return new Fd(
      check(libc.bpf(BPF_PROG_GET_FD_BY_ID, asked, asked.length), "bpf", "BPF_PROG_GET_FD_BY_ID"),
    );
  });
}

function detachDeviceProgram(cgroup: Fd, program: Fd): void {
  const attributes = attachAttributes.pack({
    target_fd: cgroup.number,
    attach_bpf_fd: program.number,
    attach_type: BPF_CGROUP_DEVICE,
  });
  check(libc.bpf(BPF_PROG_DETACH, attributes, attributes.length), "bpf", "BPF_PROG_DETACH");
}
