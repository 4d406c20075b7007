/** What separates a container from the host: namespaces, capabilities, system calls, /proc, /sys, /dev, the network. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { Currunt, useCurrunt } from "../fixtures/currunt.ts";
import { freePort } from "../fixtures/registry.ts";

const file = useCurrunt();

async function lines(script: string, ...flags: string[]): Promise<string[]> {
  const { stdout, stderr } = await file.current.inside(script, ...flags);
  expect(stderr).toBe("");
  return stdout.trimEnd().split("\n");
}

describe("namespaces", () => {
  test("mount, pid, ipc, uts, cgroup and, with -network none, net are the container's own", async () => {
    const names = ["mnt", "pid", "ipc", "uts", "cgroup", "net"];
    const inside = await lines(`for n in ${names.join(" ")}; do readlink /proc/self/ns/$n; done`);
    for (const [index, name] of names.entries()) {
      expect(inside[index]).toMatch(new RegExp(`^${name}:`));
      expect(inside[index]).not.toBe(readlinkSync(`/proc/self/ns/${name}`));
    }
  });

  test("the program is PID 1 and sees only the container's processes", async () => {
    // A pipe's second process may not be there yet when the first one looks.
    const script = "echo $$; sleep 1000 & sleep 1000 & set -- /proc/[0-9]*; echo $#";
    expect(await lines(script)).toEqual(["1", "3"]);
  });

  test("zombies of PID 1's orphans are its own to reap, and SIGTERM without a handler does not end it", async () => {
    const [state] = await lines("(sleep 0.1 &) ; sleep 0.3; grep -c State: /proc/1/status");
    expect(state).toBe("1");
  });

  test("the host's root cannot be reached", async () => {
    const script = "ls /proc/1/root/ | sort | tr '\\n' ' '; cd /..; ls | sort | tr '\\n' ' '";
    const [text = ""] = await lines(script);
    expect(text).not.toContain("lost+found");
    expect(text).toContain("bad-interpreter");
    const mounts = await lines("cat /proc/self/mountinfo");
    expect(mounts.filter((line) => line.split(" ")[4] === "/")).toHaveLength(1);
    expect(mounts.join("\n")).not.toContain("oldroot");
  });

  test("mounts of the container never show on the host, and the other way round", async () => {
    const id = await file.current.detached(["sleep", "1000"], "-tmpfs", "/t");
    expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(file.current.directory);
    const propagation = await file.current.ok(
      "exec",
      id,
      "sh",
      "-c",
      "grep -c shared: /proc/self/mountinfo; true",
    );
    expect(propagation).toBe("0");
    await file.current.ok("rm", "-force", id);
  });
});

describe("privileges", () => {
  test("capabilities are docker's default set", async () => {
    const status = await lines("grep ^Cap /proc/self/status");
    expect(status).toEqual([
      "CapInh:\t0000000000000000",
      "CapPrm:\t00000000a80425fb",
      "CapEff:\t00000000a80425fb",
      "CapBnd:\t00000000a80425fb",
      "CapAmb:\t0000000000000000",
    ]);
  });

  test("-cap-add and -cap-drop change it", async () => {
    const read = "sed -n 's/^CapEff:.//p' /proc/self/status";
    expect(await lines(read, "-cap-drop", "ALL")).toEqual(["0000000000000000"]);
    expect(await lines(read, "-cap-drop", "ALL", "-cap-add", "NET_BIND_SERVICE")).toEqual([
      "0000000000000400",
    ]);
    expect(await lines(read, "-cap-add", "cap_sys_admin")).toEqual(["00000000a82425fb"]);
  });

  test("no_new_privs is off unless asked for", async () => {
    const read = "sed -n 's/^NoNewPrivs:.//p' /proc/self/status";
    expect(await lines(read)).toEqual(["0"]);
    expect(await lines(read, "-security-opt", "no-new-privileges")).toEqual(["1"]);
  });

  test("system calls are filtered, and the filter refuses what it should", async () => {
    expect(await lines("sed -n 's/^Seccomp:.//p' /proc/self/status")).toEqual(["2"]);
    expect(await lines("unshare -m true 2>&1 | grep -ci 'not permitted'; true")).toEqual(["1"]);
    expect(await lines("mount -t tmpfs none /tmp 2>&1 | grep -ciE 'denied|not permitted'; true")).toEqual([
      "1",
    ]);
    expect(
      await lines("sed -n 's/^Seccomp:.//p' /proc/self/status", "-security-opt", "seccomp=unconfined"),
    ).toEqual(["0"]);
  });

  test("-privileged gives all of it", async () => {
    const [capabilities, filter] = await lines(
      "sed -n 's/^CapEff:.//p; s/^Seccomp:.//p' /proc/self/status",
      "-privileged",
    );
    const own = /CapEff:\t(\w+)/.exec(await readFile("/proc/self/status", "utf8"))?.[1];
    expect(capabilities).toBe(own ?? "");
    expect(filter).toBe("0");
  });
});

describe("/proc and /sys", () => {
  test("masked paths are empty", async () => {
    const script =
      "for p in kcore keys timer_list sched_debug interrupts; do [ -e /proc/$p ] && wc -c < /proc/$p; done; ls /proc/scsi /proc/acpi /sys/firmware 2>/dev/null | grep -v : | tr -d '\\n'";
    for (const size of await lines(script)) expect(size.trim()).toMatch(/^0?$/);
  });

  test("read-only paths are read-only", async () => {
    const script =
      "for p in bus fs irq sys sysrq-trigger; do [ -e /proc/$p ] || continue; awk -v p=/proc/$p '$5 == p {print p, $6}' /proc/self/mountinfo; done";
    const mounts = await lines(script);
    expect(mounts.length).toBeGreaterThanOrEqual(4);
    for (const mount of mounts) expect(mount).toMatch(/ ro[,\s]?/);
    const [refused] = await lines("(echo 1 > /proc/sys/kernel/domainname) 2>/dev/null || echo refused");
    expect(refused).toBe("refused");
  });

  test("sysfs is read-only, and so are the control groups", async () => {
    const mounts = await lines("awk '$5 == \"/sys\" {print $6}' /proc/self/mountinfo");
    expect(mounts[0]).toMatch(/^ro\b/);
    const [refused] = await lines("mkdir /sys/fs/cgroup/x 2>/dev/null || echo refused");
    expect(refused).toBe("refused");
  });
});

describe("/dev", () => {
  test("has the default devices and nothing of the host's", async () => {
    const names = await lines("ls /dev");
    expect(names).toEqual(
      expect.arrayContaining([
        "fd",
        "full",
        "mqueue",
        "null",
        "ptmx",
        "pts",
        "random",
        "shm",
        "stderr",
        "stdin",
        "stdout",
        "tty",
        "urandom",
        "zero",
      ]),
    );
    expect(names.filter((name) => /^(sd|vd|nvme|mem|kmsg|loop)/.test(name))).toEqual([]);
    const [devices] = await lines(
      "echo x > /dev/null; head -c 2 /dev/zero | xxd -p; echo y > /dev/full 2>/dev/null || echo full",
    );
    expect(devices).toBe("0000");
  });

  test("has its own pseudo-terminals, shared memory and message queues", async () => {
    const mounts = await lines(
      "awk '$5 ~ /^\\/dev/ {print $5, $(NF-2)}' /proc/self/mountinfo; stat -c %a /dev/shm",
    );
    expect(mounts).toEqual(
      expect.arrayContaining(["/dev/pts devpts", "/dev/shm tmpfs", "/dev/mqueue mqueue", "1777"]),
    );
    const [size] = await lines("df -k /dev/shm | awk 'NR == 2 {print $2}'");
    expect(size).toBe("65536");
  });

  test("devices cannot be used beyond the allowed ones", async () => {
    const script =
      "mknod /tmp/disk b 254 0 && (dd if=/tmp/disk of=/dev/null count=1 2>/dev/null && echo read || echo refused)";
    expect(await lines(script)).toEqual(["refused"]);
  });
});

describe("network", () => {
  test("-network none has loopback only, and it is up", async () => {
    expect(await lines("ls /sys/class/net; ping -c 1 -W 1 127.0.0.1 >/dev/null && echo up")).toEqual([
      "lo",
      "up",
    ]);
  });

  test("-network host is the host's, and the default", async () => {
    const own = readlinkSync("/proc/self/ns/net");
    expect(await lines("readlink /proc/self/ns/net", "-network", "host")).toEqual([own]);
    const image = await file.current.image();
    expect(
      await file.current.ok("run", "-rm", "-attach", "-image", image, "-cmd", "readlink /proc/self/ns/net"),
    ).toBe(own);
  });

  test("a server of the host's loopback is reached with host and not with none", async () => {
    const port = await freePort();
    using server = Bun.listen({
      hostname: "127.0.0.1",
      port,
      socket: {
        data() {},
        open(socket) {
          socket.end("hello\n");
        },
      },
    });
    expect(server.port).toBe(port);
    expect(await lines(`nc 127.0.0.1 ${port} </dev/null`, "-network", "host")).toEqual(["hello"]);
    expect((await file.current.inside(`nc -w 1 127.0.0.1 ${port} </dev/null`)).code).not.toBe(0);
  });

  test("hosts, hostname and resolv.conf are made for the container", async () => {
    const text = (
      await lines(
        "cat /etc/hosts; cat /etc/hostname; cat /etc/resolv.conf",
        "-hostname",
        "ship",
        "-add-host",
        "peer:10.1.2.3",
        "-dns",
        "10.9.8.7",
      )
    ).join("\n");
    expect(text).toMatch(/127\.0\.0\.1\s+localhost/);
    expect(text).toMatch(/10\.1\.2\.3\s+peer/);
    expect(text).toMatch(/nameserver 10\.9\.8\.7/);
    expect(text).not.toContain("from the image");
  });
});

describe("the executable", () => {
  test("init and the container's programs never reach a file of the host through /proc/PID/exe", async () => {
    const id = await file.current.detached(["sleep", "1000"]);
    expect(await file.current.ok("exec", id, "readlink", "/proc/1/exe")).toBe("/bin/busybox");
    const { pid, command } =
      file.current.processes().find(({ command }) => command.startsWith("sleep")) ?? {};
    expect(command).toBeDefined();
    const descriptors = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
    expect(descriptors.filter((target) => target.includes(file.current.directory))).toEqual([]);
    expect(descriptors).toHaveLength(3);
    await file.current.ok("rm", "-force", id);
  });

  test("takes no orders from .env and bunfig.toml of the directory it is run in, nor from BUN_ variables", async () => {
    await using own = await Currunt.create();
    await Bun.write(`${own.work}/.env`, "CURRUNT_DATA_ROOT=/nonexistent\n");
    await Bun.write(`${own.work}/bunfig.toml`, 'preload = ["./evil.ts"]\n');
    await Bun.write(`${own.work}/evil.ts`, 'console.log("evil")\n');
    const { stdout, code } = await own.run(["version"], {
      env: { BUN_OPTIONS: "--preload ./evil.ts", BUN_BE_BUN: "1" },
    });
    expect(code).toBe(0);
    expect(stdout).not.toContain("evil");
    expect(stdout).toContain("currunt");
    await Bun.$`rm ${own.work}/.env ${own.work}/bunfig.toml ${own.work}/evil.ts`.quiet();
  });
});

test("arguments and variables reach the program byte for byte, also those that are no UTF-8", async () => {
  const { program, env } = file.current;
  const image = await file.current.image();
  await Bun.write(join(file.current.work, "bytes.env"), new Uint8Array([0x43, 0x3d, 0xfc, 0x0a]));
  // A shell makes the bytes: Bun.spawn takes text only.
  const flags = `-rm -network none -env "A=$(printf 'a\\377')" -env B -env-file bytes.env`;
  const inner = `printf %s:%s:%s:%s "$0" "$A" "$B" "$C"`;
  const script = `export B="$(printf 'b\\200')"; "$0" run ${flags} ${image} sh -c '${inner}' "$(printf '\\351t\\303\\251')"`;
  const { stdout, exitCode, stderr } = Bun.spawnSync(["sh", "-c", script, program], {
    env,
    cwd: file.current.work,
  });
  await rm(join(file.current.work, "bytes.env"));
  expect(stderr.toString()).toBe("");
  expect(exitCode).toBe(0);
  expect(stdout.toString("latin1")).toBe("\xe9t\xc3\xa9:a\xff:b\x80:\xfc");
});
