/** `-volume` and `-tmpfs`: bind mounts of files and directories, what is created when missing, volumes of the image. */
import { afterEach, describe, expect, test } from "bun:test";
import { mkdir, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { useCurrunt } from "../fixtures/currunt.ts";

const file = useCurrunt();

afterEach(async () => {
  const { work } = file.current;
  for (const name of await readdir(work)) await rm(join(work, name), { recursive: true });
});

describe("run -volume", () => {
  test("binds the current directory by its relative name", async () => {
    await writeFile(join(file.current.work, "from-outside"), "hello\n");
    const { stdout, stderr } = await file.current.inside(
      "cat /app/from-outside; echo back > /app/from-inside",
      "-volume",
      ".:/app",
    );
    expect(stderr).toBe("");
    expect(stdout).toBe("hello\n");
    expect(await readFile(join(file.current.work, "from-inside"), "utf8")).toBe("back\n");
  });

  test("binds an absolute path, and :ro makes it read-only", async () => {
    const { work } = file.current;
    const { stdout } = await file.current.inside(
      "touch /app/x 2>/dev/null || echo refused",
      "-volume",
      `${work}:/app:ro`,
    );
    expect(stdout).toBe("refused\n");
    expect(await readdir(work)).toEqual([]);
  });

  test(":ro cannot be remounted writable from inside", async () => {
    const { work } = file.current;
    const script = "mount -o remount,bind,rw /app 2>/dev/null; touch /app/x 2>/dev/null || echo refused";
    expect((await file.current.inside(script, "-volume", `${work}:/app:ro`)).stdout).toBe("refused\n");
  });

  test("binds a file over a file, and to a place where nothing is", async () => {
    const one = join(file.current.work, "one");
    await writeFile(one, "one\n");
    const flags = ["-volume", `${one}:/etc/hostname`, "-volume", "./one:/new/place/one:ro"];
    const { stdout } = await file.current.inside("cat /etc/hostname /new/place/one", ...flags);
    expect(stdout).toBe("one\none\n");
  });

  test("creates a missing source as a directory", async () => {
    const { stdout } = await file.current.inside("touch /app/x && echo made", "-volume", "./new/deep:/app");
    expect(stdout).toBe("made\n");
    expect((await stat(join(file.current.work, "new/deep/x"))).isFile()).toBe(true);
  });

  test("creates a missing target in the container, of the source's kind", async () => {
    await mkdir(join(file.current.work, "d"));
    await writeFile(join(file.current.work, "f"), "f");
    const flags = ["-volume", "./d:/a/b/c", "-volume", "./f:/x/y/z"];
    const { stdout } = await file.current.inside("test -d /a/b/c && test -f /x/y/z && echo kinds", ...flags);
    expect(stdout).toBe("kinds\n");
  });

  test("follows symlinks of the target inside the root only", async () => {
    const image = await file.current.pull("layers:latest");
    await writeFile(join(file.current.work, "f"), "bound\n");
    const { stdout } = await file.current.run([
      ...["run", "-rm", "-network", "none", "-volume", "./f:/kinds/absolute", image],
      ...["sh", "-c", "cat /data/kept; cat /kinds/absolute"],
    ]);
    expect(stdout).toBe("bound\nbound\n");
  });

  test("a source that is a symlink binds what it points to", async () => {
    await mkdir(join(file.current.work, "real"));
    await symlink("real", join(file.current.work, "link"));
    await file.current.inside("echo x > /app/x", "-volume", "./link:/app");
    expect(await readdir(join(file.current.work, "real"))).toEqual(["x"]);
  });

  test("mounts made inside stay inside", async () => {
    const script = "mkdir /app/m; mount -t tmpfs none /app/m 2>/dev/null; touch /app/m/seen-outside; true";
    await file.current.inside(script, "-volume", ".:/app", "-cap-add", "SYS_ADMIN");
    const mounts = await readFile("/proc/self/mountinfo", "utf8");
    expect(mounts).not.toContain(file.current.work);
  });

  test("two containers share a directory", async () => {
    const id = await file.current.detached(["sleep", "1000"], "-volume", ".:/shared", "-rm");
    await file.current.inside("echo hello > /shared/note", "-volume", ".:/shared");
    expect(await file.current.ok("exec", id, "cat", "/shared/note")).toBe("hello");
    await file.current.ok("rm", "-force", id);
  });

  for (const wrong of ["relative-target:app", ".:relative", ".:/app:nonsense", ":/app", ".:/", "."]) {
    test(`${wrong} is refused`, async () => {
      const { code, stderr } = await file.current.inside("true", "-volume", wrong);
      expect(code).toBe(125);
      expect(stderr).toContain(wrong);
    });
  }
});

describe("run -tmpfs", () => {
  test("mounts an empty tmpfs with its options", async () => {
    const script = "grep ' /scratch ' /proc/mounts; stat -c %a /scratch; ls -A /scratch";
    const { stdout } = await file.current.inside(script, "-tmpfs", "/scratch:size=1m,mode=700,noexec");
    expect(stdout).toMatch(/^tmpfs \/scratch tmpfs \S*noexec\S*size=1024k\S*/);
    expect(stdout).toMatch(/\n700\n$/);
  });
});

describe("volumes of the image", () => {
  test("are filled with what the image has there, kept with the container and removed by rm -volumes or -rm", async () => {
    const image = await file.current.pull("settings:latest");
    const id = await file.current.ok("run", "-detach", "-network", "none", image);
    const seed =
      "cat /var/lib/data/seed; stat -c '%u:%g %a' /var/lib/data; grep -c ' /var/lib/data ' /proc/mounts";
    expect(await file.current.ok("exec", id, "sh", "-c", seed)).toBe("from the image\n1000:1000 750\n1");
    await file.current.ok("exec", id, "sh", "-c", "echo mine > /var/lib/data/mine");
    await file.current.ok("stop", id);
    await file.current.ok("start", id);
    expect(await file.current.ok("exec", id, "cat", "/var/lib/data/mine")).toBe("mine");
    await file.current.ok("rm", "-force", "-volumes", id);
    expect(await readdir(join(file.current.data, "volumes")).catch(() => [])).toEqual([]);
  });

  test("-rm removes them", async () => {
    const image = await file.current.pull("settings:latest");
    await file.current.ok("run", "-rm", "-attach", "-network", "none", "-image", image, "-cmd", "once");
    expect(await readdir(join(file.current.data, "volumes")).catch(() => [])).toEqual([]);
  });

  test("-volume takes a source whose name is no UTF-8, there or missing", async () => {
    const { program, env, work } = file.current;
    const image = await file.current.image();
    const make = `v="$PWD/$(printf 'v\\377')"; mkdir "$v"; echo inside > "$v/f"`;
    const run = `"$0" run -rm -network none -volume "$v:/v" -volume "$v/new/dir:/w" ${image} sh -c 'cat /v/f; touch /w/g'`;
    const script = `${make}; ${run}; ls "$v/new/dir"; ls | wc -l; rm -r "$v"`;
    const { stdout, stderr } = Bun.spawnSync(["sh", "-c", script, program], { env, cwd: work });
    expect(stderr.toString()).toBe("");
    expect(stdout.toString()).toBe("inside\ng\n1\n");
  });

  test("-volume with the target alone makes one", async () => {
    const { stdout } = await file.current.inside(
      "grep -c ' /extra ' /proc/mounts; touch /extra/x && echo ok",
      "-volume",
      "/extra",
    );
    expect(stdout).toBe("1\nok\n");
    expect(await readdir(join(file.current.data, "volumes")).catch(() => [])).toEqual([]);
  });

  test("a bind mount takes the place of the image's volume", async () => {
    const image = await file.current.pull("settings:latest");
    await writeFile(join(file.current.work, "own"), "own\n");
    const flags = ["-entrypoint", "", "-user", "root", "-volume", ".:/var/lib/data"];
    const { stdout } = await file.current.run([
      "run",
      "-rm",
      "-network",
      "none",
      ...flags,
      image,
      "ls",
      "/var/lib/data",
    ]);
    expect(stdout).toBe("own\n");
  });
});
