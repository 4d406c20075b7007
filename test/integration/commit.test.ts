/** What containers have changed: listed, exported, made into images that run, here and with other engines. */
import { describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { useCurrunt } from "../fixtures/currunt.ts";
import { mustRun } from "../fixtures/process.ts";

const file = useCurrunt();

/** Runs container `name` of an image to its end, and leaves it. */
function ran(name: string, image: string, command: string, ...flags: string[]): Promise<string> {
  const base = ["run", "-name", name, "-network", "none", "-attach"];
  return file.current.ok(...base, ...flags, "-image", image, "-cmd", command);
}

/** A container that has ended after `script`. */
async function ended(script: string, ...flags: string[]): Promise<string> {
  const name = `c${Bun.randomUUIDv7().slice(-12)}`;
  await ran(name, await file.current.pull(), JSON.stringify(["sh", "-ec", script]), ...flags);
  return name;
}

const diff = async (name: string) => (await file.current.ok("diff", name)).trim().split("\n");

describe("diff", () => {
  test("tells what was added, changed and deleted", async () => {
    const name = await ended(
      "echo > /new; rm /not-executable; chmod 700 /home/alice; echo x >> /etc/group; mkdir -p /a/b; rm -r /home/bob",
    );
    expect(await diff(name)).toEqual([
      "A /a",
      "A /a/b",
      "C /etc",
      "C /etc/group",
      "C /home",
      "C /home/alice",
      "D /home/bob",
      "A /new",
      "D /not-executable",
    ]);
    expect(JSON.parse(await file.current.ok("diff", "-format", "json", name))[0]).toEqual({
      Kind: "A",
      Path: "/a",
    });
    expect(await file.current.ok("diff", "-format", "{{.Path}}", name)).toStartWith("/a\n/a/b\n");
    await file.current.ok("rm", name);
  });

  test("tells of directories that were renamed and made anew", async () => {
    const name = await ended("mv /home /casa; rm -r /root; mkdir -m 700 /root; echo > /root/x");
    expect(await diff(name)).toEqual([
      "A /casa",
      "A /casa/alice",
      "A /casa/bob",
      "D /home",
      "C /root",
      "A /root/x",
    ]);
    await file.current.ok("rm", name);
  });

  test("takes places of mounts for no change, and a file that was only touched by opening it neither", async () => {
    const name = await ended(
      "exec 3<> /etc/passwd; exec 3>&-",
      "-volume",
      "/made/for/volume",
      "-tmpfs",
      "/scratch",
    );
    expect(await file.current.ok("diff", name)).toBe("");
    await file.current.ok("rm", "-volumes", name);
  });

  test("works while it runs, and before it has run", async () => {
    const id = await file.current.running("echo > /new");
    expect(await diff(id)).toEqual(["A /new", "C /tmp", "A /tmp/ready"]);
    await file.current.ok("rm", "-force", id);
    const created = (
      await file.current.ok("create", "-image", await file.current.pull(), "-cmd", "true")
    ).trim();
    expect(await file.current.ok("diff", created)).toBe("");
    await file.current.ok("rm", created);
  });

  test("of the host's own system are those of its root file system", async () => {
    await file.current.ok(
      "run",
      "-name",
      "host",
      "-attach",
      "-network",
      "none",
      "-rootfs",
      "/",
      "--",
      "sh",
      "-c",
      "touch /currunt-new; rm -r /opt",
    );
    const changes = await diff("host");
    expect(changes).toContain("A /currunt-new");
    expect(changes).toContain("D /opt");
    await file.current.ok("rm", "host");
  });

  test("shows nobody else's terminal a name that would drive it", async () => {
    const name = await ended("touch \"$(printf '/a\\033[31m\\nb')\"");
    expect(await file.current.ok("diff", name)).toBe("A /a [31m b");
    await file.current.ok("rm", name);
  });
});

describe("export", () => {
  test("writes what the container sees, to a file or to a pipe", async () => {
    const name = await ended("echo new > /new; rm /not-executable", "-volume", "/data");
    const archive = join(file.current.directory, "export.tar");
    await file.current.ok("export", "-output", archive, name);
    const tree = join(file.current.directory, "exported");
    mkdirSync(tree);
    await mustRun(["tar", "-C", tree, "-xpf", archive]);
    expect(readFileSync(join(tree, "new"), "utf8")).toBe("new\n");
    expect(readdirSync(tree)).not.toContain("not-executable");
    expect(readdirSync(join(tree, "data"))).toEqual([]);
    expect((await file.current.run(["export", name])).stdout).toBe(readFileSync(archive).toString());
    await file.current.ok("rm", "-volumes", name);
  });

  test("leaves the old file as it is when the archive cannot be completed, and nothing else", async () => {
    const directory = join(file.current.directory, "outputs");
    mkdirSync(directory);
    writeFileSync(join(directory, "old.tar"), "old");
    const { code, stderr } = await file.current.run([
      "export",
      "-output",
      join(directory, "old.tar"),
      "nobody",
    ]);
    expect([code, stderr]).toEqual([125, expect.stringContaining("there is none")]);
    expect(readdirSync(directory)).toEqual(["old.tar"]);
    expect(readFileSync(join(directory, "old.tar"), "utf8")).toBe("old");
  });

  test("ends quietly when nobody reads it", async () => {
    const name = await ended("true");
    const script = `"$0" export "$1" | head -c 10 | wc -c; echo "\${PIPESTATUS[0]}"`;
    const command = ["bash", "-c", script, file.current.program, name];
    const { stdout, stderr } = Bun.spawnSync(command, { env: file.current.env });
    expect([stdout.toString(), stderr.toString()]).toEqual(["10\n141\n", ""]);
    await file.current.ok("rm", name);
  });
});

describe("commit", () => {
  test("makes an image of a running container, with its settings, that runs", async () => {
    const id = await file.current.running(
      "echo new > /new; rm -r /home; mv /root /casa",
      "-env",
      "X=1",
      "-workdir",
      "/casa",
      "-user",
      "0:10",
    );
    const image = (await file.current.ok("commit", "-message", "why", "-author", "me", id, "made:1")).trim();
    await file.current.ok("rm", "-force", id);
    expect(image).toMatch(/^sha256:[0-9a-f]{64}$/);
    const script = "cat /new; echo $X; pwd; id -g; ls -d /home /root /casa 2>/dev/null || true";
    const output = await file.current.ok(
      "run",
      "-rm",
      "-network",
      "none",
      "-attach",
      "-image",
      "made:1",
      "-cmd",
      JSON.stringify(["sh", "-c", script]),
    );
    expect(output).toBe("new\n1\n/casa\n10\n/casa");
    const [inspected] = JSON.parse(await file.current.ok("inspect", "made:1"));
    expect(inspected).toMatchObject({ Id: image, Author: "me", Comment: "why" });
    await file.current.ok("rmi", "made:1");
  });

  test("has the container's programs stand still when it is told to, and go on", async () => {
    const script =
      "(while :; do i=$((i + 1)); echo $i > /new; mv /new /a-first; echo $i > /new; mv /new /c-second; done) &";
    const id = await file.current.running(
      `head -c 80000000 /dev/zero | tr "\\\\0" x > /b-between; i=0; ${script} sleep 1`,
    );
    await file.current.ok("commit", "-pause", id, "still:1");
    // One may be a step ahead of the other, and no more.
    const read = [
      "run",
      "-rm",
      "-attach",
      "-network",
      "none",
      "-image",
      "still:1",
      "-cmd",
      "cat /a-first /c-second",
    ];
    const numbers = (await file.current.ok(...read)).split("\n").map(Number);
    expect(Math.abs((numbers[0] ?? 0) - (numbers[1] ?? 0))).toBeLessThanOrEqual(1);
    const state = async () => (await file.current.inspect(id)).state;
    expect(await state()).toMatchObject({ status: "running" });
    expect((await state()).paused).toBeUndefined();
    await file.current.ok("pause", id);
    await file.current.ok("commit", "-pause", id, "still:2");
    expect((await state()).paused).toBe(true);
    await file.current.ok("rm", "-force", id);
    await file.current.ok("rmi", "still:1", "still:2");
  });

  test("changes settings as it is told", async () => {
    const name = await ended("true");
    const changes = [
      'CMD ["echo", "from the image"]',
      "ENV A=b",
      "LABEL x=y",
      "EXPOSE 80",
      "USER 1000",
      "WORKDIR /tmp",
      "STOPSIGNAL QUIT",
    ];
    await file.current.ok("commit", ...changes.flatMap((change) => ["-change", change]), name, "changed");
    const [{ Config: config }] = JSON.parse(await file.current.ok("inspect", "changed"));
    expect(config).toMatchObject({
      Labels: { x: "y" },
      ExposedPorts: { "80/tcp": {} },
      User: "1000",
      WorkingDir: "/tmp",
      StopSignal: "QUIT",
    });
    expect(await file.current.ok("run", "-rm", "-network", "none", "-attach", "-image", "changed")).toBe(
      "from the image",
    );
    await file.current.ok("rm", name);
    await file.current.ok("rmi", "changed");
  });

  test("can be repeated on what it made", async () => {
    const first = await ended("echo 1 > /one");
    await file.current.ok("commit", first, "layers:1");
    await ran("second", "layers:1", "rm /one");
    await file.current.ok("commit", "second", "layers:2");
    const { code } = await file.current.run([
      "run",
      "-rm",
      "-attach",
      "-network",
      "none",
      "-image",
      "layers:2",
      "-cmd",
      "cat /one",
    ]);
    expect(code).toBe(1);
    await file.current.ok("rm", first, "second");
    await file.current.ok("rmi", "layers:1", "layers:2");
  });

  test("keeps the image's entrypoint apart from the command", async () => {
    const image = await file.current.pull("settings:latest");
    await ran("entry", image, "once");
    await file.current.ok("commit", "entry", "entry:1");
    const [{ Config: config }] = JSON.parse(await file.current.ok("inspect", "entry:1"));
    expect(config).toMatchObject({
      Entrypoint: ["/entry", "fixed argument"],
      Cmd: ["once"],
      User: "alice",
      StopSignal: "SIGUSR1",
    });
    await file.current.ok("rm", "-volumes", "entry");
    await file.current.ok("rmi", "entry:1");
  });

  test("has what its image had, also when that was removed by force", async () => {
    const base = `${(await file.current.pull()).replace(/\/.*/, "")}/removed:1`;
    await file.current.ok("tag", await file.current.pull(), base);
    const first = await ended("echo 1 > /one");
    await file.current.ok("commit", first, "removed:1");
    await ran("user", "removed:1", "touch /two");
    await file.current.ok("rmi", "-force", "removed:1");
    await file.current.ok("commit", "user", "removed:2");
    await file.current.ok("rm", first, "user");
    const output = await file.current.ok(
      "run",
      "-rm",
      "-attach",
      "-network",
      "none",
      "-image",
      "removed:2",
      "-cmd",
      "ls /one /two",
    );
    expect(output).toBe("/one\n/two");
    await file.current.ok("rmi", "removed:2", base);
  });

  test("leaves a whole store when it is killed, whenever that is", async () => {
    const name = await ended(
      "mkdir /many; for i in $(seq 500); do echo $i > /many/$i; done; head -c 20000000 /dev/zero | tr '\\0' x > /large",
    );
    for (let moment = 0; moment < 10; moment++) {
      const commit = file.current.spawn(["commit", name, `killed:${moment}`]);
      // A crash keeps no appointments.
      await Bun.sleep(30 + moment * 15);
      commit.kill("SIGKILL");
      await commit.exited;
    }
    await file.current.ok("commit", name, "whole");
    await file.current.ok("system", "check");
    // What was told to be there is there, and whole; nothing else is.
    const names = (await file.current.ok("images", "-format", "{{.Repository}}:{{.Tag}}"))
      .split("\n")
      .filter((line) => line.includes("/killed:"));
    for (const image of names) {
      expect(
        await file.current.ok(
          "run",
          "-rm",
          "-attach",
          "-network",
          "none",
          "-image",
          image,
          "-cmd",
          "sh -c 'ls /many | wc -l; wc -c < /large'",
        ),
      ).toBe("500\n20000000");
    }
    await file.current.ok("rm", name);
    await file.current.ok("rmi", "whole", ...names);
    expect(readdirSync(join(file.current.directory, "data/staging"))).toEqual([]);
  });

  test("refuses what cannot be", async () => {
    const name = await ended("true");
    const failure = async (...args: string[]) => (await file.current.run(["commit", ...args])).stderr;
    expect(await failure("nobody")).toContain('find container "nobody": there is none');
    expect(await failure(name, "UPPER")).toContain("UPPER");
    expect(await failure("-change", "RUN x", name)).toContain("RUN x");
    await file.current.ok("rm", name);
    const rootfs = join(file.current.directory, "rootfs");
    mkdirSync(rootfs);
    const created = (await file.current.ok("create", "-rootfs", rootfs, "--", "/x")).trim();
    expect(await failure(created)).toContain("it was not made from an image");
    await file.current.ok("rm", created);
  });
});
