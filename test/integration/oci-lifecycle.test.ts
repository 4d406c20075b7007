/** The OCI runtime's commands, in the order of a container's life, on the built executable. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, watch, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startTimeOf } from "../../src/sys/process.ts";
import { defaultMounts } from "../fixtures/bundle.ts";
import { Oci } from "../fixtures/oci.ts";
import { run } from "../fixtures/process.ts";

let oci: Oci;
beforeAll(async () => {
  oci = await Oci.make();
});
afterEach(() => oci.clear());
afterAll(() => oci[Symbol.asyncDispose]());

/** A line of /proc/PID/smaps_rollup, in kilobytes. */
function privateKilobytes(pid: number): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  return [...text.matchAll(/^Private_\w+:\s+(\d+) kB$/gm)].reduce(
    (sum, [, kilobytes]) => sum + Number(kilobytes),
    0,
  );
}

/** Resolves once something of that name is in a directory. */
function appearanceOf(directory: string, name: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const watcher = watch(directory, (_, appeared) => {
    if (appeared === name) resolve();
  });
  if (existsSync(join(directory, name))) resolve();
  return promise.finally(() => watcher.close());
}

describe("a created container", () => {
  test("waits, complete but for its program, in less than a megabyte", async () => {
    await oci.create("c", { process: { args: ["touch", "/ran"] } }, "--pid-file", "pid");
    const state = await oci.state("c");
    expect(state).toMatchObject({
      id: "c",
      status: "created",
      bundle: oci.bundle.directory,
      ociVersion: "1.2.0",
    });
    expect(readFileSync(join(oci.bundle.directory, "pid"), "utf8")).toBe(String(state.pid));
    expect(privateKilobytes(state.pid)).toBeLessThan(1024);
    expect(readFileSync(`/proc/${state.pid}/mountinfo`, "utf8")).toContain(" - devpts ");
    expect(existsSync(join(oci.bundle.rootfs, "ran"))).toBe(false);
    await oci.ok("start", "c");
    await Bun.$`timeout 5 sh -c 'until [ -e ${join(oci.bundle.rootfs, "ran")} ]; do :; done'`;
  });

  test("runs once it is started, and only once", async () => {
    await oci.create("c");
    await oci.ok("start", "c");
    expect(await oci.state("c")).toMatchObject({ status: "running" });
    const again = await oci.call(["start", "c"]);
    expect(again).toMatchObject({ code: 1 });
    expect(again.stderr).toContain("cannot start an already running container");
  });

  test("may have a command's name", async () => {
    await oci.create("exec");
    expect(await oci.state("exec")).toMatchObject({ id: "exec", status: "created" });
    for (const command of ["pause", "resume", "list"]) {
      expect(await oci.call(command === "list" ? [command] : [command, "exec"])).toMatchObject({ code: 0 });
    }
    await oci.ok("delete", "--force", "exec");
  });

  test("is started by one of many who try at once", async () => {
    await oci.create("c");
    const all = await Promise.all(Array.from({ length: 6 }, () => oci.call(["start", "c"])));
    expect(all.filter(({ code }) => code === 0)).toHaveLength(1);
  });

  test("can be executed in, signalled and deleted", async () => {
    await oci.create("c");
    expect(await oci.call(["exec", "c", "echo", "early"])).toMatchObject({ code: 0, stdout: "early\n" });
    const { pid } = await oci.state("c");
    const refused = await oci.call(["delete", "c"]);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("not stopped: created") });
    await oci.ok("delete", "--force", "c");
    // A zombie until process 1 of this machine looks.
    expect(startTimeOf(pid)).toBeUndefined();
    expect(readdirSync(oci.root)).toEqual([]);
  });

  test("keeps its ID from others, and an ID must be a name", async () => {
    await oci.create("c");
    const second = await oci.call(["create", "c"]);
    expect(second).toMatchObject({ code: 1 });
    expect(second.stderr).toContain("container with given ID already exists");
    for (const id of ["..", "a/b", "", "a b"]) {
      expect((await oci.call(["create", id])).stderr).toContain("invalid container ID format");
    }
    expect(readdirSync(oci.root)).toEqual(["c"]);
  });
});

describe("a program that is missing is an error of the creation", () => {
  test.each([
    ["no-such-program", 'exec: "no-such-program": executable file not found in $PATH'],
    ["/no/such", 'exec: "/no/such": no such file or directory'],
    ["/etc", 'exec: "/etc": is a directory'],
    ["/plain", 'exec: "/plain": permission denied'],
  ])("%s", async (name, words) => {
    writeFileSync(join(oci.bundle.rootfs, "plain"), "");
    mkdirSync(join(oci.bundle.rootfs, "etc"), { recursive: true });
    oci.configure({ process: { args: [name] } });
    const { code, stderr } = await oci.call(["create", "c"]);
    expect(code).toBe(1);
    expect(stderr).toContain(words);
    expect(readdirSync(oci.root)).toEqual([]);
  });

  test("and one that cannot be executed, of the start", async () => {
    writeFileSync(join(oci.bundle.rootfs, "garbage"), "\x01\x02", { mode: 0o755 });
    await oci.create("c", { process: { args: ["/garbage"] } });
    const { code, stderr } = await oci.call(["start", "c"]);
    expect(code).toBe(1);
    expect(stderr).toContain('exec: "/garbage": exec format error');
    expect(await oci.state("c")).toMatchObject({ status: "stopped", pid: 0 });
  });
});

describe("kill", () => {
  test.each(["KILL", "SIGKILL", "kill", "9"])("takes %s for a signal", async (signal) => {
    await oci.create("c");
    await oci.ok("start", "c");
    const { pid } = await oci.state("c");
    await oci.ok("kill", "c", signal);
    await Bun.$`timeout 5 tail -f /dev/null --pid=${pid}`.nothrow();
    expect(await oci.state("c")).toMatchObject({ status: "stopped", pid: 0 });
    const late = await oci.call(["kill", "c", "TERM"]);
    expect(late.code).toBe(1);
    expect(late.stderr).toContain("container not running");
    await oci.ok("kill", "--all", "c", "9");
    expect((await oci.call(["start", "c"])).stderr).toContain("cannot start a container that has stopped");
    expect((await oci.call(["exec", "c", "true"])).code).toBe(255);
    await oci.ok("delete", "c");
  });

  test("refuses what is no signal", async () => {
    await oci.create("c");
    expect((await oci.call(["kill", "c", "NOSUCH"])).stderr).toContain('"NOSUCH" is not a signal');
  });
});

describe("delete", () => {
  test("wants a running container to be forced", async () => {
    await oci.create("c");
    await oci.ok("start", "c");
    const refused = await oci.call(["delete", "c"]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("cannot delete container c that is not stopped: running");
    await oci.ok("delete", "--force", "c");
    expect((await oci.call(["state", "c"])).stderr).toContain("does not exist");
    expect((await oci.call(["delete", "c"])).stderr).toContain("does not exist");
    await oci.ok("delete", "--force", "c");
  });

  test("removes what a creation left that was killed at any moment", async () => {
    oci.configure({ process: { args: ["sleep", "1000"] } });
    for (let delayMs = 0; delayMs < 24; delayMs += 1) {
      const child = Bun.spawn([oci.program, "--root", oci.root, "create", "c"], {
        cwd: oci.bundle.directory,
        stdio: ["ignore", "ignore", "ignore"],
      });
      await Bun.sleep(delayMs);
      child.kill("SIGKILL");
      await child.exited;
      await oci.ok("delete", "--force", "c");
      expect(readdirSync(oci.root)).toEqual([]);
    }
    const left = await Bun.$`grep -lsF ${oci.root} /proc/[0-9]*/mountinfo /proc/[0-9]*/cmdline`
      .nothrow()
      .text();
    expect(left).toBe("");
  });
});

describe("run", () => {
  test("ends with the program's exit code, and leaves nothing", async () => {
    oci.configure({ process: { args: ["sh", "-c", "echo out; echo err >&2; exit 7"] } });
    expect(await oci.call(["run", "r"])).toEqual({ code: 7, stdout: "out\n", stderr: "err\n" });
    expect(readdirSync(oci.root)).toEqual([]);
  });

  test("passes on the caller's limit of open files, not the one that the engine raises for itself", async () => {
    oci.configure({ process: { args: ["sh", "-c", "ulimit -Sn; ulimit -Hn"] } });
    const script = `ulimit -Sn 777; ulimit -Hn 3000; exec ${oci.program} --root ${oci.root} run r`;
    const limited = await run(["sh", "-c", script], { cwd: oci.bundle.directory });
    expect(limited).toEqual({ code: 0, stdout: "777\n3000\n", stderr: "" });
  });

  test("ends with 128 and the signal that ended the program", async () => {
    oci.configure({
      process: { args: ["sh", "-c", "kill -9 $$"] },
      linux: { namespaces: [{ type: "mount" }] },
    });
    expect((await oci.call(["run", "r"])).code).toBe(137);
  });

  test("keeps the state when asked", async () => {
    oci.configure({ process: { args: ["true"] } });
    await oci.ok("run", "--keep", "r");
    expect(await oci.state("r")).toMatchObject({ status: "stopped" });
    await oci.ok("delete", "r");
  });

  test("passes signals on", async () => {
    const script = 'trap "echo got it; exit 3" TERM; echo ready; while :; do sleep 0.1; done';
    oci.configure({ process: { args: ["sh", "-c", script] } });
    const child = Bun.spawn([oci.program, "--root", oci.root, "run", "r"], {
      cwd: oci.bundle.directory,
      stdio: ["ignore", "pipe", "inherit"],
    });
    const reader = child.stdout.getReader();
    let text = "";
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      const before = text;
      text += new TextDecoder().decode(part.value);
      if (!before.includes("ready") && text.includes("ready")) child.kill("SIGTERM");
    }
    expect(text).toBe("ready\ngot it\n");
    expect(await child.exited).toBe(3);
  });

  test("passes on what comes while the program is not there yet", async () => {
    oci.configure({
      process: { args: ["sleep", "1000"] },
      linux: { namespaces: [{ type: "mount" }, { type: "cgroup" }] },
    });
    const child = Bun.spawn([oci.program, "--root", oci.root, "run", "early"], {
      cwd: oci.bundle.directory,
      stdio: ["ignore", "inherit", "inherit"],
    });
    await appearanceOf(oci.root, "early");
    child.kill("SIGTERM");
    expect(await child.exited).toBe(128 + 15);
    expect(readdirSync(oci.root)).toEqual([]);
  });

  test("costs some kilobytes while the program runs", async () => {
    oci.configure({ process: { args: ["sh", "-c", "echo ready; read line; exit 4"] } });
    const child = Bun.spawn([oci.program, "--root", oci.root, "run", "small"], {
      cwd: oci.bundle.directory,
      stdio: ["pipe", "pipe", "inherit"],
    });
    await child.stdout.getReader().read();
    // The program may have been faster than its start could be noticed.
    while (!readFileSync(`/proc/${child.pid}/cmdline`, "latin1").includes("\0keep\0")) await Bun.sleep(1);
    expect(privateKilobytes(child.pid)).toBeLessThan(200);
    child.stdin.write("\n");
    await child.stdin.end();
    expect(await child.exited).toBe(4);
    expect(readdirSync(oci.root)).toEqual([]);
  });

  test("removes cgroups that the program has made in its own", async () => {
    const mounts = [
      ...defaultMounts,
      { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["nosuid", "noexec"] },
    ];
    const script =
      "for d in /sys/fs/cgroup /sys/fs/cgroup/pids; do mkdir -p $d/below/deeper; done 2>/dev/null; exit 5";
    oci.configure({ mounts, process: { args: ["sh", "-c", script] } });
    expect((await oci.call(["run", "nested"])).code).toBe(5);
    expect(readdirSync(oci.root)).toEqual([]);
    expect((await Bun.$`find /sys/fs/cgroup -type d -name nested`.nothrow().text()).trim()).toBe("");
  });

  // Linux 6.3. The setting is one of the pid namespace's.
  test.skipIf(!existsSync("/proc/sys/vm/memfd_noexec"))(
    "works where executable memory files are forbidden",
    async () => {
      oci.configure({ process: { args: ["echo", "made it"] } });
      const script = `echo 2 >/proc/sys/vm/memfd_noexec && exec "$0" --root "$1" run r`;
      const { code, stdout, stderr } = await run(
        ["unshare", "--pid", "--fork", "--mount-proc", "sh", "-c", script, oci.program, oci.root],
        { cwd: oci.bundle.directory },
      );
      expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "made it\n", stderr: "" });
    },
  );

  test("leaves a container alone that has taken its ID meanwhile", async () => {
    oci.configure({ process: { args: ["sh", "-c", "echo ready; sleep 1000"] } });
    const child = Bun.spawn([oci.program, "--root", oci.root, "run", "r"], {
      cwd: oci.bundle.directory,
      stdio: ["ignore", "pipe", "inherit"],
    });
    await child.stdout.getReader().read();
    child.kill("SIGSTOP");
    await oci.ok("delete", "--force", "r");
    await oci.create("r");
    child.kill("SIGCONT");
    expect(await child.exited).toBe(137);
    expect(await oci.state("r")).toMatchObject({ status: "created" });
    await oci.ok("delete", "--force", "r");
  });

  test("goes into the background when asked", async () => {
    oci.configure({ process: { args: ["sleep", "1000"] } });
    await oci.quietly("run", "--detach", "--pid-file", "pid", "r");
    expect(await oci.state("r")).toMatchObject({ status: "running" });
    await oci.ok("delete", "-f", "r");
  });

  test("passes on descriptors, and those of socket activation with the program's own pid", async () => {
    oci.configure({
      process: { args: ["sh", "-c", "cat <&3; ls /proc/self/fd | wc -l; echo $LISTEN_FDS $LISTEN_PID"] },
    });
    writeFileSync(join(oci.bundle.directory, "passed"), "passed on\n");
    const script = `exec 3<passed; exec ${oci.program} --root ${oci.root} run`;
    const shell = (rest: string, env = {}) =>
      Bun.$`sh -c ${`${script} ${rest}`}`
        .env({ ...process.env, ...env })
        .cwd(oci.bundle.directory)
        .nothrow()
        .text();
    expect(await shell("--preserve-fds 1 r")).toBe("passed on\n5\n\n");
    expect(await shell("r", { LISTEN_FDS: "1" })).toBe("passed on\n5\n1 1\n");
    expect((await oci.call(["run", "--preserve-fds", "5", "r"])).stderr).toContain("it is not open");
  });
});

describe("hooks", () => {
  const said = (name: string) => readFileSync(join(oci.bundle.directory, name), "utf8");

  test("run at their points, with the state on standard input", async () => {
    const hook = (name: string) => [
      {
        path: "/bin/sh",
        args: [
          "sh",
          "-c",
          `cat >>${oci.bundle.directory}/hooks; echo " ${name}" >>${oci.bundle.directory}/hooks`,
        ],
      },
    ];
    const hooks = {
      prestart: hook("prestart"),
      createRuntime: hook("createRuntime"),
      createContainer: hook("createContainer"),
      poststart: hook("poststart"),
      poststop: hook("poststop"),
    };
    await oci.create("c", { hooks, annotations: { a: "b" } });
    const { pid } = await oci.state("c");
    await oci.ok("start", "c");
    await oci.ok("delete", "-f", "c");
    const lines = said("hooks").trimEnd().split("\n");
    expect(lines.map((line) => line.split(" ").at(-1))).toEqual(Object.keys(hooks));
    const states = lines.map((line) => JSON.parse(line.slice(0, line.lastIndexOf(" "))));
    expect(states.map(({ status }) => status)).toEqual([
      "created",
      "created",
      "created",
      "running",
      "stopped",
    ]);
    expect(states.map((state) => state.pid)).toEqual([pid, pid, 1, pid, 0]);
    for (const state of states) {
      expect(state).toMatchObject({ id: "c", bundle: oci.bundle.directory, annotations: { a: "b" } });
    }
  });

  test.each(["prestart", "createRuntime", "createContainer"])(
    "a %s that fails ends the creation",
    async (kind) => {
      const hooks = {
        [kind]: [{ path: "/bin/false" }],
        poststop: [
          { path: "/bin/sh", args: ["sh", "-c", `echo gone >${oci.bundle.directory}/stop-${kind}`] },
        ],
      };
      oci.configure({ hooks, process: { args: ["true"] } });
      const { code, stderr } = await oci.call(["create", "c"]);
      expect(code).toBe(1);
      expect(stderr).toContain(`${kind}[0] "/bin/false"`);
      expect(said(`stop-${kind}`)).toBe("gone\n");
      expect(readdirSync(oci.root)).toEqual([]);
    },
  );

  test("a poststart that fails ends the container, a poststop is a warning", async () => {
    await oci.create("c", {
      hooks: { poststart: [{ path: "/bin/false" }], poststop: [{ path: "/bin/false" }] },
    });
    const started = await oci.call(["start", "c"]);
    expect(started.code).toBe(1);
    expect(started.stderr).toContain('poststart[0] "/bin/false"');
    expect(readdirSync(oci.root)).toEqual([]);
    await oci.create("c", { hooks: { poststop: [{ path: "/bin/false" }] } });
    const deleted = await oci.call(["delete", "-f", "c"]);
    expect(deleted.code).toBe(0);
    expect(deleted.stderr).toContain('warning: run hook poststop[0] "/bin/false": exit code 1');
    oci.configure({ process: { args: ["true"] }, hooks: { poststop: [{ path: "/bin/false" }] } });
    const ran = await oci.call(["run", "r"]);
    expect(ran.code).toBe(0);
    expect(ran.stderr).toContain('warning: run hook poststop[0] "/bin/false": exit code 1');
  });
});

describe("cgroups", () => {
  const cgroupsOf = (id: string) =>
    Array.from(new Bun.Glob(`**/${id}`).scanSync({ cwd: "/sys/fs/cgroup", onlyFiles: false }));

  test("hold the container's processes, stop them, limit them, and go with it", async () => {
    const id = `oci-test-${process.pid}`;
    await oci.create(id, { linux: { resources: { pids: { limit: 50 } } } });
    await oci.ok("start", id);
    const { pid } = await oci.state(id);
    expect(readFileSync(`/proc/${pid}/cgroup`, "utf8")).toContain(`/${id}`);
    await oci.quietly("exec", "-d", "--pid-file", "exec-pid", id, "sleep", "100");
    const second = Number(readFileSync(join(oci.bundle.directory, "exec-pid"), "utf8"));
    expect(JSON.parse(await oci.ok("ps", "--format", "json", id)).sort()).toEqual([pid, second].sort());
    expect(await oci.ok("ps", id)).toMatch(/^UID +PID .*\n.* sleep 1000\n.* sleep 100\n$/);
    await oci.ok("pause", id);
    expect(await oci.state(id)).toMatchObject({ status: "paused" });
    expect((await oci.call(["pause", id])).stderr).toContain("container not running");
    const refused = await oci.call(["exec", id, "true"]);
    expect(refused.stderr).toContain("cannot exec in a paused container (use --ignore-paused to override)");
    await oci.ok("resume", id);
    expect((await oci.call(["resume", id])).stderr).toContain("container not paused");
    await oci.ok("update", "--pids-limit", "20", id);
    const limit = () =>
      Bun.$`cat /sys/fs/cgroup/pids${{ raw: "" }}/${id}/pids.max /sys/fs/cgroup/${id}/pids.max`
        .nothrow()
        .quiet()
        .text();
    expect(await limit()).toBe("20\n");
    await oci.call(["update", "--resources", "-", id], { stdin: '{"pids":{"limit":30}}' });
    expect(await limit()).toBe("30\n");
    const line = JSON.parse(await oci.ok("events", "--stats", id));
    expect(line).toMatchObject({ type: "stats", id, data: { pids: { current: 2, limit: 30 } } });
    await oci.ok("pause", id);
    await oci.ok("delete", "--force", id);
    expect(cgroupsOf(id)).toEqual([]);
  });

  test("of processes that share a pid namespace: killing reaches all", async () => {
    const id = `oci-shared-${process.pid}`;
    const process_ = { args: ["sh", "-c", "sleep 1001 & wait"] };
    await oci.create(id, { process: process_, linux: { namespaces: [{ type: "mount" }] } });
    await oci.ok("start", id);
    await Bun.$`timeout 5 sh -c ${`until [ $(cat /sys/fs/cgroup/pids/${id}/cgroup.procs /sys/fs/cgroup/${id}/cgroup.procs 2>/dev/null | wc -l) = 2 ]; do :; done`}`;
    const pids: number[] = JSON.parse(await oci.ok("ps", "-f", "json", id));
    expect(pids).toHaveLength(2);
    await oci.ok("kill", id, "KILL");
    await oci.ok("delete", "-f", id);
    for (const pid of pids) expect(startTimeOf(pid)).toBeUndefined();
  });
});

describe("list", () => {
  test("shows tables, JSON and bare IDs", async () => {
    await oci.create("one");
    await oci.create("two");
    await oci.ok("start", "two");
    expect(await oci.ok("list", "-q")).toBe("one\ntwo\n");
    const all = JSON.parse(await oci.ok("list", "--format=json"));
    expect(all).toMatchObject([
      { id: "one", status: "created" },
      { id: "two", status: "running", owner: "root" },
    ]);
    const [head, first] = (await oci.ok("list")).split("\n");
    expect(head).toMatch(/^ID +PID +STATUS +BUNDLE +CREATED +OWNER$/);
    expect(first).toMatch(/^one +\d+ +created +\/.* root$/);
    await oci.clear();
    expect(JSON.parse(await oci.ok("list", "-f", "json"))).toEqual([]);
  });
});

describe("errors", () => {
  test("stand in the log as JSON with a stable code, and as text on standard error", async () => {
    const log = join(oci.bundle.directory, "log.json");
    const { code, stderr } = await oci.call(["--log", log, "--log-format", "json", "start", "none"]);
    expect(code).toBe(1);
    expect(stderr).toContain("container does not exist");
    const entry = JSON.parse(readFileSync(log, "utf8"));
    expect(entry).toMatchObject({ level: "error", code: "not-found" });
    expect(entry.msg).toContain("container does not exist");
    expect(new Date(entry.time).getTime()).toBeGreaterThan(Date.now() - 60_000);
    await oci.call(["--log", log, "--log-format=text", "state", "none"]);
    expect(readFileSync(log, "utf8").split("\n")[1]).toMatch(/^time=\S+ level=error msg=".*" code=not-found/);
  });

  test("are none when nobody reads any more", async () => {
    for (const command of ["list", "features"]) {
      const script = `{ sleep 0.1; ${oci.program} --root ${oci.root} ${command}; echo $? >&2; } | true`;
      expect(Bun.spawnSync(["sh", "-c", script]).stderr.toString()).toBe("141\n");
    }
  });

  test("of a missing or broken bundle name the file", async () => {
    const empty = join(oci.bundle.directory, "empty");
    mkdirSync(empty, { recursive: true });
    expect((await oci.call(["create", "-b", empty, "c"])).stderr).toContain(
      `read ${empty}/config.json: no such file`,
    );
    writeFileSync(join(empty, "config.json"), "{");
    expect((await oci.call(["create", "-b", empty, "c"])).stderr).toContain("is no JSON");
    expect(readdirSync(oci.root)).toEqual([]);
  });
});
