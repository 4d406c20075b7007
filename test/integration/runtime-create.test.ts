/** A container made from a spec: what it sees, what it may do, how it ends. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readlinkSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { libc } from "../../ffi/libc.ts";
import { defaultCapabilities } from "../../src/runtime/capability.ts";
import { defaultSeccompProfile } from "../../src/runtime/seccomp-profile.ts";
import type { LinuxNamespace } from "../../src/runtime/spec.ts";
import { Fd } from "../../src/sys/fd.ts";
import { reap } from "../../src/sys/process.ts";
import { Bundle, defaultMounts } from "../fixtures/bundle.ts";

let bundle: Bundle;
beforeAll(async () => {
  bundle = await Bundle.make();
});
afterAll(() => bundle[Symbol.asyncDispose]());

/** The field behind `name` of /proc/self/status. */
const status = (text: string, name: string) => new RegExp(`^${name}:\\s*(.*)$`, "m").exec(text)?.[1];

describe("a container", () => {
  test("runs its program as PID 1 and ends with its exit code", async () => {
    const result = await bundle.sh("echo $$; echo warning >&2; exit 7");
    expect(result).toEqual({ exitCode: 7, stdout: "1\n", stderr: "warning\n", error: undefined });
  });

  test("that a signal ends has the exit code 128 and the signal", async () => {
    const killed = await bundle.run({
      process: { args: ["sh", "-c", "sh -c 'kill -KILL $$'; exit $?"] },
    });
    expect(killed.exitCode).toBe(137);
  });

  test("has namespaces of its own, and the host's where the spec lists none", async () => {
    const script = "for n in mnt pid ipc uts net cgroup user; do readlink /proc/self/ns/$n; done";
    const inside = (await bundle.sh(script)).stdout.trim().split("\n");
    const outside = Bun.spawnSync(["sh", "-c", script]).stdout.toString().trim().split("\n");
    expect(inside.slice(0, 6).filter((name, index) => name === outside[index])).toEqual([]);
    expect(inside[6]).toBe(outside[6]);
    const sharing = { namespaces: [{ type: "mount" }, { type: "pid" }, { type: "uts" }] as const };
    const shared = (await bundle.sh(script, { linux: sharing })).stdout.trim().split("\n");
    expect(shared[4]).toBe(outside[4]);
  });

  test("joins the namespaces of another one by their paths", async () => {
    using other = await bundle.sleeping({ hostname: "other" });
    const directory = `/proc/${other.init.pid}/ns`;
    const files = { network: "net", ipc: "ipc", uts: "uts", pid: "pid" } as const;
    const joined = Object.entries(files).map(([type, file]) => ({ type, path: `${directory}/${file}` }));
    const namespaces = [{ type: "mount" }, { type: "cgroup" }, ...joined] as LinuxNamespace[];
    const script =
      "hostname; for n in net ipc uts pid; do readlink /proc/self/ns/$n; done; tr '\\0' ' ' </proc/1/cmdline";
    const { stdout, error } = await bundle.sh(script, { linux: { namespaces } });
    expect(error).toBeUndefined();
    expect(stdout.trim().split("\n")).toEqual([
      "other",
      ...Object.values(files).map((file) => readlinkSync(`${directory}/${file}`)),
      "sleep 1000",
    ]);
  });

  test("has nothing mounted but what the spec says: no trace of the host's root", async () => {
    const { stdout } = await bundle.sh("cat /proc/self/mountinfo");
    const targets = stdout
      .trim()
      .split("\n")
      .map((line) => line.split(" ")[4]);
    expect(targets.slice(0, 7)).toEqual([
      ...["/", "/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue", "/sys"],
    ]);
    for (const target of targets.slice(7)) expect(target).toMatch(/^\/(proc|sys)\//);
    expect((await bundle.sh("ls / /.. /../.. | sort -u")).stdout).not.toContain("etc/hostname");
  });

  test("leaves no mount behind on the host", async () => {
    await bundle.sh("true");
    expect(await Bun.file("/proc/self/mountinfo").text()).not.toContain(bundle.directory);
  });

  test("has the devices, links and modes of the specification", async () => {
    const { stdout } = await bundle.sh("cd /dev; ls -l null zero full random urandom tty fd stdin ptmx core");
    expect(stdout).toMatch(/crw-rw-rw-.* 1, +3 .* null$/m);
    expect(stdout).toMatch(/crw-rw-rw-.* 5, +0 .* tty$/m);
    expect(stdout).toContain("fd -> /proc/self/fd");
    expect(stdout).toContain("ptmx -> pts/ptmx");
    expect((await bundle.sh("echo x >/dev/null && head -c 4 /dev/zero | od -An -tx1")).stdout).toContain(
      "00 00 00 00",
    );
  });

  test("has only the capabilities of its sets", async () => {
    const capabilities = {
      bounding: ["CAP_KILL", "CAP_CHOWN"],
      permitted: ["CAP_KILL"],
      effective: ["CAP_KILL"],
    };
    const { stdout } = await bundle.sh("cat /proc/self/status", { process: { capabilities } });
    expect(status(stdout, "CapBnd")).toBe("0000000000000021");
    expect(status(stdout, "CapPrm")).toBe("0000000000000021");
    expect(status(stdout, "CapInh")).toBe("0000000000000000");
    const user = { uid: 1000, gid: 1000 };
    const dropped = await bundle.sh("cat /proc/self/status", { process: { capabilities, user } });
    expect(status(dropped.stdout, "CapPrm")).toBe("0000000000000000");
  });

  test("keeps ambient capabilities as an ordinary user", async () => {
    const names = ["CAP_NET_BIND_SERVICE"];
    const capabilities = {
      bounding: names,
      permitted: names,
      effective: names,
      inheritable: names,
      ambient: names,
    };
    const process = { user: { uid: 1000, gid: 1000 }, capabilities };
    const { stdout } = await bundle.sh("cat /proc/self/status", { process });
    expect(status(stdout, "CapEff")).toBe("0000000000000400");
    expect(status(stdout, "CapAmb")).toBe("0000000000000400");
  });

  test("has its user, groups, umask, limits, directory, variables", async () => {
    const process = {
      user: { uid: 1000, gid: 1001, additionalGids: [5, 7], umask: 0o27 },
      rlimits: [{ type: "RLIMIT_NOFILE", soft: 100, hard: 200 }],
      cwd: "/work/deep",
      env: ["PATH=/bin", "GREETING=hello you"],
    };
    const { stdout } = await bundle.sh('id -u; id -g; id -G; umask; ulimit -n; pwd; echo "$GREETING"', {
      process,
    });
    expect(stdout.trim().split("\n")).toEqual([
      ...["1000", "1001", "1001 5 7", "0027", "100", "/work/deep", "hello you"],
    ]);
    // Made for the container by root.
    expect(statSync(join(bundle.rootfs, "work/deep")).uid).toBe(0);
  });

  test("starts with no signal blocked or ignored, in a session of its own", async () => {
    const { stdout } = await bundle.sh("cat /proc/self/status; cut -d' ' -f6 /proc/1/stat");
    expect(status(stdout, "SigBlk")).toBe("0000000000000000");
    expect(status(stdout, "SigIgn")).toBe("0000000000000000");
    expect(stdout.trim().split("\n").at(-1)).toBe("1");
  });

  test("gets no descriptors but 0, 1 and 2, however many the caller has open", async () => {
    using leaked = new Fd(libc.open(Buffer.from("/\0"), 0o200000, 0));
    expect(leaked.number).toBeGreaterThan(2);
    expect((await bundle.sh("ls /proc/1/fd; true")).stdout.trim().split("\n")).toEqual(["0", "1", "2"]);
  });

  test("sets no_new_privs when asked", async () => {
    const script = "grep NoNewPrivs /proc/self/status";
    expect((await bundle.sh(script)).stdout).toEndWith("0\n");
    expect((await bundle.sh(script, { process: { noNewPrivileges: true } })).stdout).toEndWith("1\n");
  });

  test.each([true, false])(
    "runs under the default seccomp profile, no_new_privs: %p",
    async (noNewPrivileges) => {
      const linux = { seccomp: defaultSeccompProfile(defaultCapabilities) };
      const script = "grep Seccomp: /proc/self/status; unshare -r true 2>&1; id -u";
      const process = { noNewPrivileges, user: { uid: 1000, gid: 1000 } };
      const { stdout } = await bundle.sh(script, { linux, process });
      expect(stdout).toMatch(/^Seccomp:\s*2$/m);
      expect(stdout).toContain("Operation not permitted");
      expect(stdout).toEndWith("1000\n");
    },
  );

  test("has host name, domain name, sysctls and the OOM score of its spec", async () => {
    const change = {
      hostname: "box",
      domainname: "example",
      process: { oomScoreAdj: 300 },
      linux: { sysctl: { "kernel.shmmni": "1000", "net.ipv4.ip_forward": "1" } },
    };
    const files = "/proc/sys/kernel/shmmni /proc/sys/net/ipv4/ip_forward /proc/self/oom_score_adj";
    const { stdout } = await bundle.sh(`hostname; cat /proc/sys/kernel/domainname ${files}`, change);
    expect(stdout.trim().split("\n")).toEqual(["box", "example", "1000", "1", "300"]);
  });

  test("has loopback up in a network namespace of its own", async () => {
    expect((await bundle.sh("ip link show lo")).stdout).toContain("LOOPBACK,UP");
  });

  test("can open /dev/stdout as an ordinary user when its streams are pipes", async () => {
    const process = { user: { uid: 1000, gid: 1000 } };
    expect(await bundle.sh("echo through >/dev/stdout", { process })).toMatchObject({
      exitCode: 0,
      stdout: "through\n",
    });
  });

  test("does not hold the host's /dev/null as a stream", async () => {
    const { stdout } = await bundle.sh("stat -L -c %d /dev/null /proc/self/fd/0");
    const [own, stream] = stdout.trim().split("\n");
    expect(stream).toBe(own ?? "");
  });
});

describe("mounts", () => {
  test("bind directories and files, make missing targets, and honour ro", async () => {
    const source = join(bundle.directory, "source");
    mkdirSync(source, { recursive: true });
    writeFileSync(join(source, "file"), "from the host");
    const mounts = [
      { destination: "/new/dir", source: "source", options: ["rbind", "ro"] },
      { destination: "/new/file", source: "source/file", options: ["bind"] },
    ];
    const script = "cat /new/dir/file /new/file; echo changed >/new/file; touch /new/dir/x 2>&1";
    const result = await bundle.sh(script, { mounts: [...defaultMounts, ...mounts] });
    expect(result.stdout).toContain("from the hostfrom the host");
    expect(result.stdout).toContain("Read-only file system");
    expect(await Bun.file(join(source, "file")).text()).toBe("changed\n");
  });

  test("are refused in so many words when there are too many", async () => {
    const binds = (count: number) =>
      Array.from({ length: count }, (_, index) => {
        return { destination: `/many/${index}`, source: "rootfs/etc", options: ["bind"] };
      });
    const many = await bundle.sh("ls /many | wc -l", { mounts: [...defaultMounts, ...binds(400)] });
    expect(many).toMatchObject({ stdout: "400\n", exitCode: 0 });
    const tooMany = await bundle.sh("true", { mounts: [...defaultMounts, ...binds(1100)] });
    expect(tooMany.error).toEndWith("mount more than 1000 volumes");
  });

  test("go where a link of the image leads, also when nothing is there yet, and never outside", async () => {
    await Bun.$`rm -rf links && mkdir -p links/in && ln -s ../made/here links/to && ln -s /else links/away \
      && ln -s ../../../../../../etc/up links/up && ln -s to/sub links/in/far && ln -s loop links/loop`
      .cwd(bundle.rootfs)
      .quiet();
    const bind = (destination: string) => ({ destination, source: "source", options: ["bind"] });
    const paths = ["/links/to", "/links/away/deep", "/links/up", "/links/in/../to/sub"];
    const mounts = [...defaultMounts, ...paths.map(bind)];
    const { stdout, error } = await bundle.sh("cut -d' ' -f5 /proc/self/mountinfo", { mounts });
    expect(error).toBeUndefined();
    const mounted = stdout.split("\n");
    for (const path of ["/made/here", "/else/deep", "/etc/up", "/made/here/sub"])
      expect(mounted).toContain(path);
    expect(existsSync("/else")).toBe(false);
    const looping = await bundle.sh("true", { mounts: [...defaultMounts, bind("/links/loop/x")] });
    expect(looping.error).toContain("ELOOP");
  });

  test("take a tmpfs's mode from the directory that it covers, unless one is given", async () => {
    mkdirSync(join(bundle.rootfs, "scratch"), { recursive: true });
    chmodSync(join(bundle.rootfs, "scratch"), 0o1777);
    const tmpfs = { destination: "/scratch", type: "tmpfs", options: ["nosuid", "size=1m"] };
    const given = { destination: "/given", type: "tmpfs", options: ["mode=700"] };
    const script = "stat -c %a /scratch /given; df -k /scratch | tail -1";
    const { stdout } = await bundle.sh(script, { mounts: [...defaultMounts, tmpfs, given] });
    expect(stdout).toStartWith("1777\n700\n");
    expect(stdout).toMatch(/\b1024\b/);
  });

  test("stay private: what the container mounts does not reach the host", async () => {
    const names = [...defaultCapabilities, "CAP_SYS_ADMIN"];
    const capabilities = { bounding: names, permitted: names, effective: names };
    const result = await bundle.sh("mount -t tmpfs leaked-mount /tmp && mount | grep -c leaked-mount", {
      process: { capabilities },
    });
    expect(result).toMatchObject({ stdout: "1\n" });
    expect(await Bun.file("/proc/self/mountinfo").text()).not.toContain("leaked-mount");
  });

  test("leave the host's alone, also where they are shared", async () => {
    const script = join(bundle.directory, "shared.ts");
    const from = (path: string) => JSON.stringify(join(import.meta.dir, "../..", path));
    writeFileSync(
      script,
      `import { startContainer } from ${from("src/runtime/create.ts")};
       import { waitForEnd } from ${from("src/sys/process.ts")};
       import { specWith } from ${from("test/fixtures/bundle.ts")};
       const mounts = () => Bun.file("/proc/self/mountinfo").text();
       const before = await mounts();
       const spec = specWith({ process: { args: ["true"] } });
       const bundle = ${JSON.stringify(bundle.directory)};
       const init = await startContainer({ id: "shared", spec, bundle, stdio: "inherit" });
       waitForEnd(init.pid);
       console.log(before === (await mounts()) ? "untouched" : await mounts(), before.includes("shared:"));`,
    );
    const unshare = ["unshare", "--mount", "--propagation", "shared", process.execPath, script];
    expect(Bun.spawnSync(unshare).stdout.toString()).toBe("untouched true\n");
  });

  test("make the root read-only when asked, and leave its mounts writable", async () => {
    const { stdout } = await bundle.sh("touch /x 2>&1; touch /dev/shm/x && echo shm works", {
      root: { path: "rootfs", readonly: true },
    });
    expect(stdout).toContain("Read-only file system");
    expect(stdout).toContain("shm works");
    expect(existsSync(join(bundle.rootfs, "x"))).toBe(false);
  });

  test("mask files and directories, and make paths read-only", async () => {
    writeFileSync(join(bundle.rootfs, "secret"), "secret");
    mkdirSync(join(bundle.rootfs, "secrets/inner"), { recursive: true });
    const script = `cat /secret; ls /secrets; touch /secrets/x 2>&1; chmod 600 /secret 2>&1;
      echo 1 2>&1 >/proc/sys/kernel/shmmni; cat /frozen/file; touch /frozen/x 2>&1`;
    mkdirSync(join(bundle.rootfs, "frozen"), { recursive: true });
    writeFileSync(join(bundle.rootfs, "frozen/file"), "still there\n");
    const { stdout, stderr } = await bundle.sh(script, {
      linux: {
        maskedPaths: ["/secret", "/secrets", "/missing/path"],
        readonlyPaths: ["/proc/sys", "/frozen", "/gone"],
      },
    });
    expect(stdout).not.toContain("secret\n");
    expect(stdout).not.toContain("inner");
    expect(stdout).toContain("still there");
    expect(`${stdout}${stderr}`.match(/Read-only file system/g)).toHaveLength(4);
  });

  test("show the container's own cgroups, read-only", async () => {
    const options = ["nosuid", "noexec", "nodev", "ro"];
    const cgroup = { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options };
    const script =
      "ls /sys/fs/cgroup; cat /proc/self/cgroup; find /sys/fs/cgroup -name cgroup.procs | head -1; touch /sys/fs/cgroup/x 2>&1";
    const { stdout, error } = await bundle.sh(script, { mounts: [...defaultMounts, cgroup] });
    expect(error).toBeUndefined();
    expect(stdout).toContain("cgroup.procs");
    expect(stdout).toContain("Read-only file system");
    // Every path in /proc/self/cgroup starts at the namespace's root.
    expect(stdout).not.toMatch(/^\d+:[^:]*:\/.+$/m);
  });
});

test("without a cgroup namespace a container sees the cgroups that it is in, and no others", async () => {
  const cgroup = { destination: "/sys/fs/cgroup", type: "cgroup", options: ["ro"] };
  const namespaces = [{ type: "mount" }, { type: "pid" }] as const;
  const change = { mounts: [...defaultMounts, cgroup], linux: { namespaces } };
  const { stdout, error } = await bundle.sh(
    "find /sys/fs/cgroup -name cgroup.procs; touch /sys/fs/cgroup/x 2>&1",
    change,
  );
  expect(error).toBeUndefined();
  expect(stdout).toContain("cgroup.procs");
  expect(stdout).toContain("Read-only file system");
});

describe("a program", () => {
  test("that is not found gives 127", async () => {
    const missing = await bundle.run({ process: { args: ["no-such-program"] } });
    expect(missing).toMatchObject({ exitCode: 127 });
    expect(missing.error).toContain('exec: "no-such-program": executable file not found in $PATH');
    const path = await bundle.run({ process: { args: ["/no/such/program"] } });
    expect(path).toMatchObject({ exitCode: 127 });
    expect(path.error).toContain("no such file or directory");
  });

  test("that cannot be executed gives 126", async () => {
    writeFileSync(join(bundle.rootfs, "plain"), "no program", { mode: 0o644 });
    writeFileSync(join(bundle.rootfs, "garbage"), "\x01\x02", { mode: 0o755 });
    const cases: [string, string][] = [
      ["/plain", "permission denied"],
      ["/bin", "permission denied"],
      ["/garbage", "exec format error"],
    ];
    for (const [name, reason] of cases) {
      const result = await bundle.run({ process: { args: [name] } });
      expect(result).toMatchObject({ exitCode: 126 });
      expect(result.error).toContain(`exec: "${name}": ${reason}`);
    }
  });

  test("gets nothing but its error back when a step fails, and no process is left", async () => {
    const bad = { destination: "/bad", type: "tmpfs", options: ["size=nonsense"] };
    const { error, exitCode } = await bundle.sh("true", { mounts: [...defaultMounts, bad] });
    expect(exitCode).toBeUndefined();
    expect(error).toMatch(/^start container "test": mount tmpfs on "\/[^"]*": fsconfig: EINVAL/);
    expect(error).toContain("size");
    expect(reap(-1)).toBeUndefined();
  });
});
