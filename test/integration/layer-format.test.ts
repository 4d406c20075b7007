/** Images whose layers are stored as EROFS images: they pull and run as others do, beside others, and survive what others survive. */
import { describe, expect, test } from "bun:test";
import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { canMountImages } from "../../src/image/erofs-probe.ts";
import { Currunt } from "../fixtures/currunt.ts";
import { run } from "../fixtures/process.ts";
import { debianImage } from "../fixtures/shared-registry.ts";

const images = ["-layer-format", "erofs"];

/** What the stored layers are: "file" or "directory" each. */
function kinds(currunt: Currunt): string[] {
  const folder = join(currunt.data, "layers");
  return readdirSync(folder).map((name) => (lstatSync(join(folder, name)).isFile() ? "file" : "directory"));
}

describe.skipIf(!canMountImages(tmpdir()))("with -layer-format erofs", () => {
  test("each layer is a file, and the container sees what it sees of directories", async () => {
    await using files = await Currunt.create();
    await using directories = await Currunt.create();
    const image = await files.image("layers:latest");
    await files.ok("pull", "-quiet", ...images, image);
    await directories.ok("pull", "-quiet", "-layer-format", "directory", image);
    expect([...new Set(kinds(files))]).toEqual(["file"]);
    expect([...new Set(kinds(directories))]).toEqual(["directory"]);
    const script =
      "find / -xdev ! -path /proc ! -path /sys ! -path '/dev*' ! -path '/etc/host*' ! -path /etc/resolv.conf -exec stat -c '%n %F %a %u:%g %s %Y' {} + | sort; touch /new && echo x >> /etc/group";
    const command = [
      "run",
      "-rm",
      "-network",
      "none",
      "-pull",
      "never",
      "-entrypoint",
      "",
      image,
      "sh",
      "-c",
      script,
    ];
    // The sizes of directories are the file systems' own business; what a start makes has another time each.
    const lines = (text: string) =>
      text
        .split("\n")
        .map((line) =>
          line
            .replace(/( directory .*) \d+ (\d+)$/, "$1 $2")
            .replace(/ 1[78]\d{8}$/, (time) => (time === " 1700000000" ? time : " now")),
        );
    const [ours, theirs] = [await files.ok(...command), await directories.ok(...command)];
    expect(ours.split("\n").length).toBeGreaterThan(20);
    expect(lines(ours)).toEqual(lines(theirs));
  });

  test("layers that are here are used, whichever way they are stored", async () => {
    await using currunt = await Currunt.create();
    const [base, layers] = [await currunt.image("busybox:latest"), await currunt.image("layers:latest")];
    await currunt.ok("pull", "-quiet", base);
    await currunt.ok("pull", "-quiet", ...images, layers);
    expect([...new Set(kinds(currunt))].sort()).toEqual(["directory", "file"]);
    const run = ["run", "-rm", "-network", "none", "-entrypoint", ""];
    expect(await currunt.ok(...run, layers, "echo", "runs")).toBe("runs");
    await currunt.ok("rmi", "-force", base);
    expect(await currunt.ok(...run, layers, "echo", "still runs")).toBe("still runs");
    await currunt.ok("rmi", layers);
    expect(kinds(currunt)).toEqual([]);
  });

  test("all files of the container are on one device, so that du -x and cp -x see them", async () => {
    await using currunt = await Currunt.create();
    const image = await currunt.image("layers:latest");
    await currunt.ok("pull", "-quiet", ...images, image);
    const script = "touch /new; find /bin /data /kinds /new -exec stat -c %d {} + | sort -u; stat -c %d /";
    const command = ["run", "-rm", "-network", "none", "-entrypoint", "", image, "sh", "-c", script];
    const devices = (await currunt.ok(...command)).split("\n");
    expect(devices).toHaveLength(2);
    expect(new Set(devices).size).toBe(1);
  });

  test("nothing is mounted on the host, and nothing holds the file when the container is gone", async () => {
    await using currunt = await Currunt.create();
    const image = await currunt.image();
    const mounts = () => readFileSync("/proc/self/mountinfo", "utf8");
    const before = mounts();
    const id = await currunt.ok(
      "run",
      "-detach",
      "-quiet",
      "-network",
      "none",
      ...images,
      image,
      "sleep",
      "1000",
    );
    expect(mounts()).toBe(before);
    expect(kinds(currunt)).toEqual(["file"]);
    expect(await currunt.ok("exec", id, "cat", "/proc/1/comm")).toBe("sleep");
    await currunt.ok("rm", "-force", id);
    await currunt.ok("rmi", image);
    expect(kinds(currunt)).toEqual([]);
  });

  test("a pull that is killed at any moment leaves a store that opens, and the next one works", async () => {
    await using currunt = await Currunt.create();
    const image = await debianImage();
    for (const delay of [60, 150, 300, 500, 800]) {
      const child = currunt.spawn(["pull", "-quiet", ...images, image]);
      await Bun.sleep(delay);
      child.kill("SIGKILL");
      await child.exited;
      await currunt.ok("images");
    }
    await currunt.ok("pull", "-quiet", ...images, image);
    const command = ["python3", "-c", "print(6 * 7)"];
    expect(await currunt.ok("run", "-rm", "-network", "none", "-pull", "never", image, ...command)).toBe(
      "42",
    );
    expect(kinds(currunt)).toEqual(["file"]);
    expect(readdirSync(join(currunt.data, "staging"))).toEqual([]);
  }, 60_000);

  test("a damaged image is refused, by name", async () => {
    await using currunt = await Currunt.create();
    const image = await currunt.image();
    await currunt.ok("pull", "-quiet", ...images, image);
    const [name = ""] = readdirSync(join(currunt.data, "layers"));
    const path = join(currunt.data, "layers", name);
    const bytes = readFileSync(path);
    bytes[1024 + 40] = (bytes[1024 + 40] ?? 0) ^ 1;
    await Bun.write(path, bytes);
    const { code, stderr } = await currunt.run(["run", "-rm", "-network", "none", image, "true"]);
    expect(code).toBe(125);
    expect(stderr).toContain("mount the root file system");
    expect(stderr).toContain("erofs");
  });
});

test("where images cannot be mounted, layers are directories, and the user is told", async () => {
  await using currunt = await Currunt.create();
  const image = await currunt.image();
  // EROFS reads files of file systems that are on a disk.
  const script = `
    mkdir -p "$CURRUNT_DATA_ROOT" && mount -t tmpfs none "$CURRUNT_DATA_ROOT" || exit 97
    "$0" pull -quiet -layer-format erofs "$1" >/dev/null || exit 96
    find "$CURRUNT_DATA_ROOT"/layers -mindepth 1 -maxdepth 1 -type d | wc -l
    "$0" run -rm -network none "$1" echo works`;
  const shell = ["unshare", "-m", "--propagation", "private", "bash", "-c", script];
  const { code, stdout, stderr } = await run([...shell, currunt.program, image], {
    env: currunt.env,
    cwd: currunt.work,
  });
  expect({ code, stdout }).toEqual({ code: 0, stdout: "1\nworks\n" });
  expect(stderr).toContain("layers are stored as directories");
});
