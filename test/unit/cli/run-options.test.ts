import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { globalFlags } from "../../../src/cli/global.ts";
import { absentRunFlags, createFlags, runFlags } from "../../../src/cli/run-flags.ts";
import { readRunOptions } from "../../../src/cli/run-options.ts";
import { tokenize } from "../../../src/cli/tokenize.ts";
import type { RunOptions } from "../../../src/engine/options.ts";

const environment = { HOME: "/root", TERM: "xterm" };

async function read(...argv: string[]): Promise<RunOptions> {
  const { values, given, positionals } = tokenize({ ...runFlags, ...globalFlags }, argv, {
    stopAtPositional: true,
    environment: {},
    help: "",
    absent: absentRunFlags,
  });
  return await readRunOptions({ flags: values, given, positionals, directory: "/here/now", environment });
}

const image = (reference: string) => ({ kind: "image", reference, pull: "missing" }) as const;

const forms: [string[], Partial<RunOptions>][] = [
  [["-image", "busybox"], { source: image("busybox"), attach: false, interactive: false, terminal: false }],
  [["-image", "busybox", "-interactive", "-tty"], { attach: true, interactive: true, terminal: true }],
  [["-image", "busybox", "-tty"], { attach: true }],
  [["-image", "busybox", "-attach"], { attach: true, interactive: false }],
  [["-image", "busybox", "-it", "-detach"], { attach: false, interactive: true, terminal: true }],
  [["-image", "busybox", "-detach=false"], { attach: true }],
  [["-image", "busybox", "ls", "-l"], { source: image("busybox"), command: ["ls", "-l"], attach: false }],
  [["-image", "busybox", "--", "-l"], { command: ["-l"] }],
  [["busybox"], { source: image("busybox"), attach: true }],
  [["busybox", "ls", "-l"], { source: image("busybox"), command: ["ls", "-l"], attach: true }],
  [["-d", "busybox"], { attach: false }],
  [["-dit", "busybox", "sh"], { attach: false, interactive: true, terminal: true, command: ["sh"] }],
  [["busybox", "-it"], { command: ["-it"], interactive: false }],
  [
    ["-rootfs", "/", "--", "ls"],
    { source: { kind: "rootfs", directory: "/" }, command: ["ls"], attach: true },
  ],
  [["-rootfs", "tree", "ls"], { source: { kind: "rootfs", directory: "/here/now/tree" }, remove: true }],
  [["-rootfs", "/", "-name", "kept", "ls"], { attach: true, remove: false }],
  [["-rootfs", "/", "-rm=false", "ls"], { remove: false }],
  [["-rootfs", "/", "-d", "ls"], { attach: false, remove: false }],
  [
    ["-image", "b", "-entrypoint", "/bin/sh", "-cmd", "-c ls"],
    { entrypoint: ["/bin/sh"], command: ["-c", "ls"] },
  ],
  [["-image", "b", "-cmd", '["a b", "c"]'], { command: ["a b", "c"] }],
  [["-image", "b", "-entrypoint", "", "-cmd", ""], { entrypoint: [], command: [] }],
  [["-cmd", "ls -l", "busybox"], { source: image("busybox"), command: ["ls", "-l"] }],
  [
    ["-pull=never", "-platform", "linux/arm64", "b"],
    { source: { ...image("b"), pull: "never", platform: "linux/arm64" } },
  ],
];

const options: [string[], Partial<RunOptions>][] = [
  [["-e", "A=1", "-e", "HOME", "-e", "NONE", "-e", "E=", "b"], { env: ["A=1", "HOME=/root", "NONE", "E="] }],
  [["-u", "www-data", "b"], { user: { user: "www-data" } }],
  [["-u", "1000:100", "b"], { user: { user: "1000", group: "100" } }],
  [["-w", "/proc", "-h", "web", "-name", "n", "b"], { workdir: "/proc", hostname: "web", name: "n" }],
  [
    ["-rm", "-read-only", "-q", "-privileged", "b"],
    { remove: true, readOnly: true, quiet: true, privileged: true },
  ],
  [["-l", "a=1", "-l", "b", "-l", "a=2=3", "b"], { labels: { a: "2=3", b: "" } }],
  [["-cidfile", "id", "b"], { cidFile: "/here/now/id" }],
  [["-stop-signal", "quit", "-stop-timeout", "90", "b"], { stopSignal: 3, stopTimeoutSeconds: 90 }],
  [["-stop-timeout=-1", "b"], { stopTimeoutSeconds: Number.POSITIVE_INFINITY }],
  [["-shm-size", "1g", "b"], { shmSizeBytes: 1024 ** 3 }],
  [["-net", "none", "-dns", "10.0.0.1", "-dns", "::1", "b"], { network: "none", dns: ["10.0.0.1", "::1"] }],
  [
    ["-add-host", "a:10.0.0.1", "-add-host", "b:[fe80::1]", "-add-host", "c=::1", "b"],
    {
      extraHosts: [
        { name: "a", address: "10.0.0.1" },
        { name: "b", address: "fe80::1" },
        { name: "c", address: "::1" },
      ],
    },
  ],
  [
    ["-cap-add", "net_admin", "-cap-add", "CAP_SYS_TIME", "-cap-drop", "all", "b"],
    { capabilitiesAdd: ["CAP_NET_ADMIN", "CAP_SYS_TIME"], capabilitiesDrop: ["ALL"] },
  ],
  [["-security-opt", "no-new-privileges", "b"], { noNewPrivileges: true, seccomp: "default" }],
  [["-security-opt", "no-new-privileges=false", "b"], { noNewPrivileges: false }],
  [["-security-opt", "seccomp=unconfined", "b"], { seccomp: "unconfined" }],
  [["-security-opt", "seccomp=p.json", "b"], { seccomp: { profilePath: "/here/now/p.json" } }],
  [
    ["-ulimit", "nofile=1024:2048", "-ulimit", "core=-1", "b"],
    {
      ulimits: [
        { type: "RLIMIT_NOFILE", soft: 1024, hard: 2048 },
        { type: "RLIMIT_CORE", soft: Number.POSITIVE_INFINITY, hard: Number.POSITIVE_INFINITY },
      ],
    },
  ],
  [["-detach-keys", "ctrl-p,ctrl-q", "b"], { detachKeys: Uint8Array.of(16, 17) }],
  [["-detach-keys", "ctrl-@,x,ctrl-]", "b"], { detachKeys: Uint8Array.of(0, 120, 29) }],
  [["-detach-keys", "", "b"], { detachKeys: new Uint8Array() }],
  [
    ["-v", ".:/app", "-tmpfs", "/run:size=1m,noexec", "b"],
    {
      volumes: [{ source: "/here/now", target: "/app", readOnly: false, options: [], noCopy: false }],
      tmpfs: [{ target: "/run", options: ["size=1m", "noexec"] }],
    },
  ],
];

const refused: [string[], string][] = [
  [[], "no image was named"],
  [["-image", "", "x"], "no image was named"],
  [["-image", "a", "-rootfs", "/"], "-image and -rootfs were both given: a container has one root"],
  [["-image", "a", "-cmd", "ls", "ps"], '-cmd was given, and "ps" begins a command too'],
  [["-image", "a", "-attach", "-detach"], "-attach and -detach were both given"],
  [["-rootfs", ""], "flag -rootfs: needs a directory"],
  [["-u", ":1", "b"], 'flag -user: ":1" is not USER or USER:GROUP'],
  [["-u", "a:", "b"], 'flag -user: "a:" is not USER or USER:GROUP'],
  [["-w", "app", "b"], 'flag -workdir: "app" is not an absolute path'],
  [["-e", "=1", "b"], 'environment variable "=1": has no name'],
  [["-l", "=x", "b"], 'label "=x": has no key'],
  [["-network", "bridge", "b"], 'network "bridge": is not in this version'],
  [
    ["-p", "80:80", "b"],
    'publish "80:80": published ports need the bridge network, which this version does not have',
  ],
  [["-p", "http", "b"], 'publish "http": is not a mapping of ports'],
  [["-p", "1-3:1-2", "b"], 'publish "1-3:1-2": is not a mapping of ports'],
  [["-p", "70000:1", "b"], 'publish "70000:1": is not a mapping of ports'],
  [["-platform", "linux", "b"], 'flag -platform: "linux" is not OS/ARCH or OS/ARCH/VARIANT'],
  [["-dns", "dns.example", "b"], '"dns.example" is not an IP address'],
  [["-add-host", "a", "b"], 'flag -add-host: "a" is not NAME:ADDRESS'],
  [["-stop-signal", "FOO", "b"], 'flag -stop-signal: "FOO" is not a signal'],
  [["-cap-add", "", "b"], 'capability "": is not a name'],
  [["-security-opt", "nothing", "b"], 'security option "nothing": is not one'],
  [["-security-opt", "apparmor=x", "b"], 'security option "apparmor=x": not in this version'],
  [["-ulimit", "nofile", "b"], 'ulimit "nofile": is not NAME=SOFT[:HARD]'],
  [["-ulimit", "nofile=2:1", "b"], 'ulimit "nofile=2:1": is not NAME=SOFT[:HARD]'],
  [["-detach-keys", "ctrl-1", "b"], 'flag -detach-keys: "ctrl-1" is not a key'],
  [["-v", "/a:/x", "-tmpfs", "/x/", "b"], 'two volumes have the same target "/x"'],
  [["-env-file", "/nowhere/env", "b"], "flag -env-file"],
  [["-entrypoint", "'a", "b"], `flag -entrypoint: the quote at character 1 of "'a" is never closed`],
];

describe("readRunOptions()", () => {
  test.each([...forms, ...options])("reads %j", async (argv, expected) => {
    expect(await read(...argv)).toMatchObject(expected);
  });

  test.each(refused)("refuses %j", async (argv, message) => {
    await expect(read(...argv)).rejects.toMatchObject({ name: "CurruntError", message });
  });

  test("leaves out what was not asked for", async () => {
    const read1 = await read("b");
    for (const name of [
      "command",
      "entrypoint",
      "name",
      "user",
      "workdir",
      "cidFile",
      "stopSignal",
      "detachKeys",
    ]) {
      expect(Object.keys(read1)).not.toContain(name);
    }
  });

  test("reads env-files before -env", async () => {
    const directory = mkdtempSync("/tmp/currunt-env-");
    try {
      writeFileSync(join(directory, "env"), "A=file\nHOME\n");
      const { env } = await read("-e", "A=flag", "-env-file", join(directory, "env"), "b");
      expect(env).toEqual(["A=file", "HOME=/root", "A=flag"]);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  test("create takes no -attach and never stays", async () => {
    expect(Object.keys(createFlags)).not.toContain("attach");
    const { values, given, positionals } = tokenize(createFlags, ["-it", "-rootfs", "/", "sh"], {
      stopAtPositional: true,
      environment: {},
      help: "",
    });
    const line = { flags: values, given, positionals, directory: "/", environment };
    expect(await readRunOptions(line)).toMatchObject({ remove: false, terminal: true });
  });
});
