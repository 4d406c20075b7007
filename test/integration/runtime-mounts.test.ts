/** The fields of `mounts`, devices and root propagation in a real container, as its /proc/self/mountinfo and files show them. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, chownSync, mkdirSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Mount } from "../../src/runtime/spec.ts";
import type { SpecChange } from "../fixtures/bundle.ts";
import { Bundle, defaultMounts } from "../fixtures/bundle.ts";

let bundle: Bundle;
/** A directory of the host's with a file, owned by user 7. */
let source: string;
beforeAll(async () => {
  bundle = await Bundle.make();
  source = join(bundle.directory, "source");
  mkdirSync(join(source, "sub"), { recursive: true });
  writeFileSync(join(source, "file"), "content\n");
  chownSync(join(source, "file"), 7, 8);
});
afterAll(() => bundle[Symbol.asyncDispose]());

async function say(script: string, change: SpecChange = {}): Promise<string> {
  const { stdout, stderr, error } = await bundle.sh(script, change);
  expect({ stderr, error }).toEqual({ stderr: "", error: undefined });
  return stdout.trim();
}

const withMounts = (...mounts: Mount[]): SpecChange => ({ mounts: [...defaultMounts, ...mounts] });
/** The options of the mount on `path`, then those of its filesystem. */
const optionsOf = (path: string) =>
  `sed -n 's|^[^ ]* [^ ]* [^ ]* [^ ]* ${path} \\([^ ]*\\) .*- .* \\([^ ]*\\)$|\\1 \\2|p' /proc/self/mountinfo`;

/** Runs a script with a tree of the host's: a tmpfs with another tmpfs below it, in a mount namespace of its own. */
function inTree(script: string): string {
  const tree = `${bundle.directory}/tree`;
  mkdirSync(tree, { recursive: true });
  const command = `mount -t tmpfs top ${tree}; mkdir ${tree}/below; mount -t tmpfs below ${tree}/below; ${script}`;
  const { stdout, stderr } = Bun.spawnSync(["unshare", "-m", "sh", "-ec", command], { stderr: "pipe" });
  expect(stderr.toString()).toBe("");
  return stdout.toString();
}

/** A shell command that runs a container with these changes. */
function runInBundle(change: object): string {
  const fixture = join(import.meta.dir, "../fixtures/run-bundle.ts");
  return `${process.execPath} ${fixture} ${bundle.directory} --change '${JSON.stringify(change).replaceAll("'", "'\\''")}'`;
}

describe("options of a bind", () => {
  test.each([
    [["bind", "ro"], "ro"],
    [["bind", "nosuid", "nodev", "noexec"], "nosuid,nodev,noexec"],
    [["bind", "noatime", "nodiratime"], "noatime,nodiratime"],
    [["bind", "strictatime"], ""],
    [["bind", "nosymfollow"], "nosymfollow"],
    [["bind", "rro", "rnosuid"], "ro,nosuid"],
    [["rbind", "rnoatime"], "noatime"],
  ])("%j", async (options, shown) => {
    const line = await say(optionsOf("/data"), withMounts({ destination: "/data", source, options }));
    for (const option of shown.split(",").filter((word) => word !== "")) {
      expect(line.split(" ")[0]?.split(",")).toContain(option);
    }
    if (options.includes("strictatime")) expect(line).not.toContain("relatime");
  });

  test("with an r apply to all mounts below, those without to the uppermost alone", () => {
    const change = (options: string[]) => ({
      mounts: [...defaultMounts, { destination: "/data", source: `${bundle.directory}/tree`, options }],
      process: { args: ["sh", "-c", "touch /data/x; touch /data/below/x; ls /data /data/below"] },
    });
    const recursive = inTree(`${runInBundle(change(["rbind", "rro"]))} 2>&1 || true`);
    expect(recursive).toContain("touch: /data/x: Read-only file system");
    expect(recursive).toContain("touch: /data/below/x: Read-only file system");
    const single = inTree(`${runInBundle(change(["rbind", "ro"]))} 2>&1 || true`);
    expect(single).toContain("touch: /data/x: Read-only file system");
    expect(single).not.toContain("below/x:");
  });

  test("that are data go unheeded, as mount(2) has it", async () => {
    const change = withMounts({ destination: "/data", source, options: ["bind", "size=1m"] });
    expect(await say("cat /data/file", change)).toBe("content");
  });

  test("a file is bound over a file, which is made when it is missing; a relative destination starts at the root", async () => {
    const file = { source: join(source, "file"), options: ["bind"] };
    const change = withMounts({ ...file, destination: "/etc/new" }, { ...file, destination: "bin/relative" });
    expect(await say("cat /etc/new /bin/relative", change)).toBe("content\ncontent");
  });

  test("a relative source starts at the bundle", async () => {
    expect(
      await say("ls /data", withMounts({ destination: "/data", source: "source", options: ["rbind"] })),
    ).toBe("file\nsub");
  });
});

describe("remount", () => {
  test("changes what an earlier mount has made, and its filesystem", async () => {
    const change = withMounts(
      { destination: "/data", type: "tmpfs", source: "x", options: ["size=64k", "nosuid"] },
      { destination: "/data", type: "tmpfs", source: "x", options: ["remount", "ro", "noexec", "size=128k"] },
    );
    const line = await say(optionsOf("/data"), change);
    expect(line).toMatch(/^ro,nosuid,noexec,relatime .*size=128k/);
  });

  test("with bind changes the mount alone", async () => {
    const change = withMounts(
      { destination: "/data", source, options: ["bind"] },
      { destination: "/data", options: ["remount", "bind", "ro"] },
    );
    expect((await bundle.sh("touch /data/x", change)).stderr).toContain("Read-only");
    writeFileSync(join(source, "file"), "content\n");
  });

  test("of what is no mountpoint fails", async () => {
    const { error } = await bundle.sh(
      "true",
      withMounts({ destination: "/bin", options: ["remount", "bind", "ro"] }),
    );
    expect(error).toContain("EINVAL");
  });
});

describe("a tmpfs", () => {
  test("takes over the mode of the directory that it covers", async () => {
    mkdirSync(join(bundle.rootfs, "moded"));
    chmodSync(join(bundle.rootfs, "moded"), 0o1712);
    const tmpfs = { destination: "/moded", type: "tmpfs", source: "tmpfs" };
    expect(await say("stat -c %a /moded", withMounts(tmpfs))).toBe("1712");
    expect(await say("stat -c %a /moded", withMounts({ ...tmpfs, options: ["mode=700"] }))).toBe("700");
  });

  test("with tmpcopyup begins with what it covers: owners, modes, times, links and devices", async () => {
    const place = join(bundle.rootfs, "copied");
    mkdirSync(join(place, "a/b"), { recursive: true });
    writeFileSync(join(place, "a/b/large"), "x".repeat(3_000_000));
    writeFileSync(join(place, "suid"), "s");
    chownSync(join(place, "suid"), 5, 6);
    chmodSync(join(place, "suid"), 0o4751);
    utimesSync(join(place, "suid"), 1000, 2000);
    utimesSync(join(place, "a"), 3000, 4000);
    symlinkSync("../nowhere", join(place, "link"));
    Bun.spawnSync(["mknod", join(place, "node"), "c", "1", "3"]);
    Bun.spawnSync(["mkfifo", join(place, "fifo")]);
    const script =
      "cd /copied; stat -c '%n %F %a %u:%g' suid a a/b link node fifo; stat -c %Y suid a; readlink link; wc -c <a/b/large; echo changed >suid";
    const tmpfs = { destination: "/copied", type: "tmpfs", source: "tmpfs", options: ["tmpcopyup"] };
    expect((await say(script, withMounts(tmpfs))).split("\n")).toEqual([
      "suid regular file 4751 5:6",
      "a directory 755 0:0",
      "a/b directory 755 0:0",
      "link symbolic link 777 0:0",
      "node character special file 644 0:0",
      "fifo fifo 644 0:0",
      "2000",
      "4000",
      "../nowhere",
      "3000000",
    ]);
    expect(statSync(join(place, "suid")).size).toBe(1);
  });

  test("that is read-only is so with recursive options too", async () => {
    const tmpfs = { destination: "/data", type: "tmpfs", source: "tmpfs", options: ["rro", "rnoexec"] };
    expect(await say(optionsOf("/data"), withMounts(tmpfs))).toMatch(/^ro,noexec/);
  });
});

describe("idmapped mounts", () => {
  const mapping = [{ containerID: 0, hostID: 1000, size: 100 }];

  test("show the files of users as those of others, by the mount's own mappings", async () => {
    const options = ["bind"];
    const mount = { destination: "/data", source, options, uidMappings: mapping, gidMappings: mapping };
    expect(await say("stat -c %u:%g /data/file", withMounts(mount))).toBe("1007:1008");
    // The source itself is as it was.
    expect(statSync(join(source, "file")).uid).toBe(7);
  });

  test("write as the owner on disk", async () => {
    chmodSync(source, 0o777);
    const mount = {
      destination: "/data",
      source,
      options: ["bind"],
      uidMappings: mapping,
      gidMappings: mapping,
    };
    await say("touch /data/made", {
      ...withMounts(mount),
      process: { args: ["sh", "-c", "touch /data/made"], user: { uid: 1042, gid: 1043 } },
    });
    const { uid, gid } = statSync(join(source, "made"));
    expect({ uid, gid }).toEqual({ uid: 42, gid: 43 });
  });

  test("need mappings, and a bind", async () => {
    const mount = { destination: "/data", source, options: ["bind", "idmap"] };
    expect((await bundle.sh("true", withMounts(mount))).error).toContain("there are no mappings");
    const filesystem = { destination: "/data", type: "tmpfs", uidMappings: mapping, gidMappings: mapping };
    expect((await bundle.sh("true", withMounts(filesystem))).error).toContain("only a bind");
  });

  test("with ridmap map the mounts below too", () => {
    const change = (option: string) => ({
      mounts: [
        ...defaultMounts,
        {
          destination: "/data",
          source: `${bundle.directory}/tree`,
          options: ["rbind", option],
          uidMappings: mapping,
          gidMappings: mapping,
        },
      ],
      process: { args: ["stat", "-c", "%u", "/data", "/data/below"] },
    });
    expect(inTree(runInBundle(change("ridmap")))).toBe("1000\n1000\n");
    expect(inTree(runInBundle(change("idmap")))).toBe("1000\n0\n");
  });
});

describe("linux.rootfsPropagation", () => {
  const mountLater = (propagation: string) => {
    const root = bundle.rootfs;
    const wait = (path: string) => `while [ ! -e ${path} ]; do sleep 0.01; done`;
    const script = `touch /ready; ${wait("/go")}; ls /later; rm /ready /go`;
    const change = { linux: { rootfsPropagation: propagation }, process: { args: ["sh", "-c", script] } };
    mkdirSync(join(root, "later"), { recursive: true });
    const ready = `mount --bind ${root} ${root}; mount --make-shared ${root}`;
    const mount = `${wait(`${root}/ready`)}; mount -t tmpfs x ${root}/later; touch ${root}/later/file ${root}/go`;
    const command = `${ready}; ${runInBundle(change)} & pid=$!; ${mount}; wait $pid`;
    return Bun.spawnSync(["unshare", "-m", "sh", "-ec", command]).stdout.toString();
  };

  test("slave: what is mounted below the root on the host appears in the container", () => {
    expect(mountLater("rslave")).toBe("file\n");
  });

  test("private: it does not", () => {
    expect(mountLater("rprivate")).toBe("");
  });

  test.each([
    ["shared", /shared:\d+/],
    ["unbindable", /unbindable/],
  ])("%s", async (rootfsPropagation, shown) => {
    expect(
      await say("grep '^[^/]* /[^ ]* / ' /proc/self/mountinfo", { linux: { rootfsPropagation } }),
    ).toMatch(shown);
  });
});

describe("in a user namespace", () => {
  const map = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
  const namespaces = (["mount", "pid", "ipc", "uts", "network", "cgroup", "user"] as const).map((type) => ({
    type,
  }));
  const linux = { namespaces, uidMappings: map, gidMappings: map };

  test("devices are the host's, masks hold, and idmap maps owners as the container does", async () => {
    await using own = await Bundle.make();
    writeFileSync(join(own.directory, "file"), "content\n");
    Bun.spawnSync(["sh", "-c", `chmod 755 ${own.directory}; chown -R 100000:100000 ${own.rootfs}`]);
    const mounts = [...defaultMounts, { destination: "/file", source: "file", options: ["bind", "idmap"] }];
    const script =
      "for d in null zero full random urandom tty; do [ -c /dev/$d ] || echo $d; done; echo x >/dev/null; " +
      "cat /proc/keys; stat -c %u:%g /file; cat /file; cat /proc/sys/user/max_user_namespaces";
    const sysctl = { "user.max_user_namespaces": "5" };
    const { stdout, stderr, error } = await own.sh(script, {
      mounts,
      linux: { ...linux, sysctl, maskedPaths: ["/proc/keys"] },
    });
    expect({ stdout, stderr, error }).toEqual({ stdout: "0:0\ncontent\n5\n", stderr: "", error: undefined });
  });
});

describe("linux.devices", () => {
  test("are made with mode and owner: characters, blocks, fifos, anywhere", async () => {
    const devices = [
      { path: "/dev/own", type: "c", major: 1, minor: 7, fileMode: 0o640, uid: 3, gid: 4 },
      { path: "/opt/deep/block", type: "b", major: 7, minor: 300 },
      { path: "/dev/unbuffered", type: "u", major: 1, minor: 3 },
      { path: "/dev/pipe", type: "p", fileMode: 0o600 },
    ] as const;
    const script = "stat -c '%n %F %t:%T %a %u:%g' /dev/own /opt/deep/block /dev/unbuffered /dev/pipe";
    expect((await say(script, { linux: { devices } })).split("\n")).toEqual([
      "/dev/own character special file 1:7 640 3:4",
      "/opt/deep/block block special file 7:12c 666 0:0",
      "/dev/unbuffered character special file 1:3 666 0:0",
      "/dev/pipe fifo 0:0 600 0:0",
    ]);
  });

  test("that are there as something else are refused", async () => {
    writeFileSync(join(bundle.rootfs, "taken"), "");
    const devices = [{ path: "/taken", type: "c", major: 1, minor: 3 }] as const;
    expect((await bundle.sh("true", { linux: { devices } })).error).toContain("EEXIST");
  });

  test("are the host's where the runtime may make none", () => {
    const script =
      "for d in null zero full random urandom tty; do [ -c /dev/$d ] || echo $d; done; grep -c ' /dev/null ' /proc/self/mountinfo; cat /proc/keys";
    const command = runInBundle({ process: { args: ["sh", "-c", script] } });
    const { stdout, stderr } = Bun.spawnSync(["setpriv", "--bounding-set=-mknod", "sh", "-c", command], {
      stderr: "pipe",
    });
    expect({ stdout: stdout.toString(), stderr: stderr.toString() }).toEqual({ stdout: "1\n", stderr: "" });
  });
});
