/** Attacks on container runtimes that were seen in the wild, by their CVE: each must fail without a trace on the host. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { O_NONBLOCK, O_RDONLY, POLLIN, pollfd } from "../../ffi/kernel.ts";
import { libc } from "../../ffi/libc.ts";
import { makeFifo } from "../../src/sys/fifo.ts";
import { openat } from "../../src/sys/file.ts";
import { Bundle, defaultMounts } from "../fixtures/bundle.ts";

let bundle: Bundle;
/** A directory of the host's that no container may touch. */
let victim: string;
beforeEach(async () => {
  bundle = await Bundle.make();
  victim = join(bundle.directory, "victim");
  mkdirSync(victim);
  writeFileSync(join(victim, "file"), "untouched");
});
afterEach(async () => {
  expect(readdirSync(victim)).toEqual(["file"]);
  expect(readFileSync(join(victim, "file"), "utf8")).toBe("untouched");
  await bundle[Symbol.asyncDispose]();
});

/** Puts a symlink where the image has a directory or file. */
function replaceByLink(path: string, target: string): void {
  const place = join(bundle.rootfs, path);
  rmSync(place, { recursive: true, force: true });
  mkdirSync(join(place, ".."), { recursive: true });
  symlinkSync(target, place);
}

const withoutDev = defaultMounts.filter(({ destination }) => !destination.startsWith("/dev"));

describe("CVE-2019-5736: the program is a script whose interpreter is /proc/self/exe", () => {
  test("runs nothing of the host's, in a new container and in a running one", async () => {
    writeFileSync(join(bundle.rootfs, "evil"), "#!/proc/self/exe\n", { mode: 0o755 });
    expect((await bundle.run({ process: { args: ["/evil"] } })).exitCode).not.toBe(0);
    using container = await bundle.sleeping();
    expect((await container.exec("", { args: ["/evil"] })).exitCode).not.toBe(0);
  });

  test("init's executable is the program itself, and /proc/PID/exe of a joining process cannot be written", async () => {
    using container = await bundle.sleeping();
    expect((await container.exec("readlink /proc/1/exe")).stdout).toBe("/bin/busybox\n");
  });
});

describe("CVE-2024-21626: the working directory is a leaked descriptor", () => {
  test.each(Array.from({ length: 18 }, (_, i) => i + 3))("/proc/self/fd/%d leads nowhere", async (fd) => {
    const process = { args: ["sh", "-c", "ls ../../../.."], cwd: `/proc/self/fd/${fd}` };
    const result = await bundle.run({ process });
    expect(result.error).toBeDefined();
    expect(result.stdout).toBe("");
  });

  test("a hook and the program have no descriptors but their streams", async () => {
    const seen = join(bundle.directory, "seen");
    // A listing would see the descriptor that it reads the directory from.
    const script = "n=0; while [ $n -lt 64 ]; do [ -e /proc/self/fd/$n ] && echo $n; n=$((n+1)); done";
    const hook = { path: "/bin/sh", args: ["sh", "-c", `exec >${seen}; ${script}`] };
    const { stdout, error } = await bundle.sh(script, { hooks: { createContainer: [hook] } });
    expect(error).toBeUndefined();
    expect(stdout).toBe("0\n1\n2\n");
    expect(readFileSync(seen, "utf8")).toBe("0\n1\n2\n");
  });

  test("nor does it for a further process", async () => {
    using container = await bundle.sleeping();
    for (let fd = 3; fd < 20; fd++) {
      const result = await container.exec("ls ..", { cwd: `/proc/self/fd/${fd}` });
      expect(result.error).toBeDefined();
    }
  });
});

describe("CVE-2019-19921, CVE-2023-27561, CVE-2023-28642: /proc or /sys of the image is a symlink", () => {
  test.each(["proc", "sys"])("/%s is refused", async (name) => {
    mkdirSync(join(bundle.rootfs, "fake"));
    replaceByLink(name, "/fake");
    const { error } = await bundle.sh("true");
    expect(error).toContain(`mount`);
    expect(error).toContain("ELOOP");
  });
});

describe("CVE-2019-18837, CVE-2024-45310: mountpoints through symlinks of the image", () => {
  test.each([
    ["an absolute link", "/"],
    ["a link with many dots", "../../../../../../../../../../"],
    ["a link to a link", "/other"],
  ])("%s stays inside the root", async (_name, target) => {
    if (target === "/other") symlinkSync("../../../../..", join(bundle.rootfs, "other"));
    symlinkSync(target, join(bundle.rootfs, "link"));
    const source = join(bundle.directory, "source");
    mkdirSync(source);
    const destination = `/link${victim}/sub/deep`;
    const mounts = [...defaultMounts, { destination, source, options: ["bind"] }];
    expect(await bundle.sh(`ls -d ${victim}/sub/deep`, { mounts })).toMatchObject({ exitCode: 0 });
    expect(existsSync(join(bundle.rootfs, victim, "sub/deep"))).toBe(true);
  });

  test("a dangling link is not followed to be made", async () => {
    symlinkSync(join(victim, "made"), join(bundle.rootfs, "dangling"));
    const source = join(bundle.directory, "source");
    mkdirSync(source);
    const mounts = [...defaultMounts, { destination: "/dangling/x", source, options: ["bind"] }];
    await bundle.sh("true", { mounts });
  });

  test("neither is a magic link", async () => {
    symlinkSync("/proc/self/root", join(bundle.rootfs, "magic"));
    const source = join(bundle.directory, "source");
    mkdirSync(source);
    const mounts = [...defaultMounts, { destination: `/magic${victim}/x`, source, options: ["bind"] }];
    expect((await bundle.sh("true", { mounts })).error).toContain("ELOOP");
  });
});

describe("CVE-2021-30465, CVE-2024-45310: a shared volume changes while containers start", () => {
  test("no mount and no directory gets out", async () => {
    const volume = join(bundle.directory, "volume");
    mkdirSync(join(volume, "real"), { recursive: true });
    symlinkSync(victim, join(volume, "link"));
    writeFileSync(join(bundle.directory, "swap.c"), swapper);
    const swap = join(bundle.directory, "swap");
    expect(Bun.spawnSync(["cc", "-O1", "-o", swap, `${swap}.c`]).exitCode).toBe(0);
    const racing = Bun.spawn([swap, join(volume, "real"), join(volume, "link")]);
    try {
      const source = join(bundle.directory, "source");
      mkdirSync(source);
      const mounts = [
        ...defaultMounts,
        { destination: "/volume", source: volume, options: ["bind"] },
        { destination: "/volume/real/sub", source, options: ["bind"] },
        { destination: "/volume/real/new/file", source: join(victim, "file"), options: ["bind", "ro"] },
      ];
      for (let i = 0; i < 150; i++) {
        await bundle.sh("touch /volume/real/sub/inside 2>/dev/null", { mounts });
        expect(readdirSync(victim)).toEqual(["file"]);
      }
    } finally {
      racing.kill("SIGKILL");
      await racing.exited;
    }
  });
});

/** Exchanges two paths until it is killed. */
const swapper = `
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
int main(int argc, char **argv) {
  (void)argc;
  for (;;) renameat2(AT_FDCWD, argv[1], AT_FDCWD, argv[2], RENAME_EXCHANGE);
}`;

describe("CVE-2025-31133: /dev/null of the image leads to a file that masking would expose", () => {
  test("a link in its place is refused", async () => {
    replaceByLink("dev/null", "/proc/sys/kernel/core_pattern");
    const { error } = await bundle.sh("cat /proc/kcore", { mounts: withoutDev });
    expect(error).toContain('make device "/dev/null"');
  });

  test("masks come from a null device that no container can reach", async () => {
    writeFileSync(join(bundle.rootfs, "secret"), "secret");
    const script = "cat /secret; stat -c %t:%T /secret; chmod 777 /secret; rm /secret";
    const { stdout, stderr } = await bundle.sh(script, { linux: { maskedPaths: ["/secret"] } });
    expect(stdout).toBe("1:3\n");
    expect(stderr).toContain("Read-only file system");
  });
});

describe("CVE-2025-52565: the terminal's names lead elsewhere", () => {
  const terminal = { process: { terminal: true, args: ["true"] } };

  test("/dev/console as a link is refused", async () => {
    replaceByLink("dev/console", join(victim, "file"));
    const devpts = defaultMounts.filter(({ destination }) => destination === "/dev/pts");
    const { error } = await bundle.run({ ...terminal, mounts: [...withoutDev, ...devpts] });
    expect(error).toContain("ELOOP");
  });

  test("/dev/pts/ptmx that is no multiplexer is refused", async () => {
    mkdirSync(join(bundle.rootfs, "dev/pts"), { recursive: true });
    writeFileSync(join(bundle.rootfs, "dev/pts/ptmx"), "");
    const { error } = await bundle.run({ ...terminal, mounts: withoutDev });
    expect(error).toContain("ptmx: EINVAL");
  });

  test("/dev/pts/ptmx that is no multiplexer is not even opened", async () => {
    const place = join(bundle.rootfs, "dev/pts/ptmx");
    mkdirSync(join(place, ".."), { recursive: true });
    makeFifo(place).close();
    using reader = openat(undefined, place, O_RDONLY | O_NONBLOCK);
    const { error } = await bundle.run({ ...terminal, mounts: withoutDev });
    expect(error).toContain("ptmx: EINVAL");
    // A fifo that somebody has opened to write hangs up for its reader once they let go.
    const asked = pollfd.pack({ fd: reader.number, events: POLLIN });
    expect(libc.poll(asked, 1, 0)).toBe(0);
  });
});

describe("CVE-2026-88264, CVE-2026-88265: without a mount on /dev, the image's null device stands for the streams", () => {
  const nullDevice = () => {
    const { mode, uid, gid } = statSync("/dev/null");
    return { mode, uid, gid };
  };

  test("a link in its place is not followed, and the host's keeps owner and mode", async () => {
    const before = nullDevice();
    replaceByLink("dev/null", join(victim, "file"));
    const process = { args: ["true"], user: { uid: 1000, gid: 1000 } };
    expect((await bundle.run({ process, mounts: withoutDev })).error).toContain("/dev/null");
    expect(nullDevice()).toEqual(before);
  });

  test("another device in its place is not taken", async () => {
    rmSync(join(bundle.rootfs, "dev"), { recursive: true, force: true });
    mkdirSync(join(bundle.rootfs, "dev"));
    // The zero device of the host under the name of another.
    expect(Bun.spawnSync(["mknod", join(bundle.rootfs, "dev/null"), "c", "1", "5"]).exitCode).toBe(0);
    expect((await bundle.sh("true", { mounts: withoutDev })).error).toContain("/dev/null");
  });
});

describe("CVE-2025-24965: what the runtime makes in the root is led out by a link", () => {
  test("the working directory is made inside", async () => {
    replaceByLink("work", victim);
    mkdirSync(join(bundle.rootfs, victim), { recursive: true });
    const result = await bundle.run({ process: { args: ["pwd"], cwd: "/work/new" } });
    expect(result).toMatchObject({ exitCode: 0, stdout: `${victim}/new\n` });
    expect(existsSync(join(bundle.rootfs, victim, "new"))).toBe(true);
  });
});

describe("CVE-2019-14271, CVE-2022-1227: what enters the container loads the image's libraries", () => {
  test("the process that does is linked with nothing", () => {
    const image = readFileSync(join(import.meta.dir, "../../dist/shim"));
    // Elf64_Ehdr: e_phoff, e_phentsize, e_phnum; Elf64_Phdr: p_type (man 5 elf).
    const start = Number(image.readBigUInt64LE(32));
    const size = image.readUInt16LE(54);
    const count = image.readUInt16LE(56);
    const types = Array.from({ length: count }, (_, index) => image.readUInt32LE(start + index * size));
    expect(types).toContain(1 /* PT_LOAD */);
    expect(types).not.toContain(2 /* PT_DYNAMIC */);
    expect(types).not.toContain(3 /* PT_INTERP */);
  });
});

describe("CVE-2026-41579: /dev of the image is a symlink to the host", () => {
  test("devices and links are made inside the root", async () => {
    replaceByLink("dev", `../../../../../../..${victim}`);
    const result = await bundle.sh(`ls ${victim}`, { mounts: withoutDev });
    // The link dangles inside the root: the runtime refuses it, or makes all of it in there.
    if (result.error === undefined) expect(result.stdout).toContain("null");
  });
});

describe("CVE-2019-16884: a volume over /proc hides where labels are written", () => {
  test.each(["/proc", "/proc/self/attr", "/proc/sys/kernel", "/x/../proc/1"])(
    "%s is refused",
    async (destination) => {
      const mounts = [...defaultMounts, { destination, source: victim, options: ["bind"] }];
      expect((await bundle.sh("true", { mounts })).error).toContain("/proc can only be a proc filesystem");
    },
  );
});

describe("CVE-2025-52881: what the runtime writes to /proc is led to another file", () => {
  const capabilities = {
    bounding: ["CAP_SYS_ADMIN"],
    effective: ["CAP_SYS_ADMIN"],
    permitted: ["CAP_SYS_ADMIN"],
  };

  test("a sysctl is set before anything of the container can be mounted", async () => {
    mkdirSync(join(bundle.directory, "trap"));
    writeFileSync(join(bundle.directory, "trap/shm_rmid_forced"), "trapped");
    symlinkSync("/proc", join(bundle.rootfs, "alias"));
    const mounts = [
      ...defaultMounts,
      { destination: "/alias/sys/kernel", source: join(bundle.directory, "trap"), options: ["bind"] },
    ];
    const script =
      "cat /proc/sys/kernel/shm_rmid_forced; umount /proc/sys/kernel; cat /proc/sys/kernel/shm_rmid_forced";
    const linux = { sysctl: { "kernel.shm_rmid_forced": "1" } };
    const { stdout } = await bundle.sh(script, { mounts, linux, process: { capabilities } });
    expect(stdout).toBe("trapped1\n");
  });

  test("a process that joins sets its own, whatever is mounted over the container's /proc", async () => {
    using container = await bundle.sleeping({ process: { capabilities } });
    expect((await container.exec("mount -t tmpfs x /proc", { capabilities })).exitCode).toBe(0);
    const { stdout } = await container.exec("umount /proc; cat /proc/self/oom_score_adj", {
      capabilities,
      oomScoreAdj: 321,
    });
    expect(stdout).toBe("321\n");
  });
});

describe("CVE-2022-29162, CVE-2022-24769: inheritable capabilities that nobody asked for", () => {
  const inherited = "sed -n 's/^CapInh:.//p; s/^CapAmb:.//p' /proc/self/status";

  test("there are none, of the container and of a process that joins", async () => {
    expect((await bundle.sh(inherited)).stdout).toBe("0000000000000000\n0000000000000000\n");
    using container = await bundle.sleeping();
    expect((await container.exec(inherited)).stdout).toBe("0000000000000000\n0000000000000000\n");
  });
});

describe("CVE-2021-43784: lists that are too long for a length field", () => {
  test("more than 65535 groups and bytes of options are passed whole, or refused", async () => {
    const additionalGids = Array.from({ length: 65_536 }, (_, index) => index + 1);
    const groups = await bundle.sh("id -G | wc -w", {
      process: { user: { uid: 1, gid: 0, additionalGids } },
    });
    expect(Number(groups.stdout)).toBeGreaterThanOrEqual(65_536);
    const tooMany = { uid: 1, gid: 0, additionalGids: [...additionalGids, 70_000] };
    expect((await bundle.sh("id", { process: { user: tooMany } })).error).toContain("setgroups: EINVAL");
    const options = Array.from({ length: 20_000 }, (_, index) => `option${index}`);
    const mounts = [...defaultMounts, { destination: "/x", type: "tmpfs", source: "tmpfs", options }];
    expect((await bundle.sh("true", { mounts })).error).toContain("option0");
  });
});

describe("links of the image on the way of newer mount options (the class of CVE-2024-45310)", () => {
  test("tmpcopyup copies nothing of the host's", async () => {
    replaceByLink("data", victim);
    mkdirSync(join(bundle.rootfs, victim), { recursive: true });
    const mounts = [
      ...defaultMounts,
      { destination: "/data", type: "tmpfs", source: "tmpfs", options: ["tmpcopyup"] },
    ];
    expect(await bundle.sh("ls /data", { mounts })).toMatchObject({ stdout: "", exitCode: 0 });
  });

  test("remount changes no mount of the host's", async () => {
    replaceByLink("data", "/proc/1/root");
    const mounts = [...defaultMounts, { destination: "/data", options: ["remount", "bind", "ro"] }];
    expect((await bundle.sh("true", { mounts })).error).toContain("ELOOP");
  });

  test("devices that cannot be made are not bound outside", async () => {
    replaceByLink("dev", `../../../../../../..${victim}`);
    const fixture = join(import.meta.dir, "../fixtures/run-bundle.ts");
    const change = JSON.stringify({ mounts: withoutDev, process: { args: ["ls", "/dev/"] } });
    const run = [
      "setpriv",
      "--bounding-set=-mknod",
      process.execPath,
      fixture,
      bundle.directory,
      "--change",
      change,
    ];
    const { exitCode, stdout } = Bun.spawnSync(run, { stderr: "ignore" });
    if (exitCode === 0) expect(stdout.toString()).toContain("null");
  });
});

describe("CVE-2022-0492: release_agent of a cgroup v1 hierarchy", () => {
  test.skipIf(existsSync("/sys/fs/cgroup/cgroup.controllers"))("cannot be written", async () => {
    const cgroup = { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro"] };
    const script =
      "for f in $(find /sys/fs/cgroup -name release_agent -o -name notify_on_release); do echo /x >$f; done; echo end";
    const { stdout, stderr } = await bundle.sh(script, { mounts: [...defaultMounts, cgroup] });
    expect(stdout).toBe("end\n");
    expect(stderr.split("\n").filter((line) => line !== "" && !line.includes("Read-only"))).toEqual([]);
  });
});

describe("the host's root is out of reach", () => {
  test("through .., through /proc/1/root, through a new mount namespace", async () => {
    renameSync(join(bundle.rootfs, "etc/hostname"), join(bundle.rootfs, "etc/inside"));
    const names = ["CAP_SYS_ADMIN", "CAP_SYS_CHROOT", "CAP_DAC_OVERRIDE"];
    const capabilities = { bounding: names, permitted: names, effective: names };
    const script = `cd /; cd ../../..; ls etc/inside; ls /proc/1/root/etc/inside; unshare -m ls /etc/inside
      unshare -m sh -c 'umount -l /; umount -l .; ls / /.. ${victim}'; umount -l /; ls / /.. ${victim}`;
    const { stdout } = await bundle.sh(script, { process: { capabilities } });
    expect(stdout.match(/etc\/inside/g)).toHaveLength(3);
    expect(stdout).not.toMatch(/^file$/m);
  });
});
