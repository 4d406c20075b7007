/** A further process in a running container: where it is, what it may do, and what remains of it. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readlinkSync } from "node:fs";
import { Bundle } from "../fixtures/bundle.ts";

let bundle: Bundle;
beforeAll(async () => {
  bundle = await Bundle.make();
});
afterAll(() => bundle[Symbol.asyncDispose]());

describe("execInContainer()", () => {
  test("joins every namespace of init, and is no child of it", async () => {
    using container = await bundle.sleeping({ hostname: "joined" });
    const names = ["mnt", "pid", "ipc", "uts", "net", "cgroup", "user"];
    const script = `hostname; for n in ${names.join(" ")}; do readlink /proc/self/ns/$n; done; cut -d' ' -f4 /proc/$$/stat`;
    const { stdout, exitCode } = await container.exec(script);
    expect(exitCode).toBe(0);
    expect(stdout.trim().split("\n")).toEqual([
      "joined",
      ...names.map((name) => readlinkSync(`/proc/${container.init.pid}/ns/${name}`)),
      "0",
    ]);
  });

  test("sees the container's files and processes", async () => {
    using container = await bundle.sleeping();
    const { stdout } = await container.exec("cat /etc/hostname; ps -o pid,args");
    expect(stdout).toStartWith("from the image\n");
    expect(stdout).toMatch(/^ +1 sleep 1000$/m);
  });

  test("has its own user, directory, variables and capabilities", async () => {
    using container = await bundle.sleeping();
    const process = {
      user: { uid: 1000, gid: 1000, additionalGids: [29] },
      cwd: "/home/alice",
      env: ["PATH=/bin", "X=y"],
    };
    const { stdout } = await container.exec(
      "id -u; id -G; pwd; echo $X; grep CapEff /proc/self/status",
      process,
    );
    expect(stdout.trim().split("\n")).toEqual([
      "1000",
      "1000 29",
      "/home/alice",
      "y",
      "CapEff:\t0000000000000000",
    ]);
  });

  test("has a session keyring of its own, and not the caller's", async () => {
    using container = await bundle.sleeping({ linux: { maskedPaths: [] } });
    const { stdout } = await container.exec("cat /proc/keys");
    expect(stdout).toMatch(/ keyring +_exec: empty$/m);
  });

  test("has its OOM score, and holds no /dev/null of the host's", async () => {
    using container = await bundle.sleeping({ process: { oomScoreAdj: 100 } });
    const script =
      "cat /proc/1/oom_score_adj /proc/self/oom_score_adj; stat -L -c %d /dev/null /proc/self/fd/0";
    const { stdout } = await container.exec(script, { oomScoreAdj: 700 });
    const [init, own, device, stream] = stdout.trim().split("\n");
    expect([init, own]).toEqual(["100", "700"]);
    expect(stream).toBe(device ?? "");
  });

  test("gets no descriptor but its streams, and gives the program's exit code", async () => {
    using container = await bundle.sleeping();
    expect(await container.exec("ls /proc/$$/fd; exit 3")).toMatchObject({
      stdout: "0\n1\n2\n",
      exitCode: 3,
    });
  });

  test("tells of a missing program with 127 and of a missing directory with 126", async () => {
    using container = await bundle.sleeping();
    const missing = await container.exec("", { args: ["nothing-there"] });
    expect(missing).toMatchObject({ exitCode: 127 });
    expect(missing.error).toContain("executable file not found in $PATH");
    const nowhere = await container.exec("true", { cwd: "/no/where" });
    expect(nowhere).toMatchObject({ exitCode: 126 });
    expect(nowhere.error).toContain('change to the working directory "/no/where"');
  });

  test("fails when the container has ended", async () => {
    const container = await bundle.sleeping();
    container[Symbol.dispose]();
    const { error } = await container.exec("true");
    expect(error).toContain("ESRCH");
  });
});
