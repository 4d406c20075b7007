/** checkpoint and restore: what is asked of criu, in the words of its rpc.proto, and what becomes of the container. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { startTimeOf } from "../../src/sys/process.ts";
import { Oci } from "../fixtures/oci.ts";
import type { Output } from "../fixtures/process.ts";
import { run } from "../fixtures/process.ts";

let oci: Oci;
/** Has criu's fake, and the files that it writes. */
let bin: string;
let images: string;
beforeAll(async () => {
  oci = await Oci.make();
  bin = mkdtempSync(join(oci.bundle.directory, "bin-"));
  const fake = new URL("../fixtures/fake-criu.ts", import.meta.url).pathname;
  const script = `#!/bin/sh\nexec ${process.execPath} ${fake} "$@" ${bin}/criu\n`;
  writeFileSync(join(bin, "criu"), script, { mode: 0o755 });
});
beforeEach(() => {
  images = mkdtempSync(join(oci.bundle.directory, "images-"));
});
afterEach(async () => {
  await oci.clear();
  for (const name of ["requests.json", "settings.json"]) rmSync(join(bin, name), { force: true });
});
afterAll(() => oci[Symbol.asyncDispose]());

/** With the fake first in PATH. */
function call(...args: string[]): Promise<Output> {
  return oci.call(args, { env: { ...process.env, PATH: `${bin}:/usr/bin:/bin` } });
}

interface Request {
  readonly type: number;
  readonly opts?: Record<string, unknown>;
}

/** The requests but for the answers to notifications. */
function requests(): Request[] {
  const all = JSON.parse(readFileSync(join(bin, "requests.json"), "utf8")) as Request[];
  return all.filter(({ type }) => type !== 6);
}

const settle = (settings: Record<string, unknown>) =>
  writeFileSync(join(bin, "settings.json"), JSON.stringify(settings));

async function running(id: string): Promise<number> {
  const data = join(oci.bundle.directory, "data");
  mkdirSync(data, { recursive: true });
  await oci.create(id, {
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      { destination: "/dev", type: "tmpfs", source: "tmpfs" },
      { destination: "/data/", type: "bind", source: data, options: ["rbind"] },
    ],
    linux: {
      namespaces: (["mount", "pid", "ipc", "uts", "cgroup"] as const).map((type) => ({ type })),
      maskedPaths: ["/proc/kcore", "/proc/scsi"],
    },
  });
  await oci.ok("start", id);
  return (await oci.state(id)).pid;
}

describe("checkpoint", () => {
  test("says all that the flags say, names what is not the container's own, and removes the container", async () => {
    const pid = await running("c");
    const done = await call(
      ...["checkpoint", "--image-path", images, "--work-path", join(images, "work"), "--tcp-established"],
      ...[
        "--tcp-skip-in-flight",
        "--link-remap",
        "--ext-unix-sk",
        "--shell-job",
        "--file-locks",
        "--auto-dedup",
      ],
      ...["--manage-cgroups-mode", "strict", "--empty-ns", "network", "--page-server", "127.0.0.1:27", "c"],
    );
    expect(done).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(await call("state", "c")).toMatchObject({ code: 1 });
    expect(startTimeOf(pid)).toBeUndefined();
    const [version, dump] = requests();
    expect(version).toEqual({ type: 10 });
    expect(dump?.type).toBe(1);
    expect(dump?.opts).toMatchObject({
      pid,
      log_file: "dump.log",
      notify_scripts: true,
      orphan_pts_master: true,
      tcp_established: true,
      tcp_skip_in_flight: true,
      link_remap: true,
      ext_unix_sk: true,
      shell_job: true,
      file_locks: true,
      auto_dedup: true,
      leave_running: false,
      manage_cgroups_mode: 5,
      empty_ns: 0x40000000,
      ps: { address: "127.0.0.1", port: 27 },
      freeze_cgroup: expect.stringMatching(/\/c$/),
    });
    const external = dump?.opts?.["ext_mnt"];
    expect(external).toContainEqual({ key: "/data", val: "/data" });
    if (existsSync("/proc/kcore")) expect(external).toContainEqual({ key: "/proc/kcore", val: "/dev/null" });
    if (existsSync("/proc/scsi"))
      expect(external).toContainEqual({ key: "/proc/scsi", val: "currunt:empty" });
    expect(JSON.parse(readFileSync(join(images, "descriptors.json"), "utf8"))).toHaveLength(3);
  });

  test("leaves a container that is to go on", async () => {
    settle({ features: true });
    const pid = await running("c");
    expect(await call("checkpoint", "--image-path", images, "--pre-dump", "c")).toMatchObject({ code: 0 });
    expect(
      await call("checkpoint", "--image-path", images, "--parent-path", "../pre", "--leave-running", "c"),
    ).toMatchObject({ code: 0 });
    expect(await oci.state("c")).toMatchObject({ status: "running", pid });
    const asked = requests().filter(({ type }) => type === 1 || type === 4);
    expect(asked).toMatchObject([
      { type: 4, opts: { track_mem: true } },
      { type: 1, opts: { leave_running: true, parent_img: "../pre" } },
    ]);
  });

  test("asks first whether criu and the kernel can do it", async () => {
    await running("c");
    const refused = await call("checkpoint", "--image-path", images, "--pre-dump", "c");
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("has no mem_track") });
    settle({ major: 2 });
    const old = await call("checkpoint", "--image-path", images, "c");
    expect(old).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("criu 2.2 is too old: 3.12 is needed"),
    });
    expect(await oci.state("c")).toMatchObject({ status: "running" });
  });

  test("that fails quotes criu's last errors, and leaves the container", async () => {
    settle({ fails: true });
    await running("c");
    const failed = await call("checkpoint", "--image-path", images, "c");
    expect(failed.code).toBe(1);
    expect(failed.stderr).toContain(
      "checkpoint the container: criu: Error (criu/fake.c:7): one reason; Error (criu/fake.c:9): another",
    );
    expect(failed.stderr).toContain(`all that it did is in ${images}/dump.log`);
    expect(await oci.state("c")).toMatchObject({ status: "running" });
  });

  test("refuses a container that does not run, and values that are none", async () => {
    await oci.create("c");
    expect((await call("checkpoint", "c")).stderr).toContain("container not running");
    await oci.ok("start", "c");
    expect((await call("checkpoint", "--page-server", "nowhere", "c")).stderr).toContain(
      "is not ADDRESS:PORT",
    );
    expect((await call("checkpoint", "--empty-ns", "moon", "c")).stderr).toContain("is no type of namespace");
  });
});

describe("restore", () => {
  test("makes a container that all commands work on", async () => {
    writeFileSync(join(images, "descriptors.json"), '["/dev/null","pipe:[7]","pipe:[8]"]');
    await running("gone");
    await oci.ok("delete", "--force", "gone");
    const pidFile = join(images, "pid");
    const flags = ["--detach", "--image-path", images, "--tcp-close", "--lsm-profile", "apparmor:p"];
    expect(await call("restore", ...flags, "--pid-file", pidFile, "c")).toMatchObject({
      code: 0,
      stderr: "",
    });
    const state = await oci.state("c");
    expect(state).toMatchObject({ status: "running", pid: Number(readFileSync(pidFile, "utf8")) });
    const asked = requests().at(-1);
    expect(asked?.type).toBe(2);
    expect(asked?.opts).toMatchObject({
      root: join(oci.root, "c/criu-root"),
      rst_sibling: true,
      evasive_devices: true,
      tcp_close: true,
      lsm_profile: "apparmor:p",
      inherit_fd: [
        { key: "pipe:[7]", fd: 1 },
        { key: "pipe:[8]", fd: 2 },
      ],
      ext_mnt: expect.arrayContaining([
        { key: "/data", val: join(oci.bundle.directory, "data") },
        { key: "/dev/null", val: "/dev/null" },
        { key: "currunt:empty", val: join(oci.root, "c/empty") },
      ]),
      cg_root: expect.arrayContaining([{ ctrl: "memory", path: expect.stringMatching(/\/c$/) }]),
    });
    expect(JSON.parse(await oci.ok("ps", "--format", "json", "c"))).toEqual([state.pid]);
    await oci.ok("kill", "c", "KILL");
    while ((await oci.state("c")).status !== "stopped") await Bun.sleep(5);
    await oci.ok("delete", "c");
    expect(readdirSync(oci.root)).toEqual([]);
  });

  test("runs the hooks of a creation with the new pid; one that fails ends it, and nothing is left", async () => {
    const seen = join(images, "seen");
    const hook = (script: string) => ({
      createRuntime: [{ path: "/bin/sh", args: ["sh", "-c", script], env: ["PATH=/bin:/usr/bin"] }],
    });
    oci.configure({ process: { args: ["sleep", "1000"] }, hooks: hook(`cat > ${seen}`) });
    expect(await call("restore", "--detach", "--image-path", images, "c")).toMatchObject({ code: 0 });
    expect(JSON.parse(readFileSync(seen, "utf8"))).toMatchObject({
      id: "c",
      pid: (await oci.state("c")).pid,
    });
    oci.configure({ process: { args: ["sleep", "1000"] }, hooks: hook("echo no >&2; exit 3") });
    const failed = await call("restore", "--detach", "--image-path", images, "d");
    expect(failed).toMatchObject({ code: 1, stderr: expect.stringContaining("exit code 3: no") });
    expect(readdirSync(oci.root)).toEqual(["c"]);
  });

  test("that fails quotes criu's last errors, and leaves nothing", async () => {
    settle({ fails: true });
    oci.configure({ process: { args: ["sleep", "1000"] } });
    const failed = await call("restore", "--detach", "--image-path", images, "c");
    expect(failed).toMatchObject({ code: 1, stderr: expect.stringContaining("fake.c:9): another") });
    expect(readdirSync(oci.root)).toEqual([]);
    const mounts = readFileSync("/proc/self/mountinfo", "utf8");
    expect(mounts).not.toContain("criu-root");
  });

  test("needs the files of a checkpoint", async () => {
    oci.configure({ process: { args: ["sleep", "1000"] } });
    const failed = await call("restore", "--image-path", join(images, "none"), "c");
    expect(failed).toMatchObject({ code: 1, stderr: expect.stringContaining("there is no such directory") });
    expect(existsSync(join(images, "none"))).toBe(false);
    expect(readdirSync(oci.root)).toEqual([]);
  });
});

const usual = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

test("without criu both say so", async () => {
  await running("c");
  // In mounts of its own, where what is installed is no program.
  const hidden = usual.map((place) => `${place}/criu`).filter(existsSync);
  const hide = hidden.map((path) => `mount --bind /dev/null ${path} && `).join("");
  for (const command of ["checkpoint", "restore"]) {
    const id = command === "restore" ? "d" : "c";
    const words = [oci.program, "--root", oci.root, command, "--image-path", images, id];
    const privately = ["unshare", "-m", "--propagation", "private", "sh", "-c", `${hide}exec "$0" "$@"`];
    const refused = await run([...privately, ...words], { cwd: oci.bundle.directory });
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("criu is not installed") });
  }
  expect(await oci.state("c")).toMatchObject({ status: "running" });
});
