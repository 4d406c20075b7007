/** `exec` of the OCI runtime, terminals, and the sockets that callers pass. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { libc } from "../../ffi/libc.ts";
import { receiveAt, sendPacket } from "../../src/sys/datagram.ts";
import { Fd } from "../../src/sys/fd.ts";
import { writeAll } from "../../src/sys/file.ts";
import { receiveWithDescriptors } from "../../src/sys/rights.ts";
import { setWindowSize } from "../../src/sys/terminal.ts";
import { ListeningSocket } from "../fixtures/listening-socket.ts";
import { Oci } from "../fixtures/oci.ts";
import { run } from "../fixtures/process.ts";

let oci: Oci;
beforeAll(async () => {
  oci = await Oci.make();
});
afterEach(() => oci.clear());
afterAll(() => oci[Symbol.asyncDispose]());

/** A running container that sleeps. */
async function running(change = {}): Promise<void> {
  await oci.create("c", change);
  await oci.ok("start", "c");
}

const inside = async (...args: string[]) => (await oci.ok("exec", ...args)).trim();

describe("exec", () => {
  test("runs as the container's own process does, and ends with its exit code", async () => {
    await running({ process: { env: ["PATH=/bin", "A=1"], cwd: "/bin", user: { uid: 7, gid: 8 } } });
    expect(await inside("c", "sh", "-c", "id -u; id -g; pwd; echo $A")).toBe("7\n8\n/bin\n1");
    expect(await oci.call(["exec", "c", "sh", "-c", "exit 9"])).toMatchObject({ code: 9 });
    const missing = await oci.call(["exec", "c", "nothing"]);
    expect(missing.code).toBe(255);
    expect(missing.stderr).toContain('exec: "nothing": executable file not found in $PATH');
    expect((await oci.call(["exec", "c"])).code).toBe(255);
  });

  test("takes user, groups, directory, variables, no_new_privs and capabilities from flags", async () => {
    await running();
    const flags = [
      "-u",
      "3:4",
      "-g",
      "5",
      "--additional-gids",
      "6",
      "--cwd",
      "/proc",
      "-e",
      "B=two",
      "--no-new-privs",
    ];
    const script = "id -u; id -g; id -G; pwd; echo $B; grep NoNewPrivs /proc/self/status";
    expect(await inside(...flags, "c", "sh", "-c", script)).toBe("3\n4\n4 5 6\n/proc\ntwo\nNoNewPrivs:\t1");
    const status = await inside("--cap", "CAP_SYS_TIME", "c", "cat", "/proc/self/status");
    const set = (name: string) => BigInt(`0x${new RegExp(`${name}:\\s*(\\w+)`).exec(status)?.[1]}`);
    expect(set("CapEff") & (1n << 25n)).not.toBe(0n);
    expect(set("CapInh")).toBe(0n);
  });

  // CVE-2026-30892: "1" that is taken for root.
  test.each(["root", "1x", "-1", ":1", "1:", "1:2:3", "0x1", " 1", "4294967295", ""])(
    "refuses %j as a user",
    async (user) => {
      await oci.create("c");
      const { code, stderr } = await oci.call(["exec", `--user=${user}`, "c", "id"]);
      expect(code).toBe(255);
      expect(stderr).toContain("-user");
    },
  );

  test("takes the process of a file instead", async () => {
    await running();
    const process = {
      user: { uid: 11, gid: 12 },
      args: ["sh", "-c", "id -u; pwd; echo $C"],
      env: ["PATH=/bin", "C=3"],
      cwd: "/etc",
    };
    writeFileSync(join(oci.bundle.directory, "process.json"), JSON.stringify(process));
    expect(await inside("--process", "process.json", "c")).toBe("11\n/etc\n3");
    writeFileSync(join(oci.bundle.directory, "process.json"), JSON.stringify({ ...process, cwd: "etc" }));
    expect((await oci.call(["exec", "-p", "process.json", "c"])).stderr).toContain("cwd");
  });

  test("detaches, and writes the pid file", async () => {
    await running();
    await oci.quietly("exec", "--detach", "--pid-file", "exec.pid", "c", "sleep", "1234");
    const pid = readFileSync(join(oci.bundle.directory, "exec.pid"), "utf8");
    expect(readFileSync(`/proc/${pid}/cmdline`, "utf8")).toBe("sleep\x001234\0");
    expect(readFileSync(`/proc/${pid}/cgroup`, "utf8")).toContain("/c");
  });

  test("goes into a cgroup below the container's, and never above", async () => {
    await running();
    const { pid } = await oci.state("c");
    const pids = "/sys/fs/cgroup/pids/c/below";
    await Bun.$`mkdir ${pids}`;
    const own = (text: string) => /:pids:(.*)$/m.exec(text)?.[1];
    expect(own(await inside("--cgroup", "pids:below", "c", "cat", "/proc/self/cgroup"))).toBe("/below");
    expect((await oci.call(["exec", "--cgroup", "pids:/../below", "c", "true"])).stderr).toContain(
      "bad sub cgroup path",
    );
    expect((await oci.call(["exec", "--cgroup", "nothing:x", "c", "true"])).stderr).toContain(
      "no such controller",
    );
    expect(pid).toBeGreaterThan(0);
  });

  test("passes descriptors on", async () => {
    await running();
    writeFileSync(join(oci.bundle.directory, "passed"), "passed on\n");
    const script = `exec ${oci.program} --root ${oci.root} exec --preserve-fds 1 c sh -c 'cat <&3; ls /proc/self/fd' 3<passed`;
    const text = await Bun.$`sh -c ${script}`.cwd(oci.bundle.directory).text();
    expect(text).toBe("passed on\n0\n1\n2\n3\n4\n");
  });

  test("gives the program a terminal when asked", async () => {
    await running();
    expect(await inside("-t", "c", "sh", "-c", "tty; test -t 1 && echo yes")).toMatch(
      /^\/dev\/pts\/\d+\nyes$/,
    );
    expect((await oci.call(["exec", "-t", "-d", "c", "true"])).stderr).toContain(
      "without setting console socket",
    );
  });
});

describe("a terminal", () => {
  test("reaches whoever listens at the console socket", async () => {
    using listener = new ListeningSocket(join(oci.bundle.directory, "console.sock"));
    const script = "read line; echo got $line; stty size; sleep 1000";
    const process = { terminal: true, args: ["sh", "-c", script], consoleSize: { width: 90, height: 30 } };
    await oci.create("c", { process }, "--console-socket", "console.sock");
    using connection = listener.accept();
    const { bytes, fds } = receiveWithDescriptors(connection, 200);
    expect(Buffer.from(bytes).toString()).not.toBe("");
    using master = fds[0] ?? new Fd(-1);
    await oci.ok("start", "c");
    setWindowSize(master, { rows: 31, columns: 91 });
    writeAll(master, Buffer.from("hello\n"));
    let text = "";
    const buffer = new Uint8Array(1000);
    while (!text.includes("31 91")) {
      const length = libc.read(master.number, buffer, buffer.length);
      if (length <= 0) break;
      text += Buffer.from(buffer.subarray(0, length)).toString();
    }
    expect(text).toContain("got hello");
    expect(text).toContain("31 91");
  });

  test("needs a console socket in the background, and only there", async () => {
    oci.configure({ process: { terminal: true } });
    expect((await oci.call(["create", "c"])).stderr).toContain("without setting console socket");
    oci.configure({ process: { args: ["true"] } });
    const useless = await oci.call(["create", "--console-socket", "console.sock", "c"]);
    expect(useless.stderr).toContain("cannot use console socket");
    expect((await oci.call(["run", "--pidfd-socket", "missing.sock", "c"])).stderr).toContain("missing.sock");
  });

  test("is joined to the caller's in the foreground", async () => {
    oci.configure({ process: { terminal: true, args: ["sh", "-c", "tty; test -t 0 && echo in; exit 4"] } });
    const { code, stdout } = await oci.call(["run", "c"]);
    expect(code).toBe(4);
    expect(stdout.replaceAll("\r", "")).toMatch(/^\/dev\/pts\/\d+\nin\n$/);
  });
});

test("a pidfd of init is sent to who asks for it", async () => {
  using listener = new ListeningSocket(join(oci.bundle.directory, "pidfd.sock"));
  await oci.create("c", {}, "--pidfd-socket", "pidfd.sock");
  using connection = listener.accept();
  using pidfd = receiveWithDescriptors(connection, 200).fds[0] ?? new Fd(-1);
  const { pid } = await oci.state("c");
  expect(readFileSync(`/proc/self/fdinfo/${pidfd.number}`, "utf8")).toMatch(
    new RegExp(`^Pid:\\s+${pid}$`, "m"),
  );
});

describe("readiness", () => {
  test("is passed on to the caller's systemd", async () => {
    using host = receiveAt(oci.bundle.directory, "host.sock");
    const env = { ...process.env, NOTIFY_SOCKET: join(oci.bundle.directory, "host.sock") };
    oci.configure({ process: { args: ["sleep", "1000"] } });
    const script = `${oci.program} --root ${oci.root} create c </dev/null >/dev/null 2>&1`;
    await Bun.$`sh -c ${script}`.env(env).cwd(oci.bundle.directory);
    const { pid } = await oci.state("c");
    expect(readFileSync(`/proc/${pid}/environ`, "utf8")).not.toContain("NOTIFY_SOCKET");
    const starting = oci.call(["start", "c"], { env });
    const socket = join(oci.root, "c/notify/notify.sock");
    while (!existsSync(socket)) await Bun.sleep(5);
    sendPacket(socket, Buffer.from("STATUS=not yet"));
    sendPacket(socket, Buffer.from("READY=1\nSTATUS=up"));
    expect((await starting).code).toBe(0);
    expect(Buffer.from(receiveWithDescriptors(host, 100).bytes).toString()).toBe(`READY=1\nMAINPID=${pid}\n`);
  });
});

describe("a root that cannot be pivoted to", () => {
  test("is changed to, and the host's proc is out of reach", async () => {
    oci.configure({
      process: { args: ["sh", "-c", "ls -d /bin /proc/self; grep -c ' - proc ' /proc/self/mountinfo"] },
    });
    const { code, stdout } = await oci.call(["run", "--no-pivot", "c"]);
    expect({ code, stdout }).toMatchObject({ code: 0 });
    expect(stdout).toStartWith("/bin\n/proc/self\n");
  });
});

test("commands without an OCI flag find OCI containers by their ID, and the engine's own otherwise", async () => {
  const id = `oci-shared-name-${process.pid}`;
  const env = { ...process.env, CURRUNT_DATA_ROOT: join(oci.bundle.directory, "data") };
  const call = (...args: string[]) => run([oci.program, ...args], { cwd: oci.bundle.directory, env });
  oci.configure({ process: { args: ["sleep", "1000"] } });
  const script = `${oci.program} create --bundle . ${id} </dev/null >/dev/null 2>&1`;
  await Bun.$`sh -c ${script}`.cwd(oci.bundle.directory);
  try {
    expect(await call("start", id)).toMatchObject({ code: 0, stderr: "" });
    expect(await call("exec", id, "echo", "hello")).toMatchObject({ code: 0, stdout: "hello\n" });
    expect(JSON.parse((await call("ps", "--format", "json", id)).stdout)).toHaveLength(1);
    expect(await call("kill", id, "KILL")).toMatchObject({ code: 0 });
  } finally {
    expect(await call("delete", "--force", id)).toMatchObject({ code: 0 });
  }
  const unknown = await call("kill", id);
  expect(unknown.code).toBe(125);
});

test("a seccomp profile is compiled once for all containers of a root, and holds in each and in what is executed there", async () => {
  const seccomp = {
    defaultAction: "SCMP_ACT_ALLOW",
    syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 95 }],
  } as const;
  const args = ["sh", "-c", "mkdir /made; sleep 1000"];
  for (const id of ["first", "second"]) {
    await oci.create(id, { process: { args }, linux: { seccomp } });
    await oci.ok("start", id);
    const { code, stderr } = await oci.call(["exec", id, "mkdir", "/made"]);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: "mkdir: can't create directory '/made': Operation not supported\n",
    });
  }
  expect(existsSync(join(oci.bundle.rootfs, "made"))).toBe(false);
  expect(readdirSync(join(oci.root, "@filters"))).toHaveLength(1);
  expect((await oci.ok("list", "--quiet")).trim().split("\n")).toEqual(["first", "second"]);
});
