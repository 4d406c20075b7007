/** What is said to criu and what it answers: the messages of its images/rpc.proto, as far as they are needed here. */
import {
  CLONE_NEWCGROUP,
  CLONE_NEWIPC,
  CLONE_NEWNET,
  CLONE_NEWNS,
  CLONE_NEWPID,
  CLONE_NEWUSER,
  CLONE_NEWUTS,
} from "../../ffi/kernel.ts";
import type { Message, Values } from "./protobuf.ts";

const int32 = (number: number) => ({ number, type: "int32" }) as const;
const bool = (number: number) => ({ number, type: "bool" }) as const;
const string = (number: number) => ({ number, type: "string" }) as const;
const strings = (number: number) => ({ number, type: "string", repeated: true }) as const;
const one = <M extends Message>(number: number, type: M) => ({ number, type }) as const;
const many = <M extends Message>(number: number, type: M) => ({ number, type, repeated: true }) as const;

/** `criu_req_type`. */
export const requestTypes = {
  DUMP: 1,
  RESTORE: 2,
  PRE_DUMP: 4,
  NOTIFY: 6,
  FEATURE_CHECK: 9,
  VERSION: 10,
} as const;

/** `criu_cg_mode`, by the names of the flag. */
export const cgroupModes = { ignore: 0, soft: 3, full: 4, strict: 5 } as const;

/** `criu_network_lock_method`, by the names of the flag. */
export const networkLocks = { iptables: 1, nftables: 2, skip: 3 } as const;

/** Namespaces by the names of the flag, as bits of `man 2 clone`. */
export const namespaceBits: Readonly<Record<string, number>> = {
  network: CLONE_NEWNET,
  mount: CLONE_NEWNS,
  pid: CLONE_NEWPID,
  ipc: CLONE_NEWIPC,
  uts: CLONE_NEWUTS,
  user: CLONE_NEWUSER,
  cgroup: CLONE_NEWCGROUP,
};

const pageServer = { address: string(1), port: int32(2) } as const;

/** `criu_opts`. */
export const options = {
  images_dir_fd: int32(1),
  pid: int32(2),
  leave_running: bool(3),
  ext_unix_sk: bool(4),
  tcp_established: bool(5),
  evasive_devices: bool(6),
  shell_job: bool(7),
  file_locks: bool(8),
  log_level: int32(9),
  log_file: string(10),
  ps: one(11, pageServer),
  notify_scripts: bool(12),
  root: string(13),
  parent_img: string(14),
  track_mem: bool(15),
  auto_dedup: bool(16),
  work_dir_fd: int32(17),
  link_remap: bool(18),
  ext_mnt: many(23, { key: string(1), val: string(2) }),
  manage_cgroups: bool(24),
  cg_root: many(25, { ctrl: string(1), path: string(2) }),
  rst_sibling: bool(26),
  inherit_fd: many(27, { key: string(1), fd: int32(2) }),
  manage_cgroups_mode: int32(34),
  external: strings(37),
  empty_ns: int32(38),
  freeze_cgroup: string(44),
  tcp_skip_in_flight: bool(46),
  lazy_pages: bool(48),
  status_fd: int32(49),
  orphan_pts_master: bool(50),
  config_file: string(51),
  tcp_close: bool(52),
  lsm_profile: string(53),
  lsm_mount_context: string(63),
  network_lock: int32(64),
} as const;

const features = { mem_track: bool(1), lazy_pages: bool(2) } as const;

/** `criu_req`. */
export const request = {
  type: int32(1),
  opts: one(2, options),
  notify_success: bool(3),
  features: one(5, features),
} as const;

/** `criu_resp`. */
export const response = {
  type: int32(1),
  success: bool(2),
  restore: one(4, { pid: int32(1) }),
  notify: one(5, { script: string(1), pid: int32(2) }),
  cr_errno: int32(7),
  features: one(8, features),
  cr_errmsg: string(9),
  version: one(10, { major_number: int32(1), minor_number: int32(2) }),
} as const;

export type CriuOptions = Values<typeof options>;
export type CriuRequest = Values<typeof request>;
export type CriuResponse = Values<typeof response>;
