/** `run -rootfs`: a directory as a container, and a throw-away copy of the host's own system. */
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Currunt } from "../fixtures/currunt.ts";
import { run } from "../fixtures/process.ts";
import { writeBusybox } from "../fixtures/tree.ts";

describe("run -rootfs DIR", () => {
  test("runs a directory, and what changes stays out of it", async () => {
    await using currunt = await Currunt.create();
    const root = join(currunt.directory, "root");
    await mkdir(root);
    await writeBusybox(root);
    const before = (await readdir(root)).sort();
    const { stdout, stderr, code } = await currunt.run([
      ...["run", "-rm", "-attach", "-network", "none", "-rootfs", root, "-hostname", "ship"],
      ...["--", "sh", "-c", "hostname; echo $$; touch /new; rm /bin/ls; exit 3"],
    ]);
    expect({ stdout, stderr, code }).toEqual({ stdout: "ship\n1\n", stderr: "", code: 3 });
    expect((await readdir(root)).sort()).toEqual(before);
    expect(existsSync(join(root, "bin/ls"))).toBe(true);
  });

  test("takes a relative directory, a user, volumes and detaches", async () => {
    await using currunt = await Currunt.create();
    const root = join(currunt.directory, "root");
    await mkdir(root);
    await writeBusybox(root);
    const id = await currunt.ok(
      "run",
      "-detach",
      "-network",
      "none",
      "-rootfs",
      "../root",
      "-user",
      "alice",
      "-volume",
      "../home:/mnt",
      "--",
      "sleep",
      "1000",
    );
    expect(await currunt.ok("exec", id, "sh", "-c", "id -un; ls -d /mnt")).toBe("alice\n/mnt");
    await currunt.ok("rm", "-force", id);
  });

  test("warns of what is mounted there and can only be read, not of what the container has its own of", async () => {
    await using currunt = await Currunt.create();
    const root = join(currunt.directory, "root");
    await mkdir(root);
    await writeBusybox(root);
    for (const file of ["fixed", "etc/hosts"]) await writeFile(join(root, file), "");
    const script = `for file in fixed etc/hosts; do mount --bind /etc/passwd "$1/$file"; done
      exec "$0" run -rm -attach -network none -rootfs "$1" -- sh -c 'echo x >/fixed || exit 4'`;
    const { stderr, code } = await run(["unshare", "-m", "sh", "-c", script, currunt.program, root], {
      cwd: currunt.work,
      env: currunt.env,
    });
    expect(stderr).toStartWith(
      `warning: ${root}/fixed is read-only in the container: a single file is mounted there\n`,
    );
    expect(stderr).not.toContain("etc/hosts");
    expect(code).toBe(4);
  });

  test("a directory that is missing or a file is refused", async () => {
    await using currunt = await Currunt.create();
    for (const path of ["/no/such/root", "/etc/passwd"]) {
      const { code, stderr } = await currunt.run(["run", "-rm", "-rootfs", path, "--", "true"]);
      expect(code).toBe(125);
      expect(stderr).toContain(path);
    }
  });
});

describe("run -rootfs /", () => {
  test("needs no image, and what is installed or deleted is gone afterwards", async () => {
    await using currunt = await Currunt.create();
    // A directory of the root file system itself: /tmp may be another one.
    const scratch = await mkdtemp("/var/tmp/currunt-rootfs-");
    try {
      await writeFile(join(scratch, "precious"), "precious\n");
      const script = `cat ${scratch}/precious; rm ${scratch}/precious; rm -rf /usr/share/doc; echo x > /usr/bin/installed; ls ${scratch}; echo $$`;
      const { stdout, stderr, code } = await currunt.run(["run", "-rootfs", "/", "--", "sh", "-c", script]);
      expect({ stdout, stderr, code }).toEqual({ stdout: "precious\n1\n", stderr: "", code: 0 });
      expect(await readFile(join(scratch, "precious"), "utf8")).toBe("precious\n");
      expect(existsSync("/usr/share/doc")).toBe(true);
      expect(existsSync("/usr/bin/installed")).toBe(false);
    } finally {
      await rm(scratch, { recursive: true });
    }
  });

  test("runs the host's programs, with its own processes and without the host's devices", async () => {
    await using currunt = await Currunt.create();
    const { stdout, code } = await currunt.run([
      ...["run", "-rm", "-attach", "-rootfs", "/", "-network", "none", "--"],
      ...["bash", "-c", "cat /proc/1/comm; ls /sys/class/net; ls /dev | grep -cE '^(sd|vd|nvme|loop)'; true"],
    ]);
    expect({ stdout, code }).toEqual({ stdout: "bash\nlo\n0\n", code: 0 });
  });

  test("has what is mounted below it, copied as well", async () => {
    await using currunt = await Currunt.create();
    const scratch = await mkdtemp("/var/tmp/currunt-rootfs-");
    try {
      const script = `
        mount -t tmpfs none "$1" && echo precious >"$1/file" || exit 99
        "$0" run -rootfs / -network none -- sh -c 'cat "$0/file"; rm "$0/file"; ls -A "$0"' "$1" || exit 98
        cat "$1/file"`;
      const privately = ["unshare", "-m", "--propagation", "private", "sh", "-c", script];
      const env = { env: currunt.env, cwd: currunt.work };
      const { code, stdout, stderr } = await run([...privately, currunt.program, scratch], env);
      expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "precious\nprecious\n", stderr: "" });
    } finally {
      await rm(scratch, { recursive: true });
    }
  });

  test("passes the exit code on and leaves nothing", async () => {
    await using currunt = await Currunt.create();
    expect((await currunt.run(["run", "-rootfs", "/", "-rm", "--", "sh", "-c", "exit 9"])).code).toBe(9);
    expect((await currunt.run(["run", "-rootfs", "/", "-rm", "--", "no-such-program"])).code).toBe(127);
    expect(await currunt.ok("ps", "-aq")).toBe("");
  });
});
