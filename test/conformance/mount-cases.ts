/** Cases about `root` and `mounts` of config.json. */
import type { Mount } from "../../src/runtime/spec.ts";
import { defaultMounts } from "../fixtures/bundle.ts";
import type { Case } from "./case.ts";

/** The default mounts with more behind them. */
const withMounts = (...more: readonly Mount[]): { mounts: readonly Mount[] } => ({
  mounts: [...defaultMounts, ...more],
});

/** Prints the options of the mount at `path`: those of the mount, its propagation, those of the file system. */
const optionsOf = (path: string) => `grep ' ${path} ' /proc/self/mountinfo | tail -1 | cut -d' ' -f6-`;

/** One option of a tmpfs, as mountinfo shows it. */
const tmpfsOption = (option: string, shown: RegExp): Case => ({
  name: `mount option ${option}`,
  rule: `mounts: the runtime MUST/SHOULD implement the option ${option}`,
  change: withMounts({ destination: "/m", type: "tmpfs", source: "tmpfs", options: [option] }),
  script: optionsOf("/m"),
  stdout: shown,
});

const bind = (source: string, ...options: string[]): Mount => ({
  destination: "/m",
  type: "bind",
  source,
  options,
});

/** An option of a bind mount, by contradiction: the source has what the option takes away. */
const recursive = (option: string, shown: RegExp): Case => ({
  name: `mount option ${option} reaches the mounts below`,
  rule: `mounts: ${option} is like its plain form, and applied recursively`,
  change: ({ host }) => withMounts(bind(host, "rbind", option)),
  script: optionsOf("/m/below"),
  steps: ({ host, bundle, id }) => [
    {
      under: [
        "unshare",
        "-m",
        "sh",
        "-c",
        `mkdir ${host}/below && mount -t tmpfs t ${host}/below && exec "$@"`,
        "sh",
      ],
      run: ["run", "--bundle", bundle, id],
      stdout: shown,
    },
  ],
  except: { runc: "1.1.5 is older than most of them", crun: "1.8 lacks some" },
});

export const mountCases: readonly Case[] = [
  {
    name: "a root that may be written",
    rule: "root.readonly: if true then the root filesystem MUST be read-only; defaults to false",
    script: "echo yes >/new && cat /new",
    stdout: "yes",
  },
  {
    name: "a read-only root",
    rule: "root.readonly: if true then the root filesystem MUST be read-only inside the container",
    change: { root: { path: "rootfs", readonly: true } },
    script: "echo no >/new; test ! -e /new && echo yes >/dev/shm/rw && cat /dev/shm/rw",
    stdout: "yes",
  },
  {
    name: "an absolute root",
    rule: "root.path is either an absolute path or a relative path to the bundle",
    change: ({ rootfs }) => ({ root: { path: rootfs } }),
    script: "cat /etc/hostname",
    stdout: "from the image",
  },
  {
    name: "a root that is missing is refused",
    rule: "root.path: a directory MUST exist at the path declared by the field",
    change: { root: { path: "missing" } },
    exit: "failure",
  },
  tmpfsOption("ro", /^ro,/),
  tmpfsOption("rw", /^rw,/),
  tmpfsOption("nosuid", /^rw,nosuid/),
  tmpfsOption("nodev", /^rw,nodev/),
  tmpfsOption("noexec", /^rw,noexec/),
  tmpfsOption("noatime", /^rw,noatime/),
  tmpfsOption("nodiratime", /^rw,(nodiratime,relatime|relatime,nodiratime|nodiratime)/),
  tmpfsOption("relatime", /^rw,relatime/),
  tmpfsOption("strictatime", /^rw -/),
  tmpfsOption("sync", /- tmpfs tmpfs rw,sync/),
  tmpfsOption("dirsync", /- tmpfs tmpfs rw,dirsync/),
  tmpfsOption("size=64k", /size=64k/),
  tmpfsOption("mode=1700", /mode=1700/),
  tmpfsOption("nosymfollow", /^rw,(relatime,nosymfollow|nosymfollow,relatime)/),
  tmpfsOption("shared", /^rw,relatime shared:\d+ -/),
  tmpfsOption("private", /^rw,relatime -/),
  tmpfsOption("unbindable", /^rw,relatime unbindable -/),
  {
    name: "options that are in the kernel already are no error",
    rule: "mounts: the runtime MUST implement async atime dev diratime exec loud norelatime nostrictatime suid silent",
    change: withMounts({
      destination: "/m",
      type: "tmpfs",
      source: "tmpfs",
      options: [
        "async",
        "atime",
        "dev",
        "diratime",
        "exec",
        "loud",
        "norelatime",
        "nostrictatime",
        "suid",
        "defaults",
      ],
    }),
    script: optionsOf("/m"),
    stdout: /^rw,relatime -/,
    except: { runc: "1.1.5 lacks loud", crun: "lacks loud" },
  },
  {
    name: "data of the file system",
    rule: "mounts.options: options that are not of the list are passed to the file system",
    change: withMounts({
      destination: "/m",
      type: "tmpfs",
      source: "name",
      options: ["nr_inodes=77", "uid=5", "gid=6", "size=4k"],
    }),
    script: optionsOf("/m"),
    stdout: [/- tmpfs name /, /nr_inodes=77/, /uid=5/, /gid=6/, /size=4k/],
  },
  {
    name: "a bind of a directory",
    rule: "mounts.options: bind mounts the source directory or file at the destination",
    change: ({ host }) => withMounts(bind(host, "bind")),
    script: "echo there >/m/new",
    steps: ({ host, bundle, id }) => [
      { run: ["run", "--bundle", bundle, id] },
      { file: `${host}/new`, holds: "there" },
    ],
  },
  {
    name: "a bind of a file on a destination that is missing",
    rule: "mounts: the runtime makes what is missing of a destination; engines rely on it",
    change: {
      mounts: [...defaultMounts, { ...bind("/etc/hostname", "bind", "ro"), destination: "/a/b/file" }],
    },
    script: "test -f /a/b/file && ! echo x 2>/dev/null >/a/b/file && echo fine",
    stdout: "fine",
  },
  {
    name: "bind by its option, whatever the type says",
    rule: "mounts.type: for bind mounts (when options include either bind or rbind), the type is a dummy",
    change: ({ host }) => withMounts({ ...bind(host, "rbind"), type: "none" }),
    script: "test -d /m && echo fine",
    stdout: "fine",
  },
  {
    name: "a relative source is the bundle's",
    rule: "mounts.source: paths for bind mounts are either absolute or relative to the bundle",
    change: withMounts(bind("rootfs/etc", "bind")),
    script: "cat /m/hostname",
    stdout: "from the image",
  },
  {
    name: "a read-only bind",
    rule: "mounts.options: ro makes the mount read-only",
    change: ({ host }) => withMounts(bind(host, "rbind", "ro")),
    script: "! touch /m/x 2>/dev/null && echo fine",
    stdout: "fine",
  },
  {
    name: "an option of bind mounts that is set",
    rule: "mounts.options: nosuid, nodev and noexec are the mount's",
    change: ({ host }) => withMounts(bind(host, "bind", "nosuid", "nodev", "noexec", "noatime")),
    script: optionsOf("/m"),
    stdout: /^rw,nosuid,nodev,noexec,noatime /,
  },
  recursive("rro", /^ro,/),
  recursive("rnosuid", /^rw,nosuid/),
  recursive("rnodev", /^rw,nodev/),
  recursive("rnoexec", /^rw,noexec/),
  recursive("rnoatime", /^rw,noatime/),
  recursive("rstrictatime", /^rw -/),
  recursive("rnosymfollow", /nosymfollow/),
  {
    name: "mounts are made in their order",
    rule: "mounts: the runtime MUST mount entries in the listed order",
    change: withMounts(
      { destination: "/m", type: "tmpfs", source: "first" },
      { destination: "/m/below", type: "tmpfs", source: "second" },
      { destination: "/m", type: "tmpfs", source: "third" },
    ),
    script: "test ! -e /m/below && grep -c ' /m' /proc/self/mountinfo",
    stdout: "3",
  },
  {
    name: "a destination behind an absolute symlink stays in the root",
    rule: "mounts.destination: path inside container",
    files: { link: { to: "/tmp" } },
    change: withMounts({ destination: "/link/m", type: "tmpfs", source: "tmpfs" }),
    script: "grep -c ' /tmp/m ' /proc/self/mountinfo",
    stdout: "1",
  },
  {
    name: "a destination behind a symlink that leads out stays in the root",
    rule: "mounts.destination: path inside container (CVE-2019-18837)",
    files: { link: { to: "../../../../../../../../tmp/out-of-the-root" } },
    change: withMounts({ destination: "/link", type: "tmpfs", source: "tmpfs" }),
    steps: ({ bundle, id }) => [
      { run: ["run", "--bundle", bundle, id] },
      { file: "/tmp/out-of-the-root", absent: true },
    ],
    script: "grep -c ' /tmp/out-of-the-root ' /proc/self/mountinfo",
  },
  {
    name: "a tmpfs takes over the mode of the directory below",
    rule: "engines rely on it: docker's tmpfs of /tmp keeps 1777",
    change: withMounts({ destination: "/tmp", type: "tmpfs", source: "tmpfs" }),
    script: "stat -c %a /tmp",
    stdout: "1777",
  },
  {
    name: "tmpcopyup",
    rule: "mounts.options: tmpcopyup copies up the contents to a tmpfs",
    files: {
      "m/file": { content: "old\n", mode: 0o640, owner: [3, 4] },
      "m/d/deep": "deep\n",
      "m/link": { to: "d/deep" },
    },
    change: withMounts({ destination: "/m", type: "tmpfs", source: "tmpfs", options: ["tmpcopyup"] }),
    script: "stat -c %a:%u:%g /m/file; cat /m/file /m/link; echo new >/m/file; readlink /m/link",
    stdout: "640:3:4\nold\ndeep\nd/deep",
  },
  {
    name: "an unknown type of file system is refused",
    rule: "mounts.type: the type of the filesystem to be mounted; values MUST be supported by the kernel",
    change: withMounts({ destination: "/m", type: "no-such-type", source: "x" }),
    exit: "failure",
  },
  {
    name: "a source that is missing is refused",
    rule: "valid values: runtimes MUST generate an error when invalid or unsupported values are encountered",
    change: withMounts(bind("/no/such/source", "bind")),
    exit: "failure",
  },
  {
    name: "/proc that is a symlink in the root is refused",
    rule: "engines rely on it: CVE-2019-19921, CVE-2023-27561",
    files: { "elsewhere/": "" },
    steps: ({ rootfs, bundle, id }) => [
      { shell: `rmdir ${rootfs}/proc && ln -s elsewhere ${rootfs}/proc` },
      { run: ["run", "--bundle", bundle, id], exit: "failure" },
    ],
  },
  {
    name: "nothing but the known files may be mounted below /proc",
    rule: "engines rely on it: CVE-2019-16884",
    change: { mounts: [...defaultMounts, { ...bind("/etc", "bind"), destination: "/proc/sys" }] },
    exit: "failure",
  },
  {
    name: "mounts do not reach the host",
    rule: "linux.namespaces: mount: the container will have an isolated mount table",
    change: withMounts({ destination: "/m", type: "tmpfs", source: "tmpfs" }),
    steps: ({ bundle, id, rootfs }) => [
      { run: ["create", "--bundle", bundle, id] },
      { shell: `! grep -q ${rootfs} /proc/self/mountinfo` },
    ],
  },
];
