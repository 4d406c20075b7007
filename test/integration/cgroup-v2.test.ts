/** Cgroups of containers where there is version 2 alone: in user-mode Linux, which these tests boot. */
import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createCgroup } from "../../src/runtime/cgroup/cgroup.ts";
import { attachedDevicePrograms } from "../../src/sys/bpf.ts";
import { openDirectory } from "../../src/sys/file.ts";
import { Bundle, defaultMounts, specWith } from "../fixtures/bundle.ts";
import {
  cgroupCases,
  cgroupfsCases,
  contain,
  megabyte,
  ownPath,
  removeOwnParent,
} from "../fixtures/cgroup-cases.ts";
import { mustRun } from "../fixtures/process.ts";
import { hasUml, inside, testInUml } from "../fixtures/uml.ts";

describe.skipIf(inside === "v2")("in user-mode Linux", () => {
  test.skipIf(!hasUml())(
    "all cases of cgroup v2 pass",
    async () => expect(await testInUml("test/integration/cgroup-v2.test.ts")).toBe(""),
    120_000,
  );
});

if (inside === "v2") {
  describe("cgroup v2", () => {
    afterAll(removeOwnParent);
    cgroupCases(contain);
    cgroupfsCases();
    versionTwoCases();
  });
}

function versionTwoCases(): void {
  test("writes every limit where it belongs", async () => {
    await using bundle = await Bundle.make();
    await using container = await contain(bundle, {
      memory: { limit: 64 * megabyte, swap: 96 * megabyte, reservation: 32 * megabyte },
      cpu: { shares: 512, quota: 50_000, period: 200_000, burst: 10_000 },
      pids: { limit: 20 },
      unified: { "memory.high": String(60 * megabyte), "cgroup.max.depth": "3" },
    });
    const files = {
      "memory.max": String(64 * megabyte),
      "memory.swap.max": String(32 * megabyte),
      "memory.low": String(32 * megabyte),
      "memory.high": String(60 * megabyte),
      "cpu.weight": "59",
      "cpu.max": "50000 200000",
      "cpu.max.burst": "10000",
      "pids.max": "20",
      "cgroup.max.depth": "3",
    };
    const read = () => Object.fromEntries(Object.keys(files).map((name) => [name, container.file("", name)]));
    expect(read()).toEqual(files);
    await container.cgroup.update({ cpu: { period: 100_000 } });
    await container.cgroup.update({ memory: { swap: 80 * megabyte } });
    expect(read()).toEqual({ ...files, "cpu.max": "50000 100000", "memory.swap.max": String(16 * megabyte) });
    const check = { limit: 4096, checkBeforeUpdate: true };
    expect(container.cgroup.update({ memory: check })).rejects.toThrow("is less than the");
  });

  test("names the file of a controller that there is not", async () => {
    const spec = specWith({
      linux: { cgroupsPath: ownPath(), resources: { unified: { "nonsense.max": "1" } } },
    });
    expect(createCgroup({ id: "box", spec })).rejects.toThrow('has no controller "nonsense"');
  });

  test("has one device program, also after an update", async () => {
    await using bundle = await Bundle.make();
    await using container = await contain(bundle);
    await container.cgroup.update({ pids: { limit: 5 } });
    using directory = openDirectory(container.cgroup.state.directories[""] ?? "");
    const programs = attachedDevicePrograms(directory);
    expect(programs).toHaveLength(1);
    for (const program of programs) program.close();
  });

  test("a further process is born beside an init that has divided the cgroup up", async () => {
    await using bundle = await Bundle.make();
    await using container = await contain(bundle);
    const path = container.cgroup.state.directories[""] ?? "";
    mkdirSync(`${path}/init`);
    writeFileSync(`${path}/init/cgroup.procs`, String(container.running.init.pid));
    writeFileSync(`${path}/cgroup.subtree_control`, "+pids");
    expect((await container.sh("cat /proc/self/cgroup")).text).toBe("0::/init");
    expect(await container.cgroup.processes()).toContain(container.running.init.pid);
  });

  test("gives a writable cgroup to the container's user", async () => {
    await using bundle = await Bundle.make();
    // The machine's /tmp: a user must get to the bundle.
    chmodSync(bundle.directory, 0o755);
    const options = ["nosuid", "noexec", "nodev"];
    const mounts = [
      ...defaultMounts,
      { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options },
    ];
    const change = { mounts, process: { user: { uid: 1000, gid: 1000 } }, linux: { cgroupsPath: ownPath() } };
    const cgroup = await createCgroup({ id: "box", spec: specWith(change) });
    using container = await bundle.sleeping(change, cgroup);
    const path = cgroup.state.directories[""] ?? "";
    const owner = (name: string) => statSync(`${path}/${name}`).uid;
    expect([".", "cgroup.procs", "cgroup.subtree_control", "memory.max"].map(owner)).toEqual([
      1000, 1000, 1000, 0,
    ]);
    const script = "cd /sys/fs/cgroup && mkdir inner && echo 0 >inner/cgroup.procs && cat /proc/self/cgroup";
    expect((await container.exec(script, { user: { uid: 1000, gid: 1000 }, capabilities: {} })).stdout).toBe(
      "0::/inner\n",
    );
    await cgroup.kill(9);
    container[Symbol.dispose]();
    await cgroup.remove();
  });

  test("a user namespace without a cgroup namespace sees the host's cgroups, and writes none (CVE-2023-25809)", async () => {
    await using bundle = await Bundle.make();
    await mustRun(["chown", "-R", "100000:100000", bundle.directory]);
    const options = ["nosuid", "noexec", "nodev"];
    const mounts = [
      ...defaultMounts,
      { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options },
    ];
    const mapping = [{ containerID: 0, hostID: 100_000, size: 65536 }];
    const namespaces = (["mount", "pid", "ipc", "uts", "network", "user"] as const).map((type) => ({ type }));
    const linux = { cgroupsPath: ownPath(), namespaces, uidMappings: mapping, gidMappings: mapping };
    const cgroup = await createCgroup({ id: "box", spec: specWith({ mounts, linux }) });
    using container = await bundle.sleeping({ mounts, linux }, cgroup);
    const { stdout, stderr } = await container.exec("cd /sys/fs/cgroup && ls -d currunt-test && mkdir x");
    expect([stdout, stderr]).toEqual(["currunt-test\n", expect.stringContaining("Read-only file system")]);
    await cgroup.kill(9);
    container[Symbol.dispose]();
    await cgroup.remove();
  });

  test("below a cgroup of threads it is one too, and limits no memory", async () => {
    const parent = `/sys/fs/cgroup${ownPath()}`;
    mkdirSync(`${parent}/threads`, { recursive: true });
    writeFileSync(`${parent}/threads/cgroup.type`, "threaded");
    const specFor = (resources: object) =>
      specWith({ linux: { cgroupsPath: `${parent.slice("/sys/fs/cgroup".length)}/threads/box`, resources } });
    expect(createCgroup({ id: "box", spec: specFor({ memory: { limit: megabyte } }) })).rejects.toThrow(
      "of threads",
    );
    const cgroup = await createCgroup({ id: "box", spec: specFor({ pids: { limit: 5 } }) });
    expect(readFileSync(`${cgroup.state.directories[""]}/cgroup.type`, "utf8").trim()).toBe("threaded");
    await cgroup.remove();
  });
}
