/** Snapshots: detached overlays of few and many layers, on new and old kernels' interfaces, and of the host's own directories. */
import { afterAll, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { mountHostSnapshot } from "../../src/image/host-snapshot.ts";
import { mountSnapshot } from "../../src/image/snapshot.ts";
import type { Fd } from "../../src/sys/fd.ts";
import { mountByString } from "../../src/sys/overlay.ts";
import { Scratch } from "../fixtures/layer.ts";
import { mustRun } from "../fixtures/process.ts";

const scratch = new Scratch();
afterAll(() => scratch[Symbol.dispose]());

function inside(mount: Fd, path = ""): string {
  return `/proc/self/fd/${mount.number}/${path}`;
}

/** Layers with a file of their own and one that all have; top first. */
function makeLayers(count: number, parent = mkdtempSync(join(scratch.path, "layers-"))): string[] {
  return Array.from({ length: count }, (_, i) => {
    const path = join(parent, `${i}`);
    mkdirSync(path);
    writeFileSync(join(path, `own-${i}`), `${i}`);
    writeFileSync(join(path, "shared"), `${i}`);
    return path;
  });
}

function makeUpper(): { upper: string; work: string } {
  const base = mkdtempSync(join(scratch.path, "upper-"));
  const [upper, work] = [join(base, "upper"), join(base, "work")];
  mkdirSync(upper, { mode: 0o755 });
  mkdirSync(work);
  return { upper, work };
}

function mountTable(): string {
  return readFileSync("/proc/self/mountinfo", "utf8");
}

describe("mountSnapshot()", () => {
  test("stacks layers, the first on top, and keeps changes in the upper", () => {
    const lowers = makeLayers(3);
    const { upper, work } = makeUpper();
    const before = mountTable();
    using mount = mountSnapshot({ lowers, upper, work });
    expect(mountTable()).toBe(before);
    expect(readdirSync(inside(mount)).sort()).toEqual(["own-0", "own-1", "own-2", "shared"]);
    expect(readFileSync(inside(mount, "shared"), "utf8")).toBe("0");
    writeFileSync(inside(mount, "shared"), "changed");
    rmSync(inside(mount, "own-1"));
    expect(readdirSync(upper).sort()).toEqual(["own-1", "shared"]);
    expect(readFileSync(join(lowers[0] ?? "", "shared"), "utf8")).toBe("0");
    expect(existsSync(join(lowers[1] ?? "", "own-1"))).toBe(true);
  });

  test("mounts the same upper again, with what was in it", () => {
    const lowers = makeLayers(2);
    const directories = makeUpper();
    for (const name of ["first", "second"]) {
      using mount = mountSnapshot({ lowers, ...directories });
      writeFileSync(inside(mount, name), "");
    }
    using mount = mountSnapshot({ lowers, ...directories });
    expect(readdirSync(inside(mount)).sort()).toEqual(["first", "own-0", "own-1", "second", "shared"]);
  });

  test("is gone with its descriptor", () => {
    const { upper, work } = makeUpper();
    mountSnapshot({ lowers: makeLayers(1), upper, work }).close();
    // A busy upper or a mount that lives on would keep this from working.
    rmSync(join(upper, ".."), { recursive: true });
  });

  test("is read-only without an upper, of one layer and of several", () => {
    for (const count of [1, 2, 5]) {
      using mount = mountSnapshot({ lowers: makeLayers(count) });
      expect(readFileSync(inside(mount, "shared"), "utf8")).toBe("0");
      expect(() => writeFileSync(inside(mount, "new"), "")).toThrow("EROFS");
    }
    using mount = mountSnapshot({ lowers: makeLayers(2), ...makeUpper(), readonly: true });
    expect(() => writeFileSync(inside(mount, "new"), "")).toThrow("EROFS");
  });

  test("renames directories of layers", () => {
    const lowers = makeLayers(1);
    mkdirSync(join(lowers[0] ?? "", "dir/sub"), { recursive: true });
    using mount = mountSnapshot({ lowers, ...makeUpper() });
    renameSync(inside(mount, "dir"), inside(mount, "moved"));
    expect(readdirSync(inside(mount, "moved"))).toEqual(["sub"]);
  });

  test("takes 130 and 500 layers, and long and odd paths", () => {
    for (const count of [130, 500]) {
      const lowers = makeLayers(count, mkdtempSync(join(scratch.path, "m-")));
      using mount = mountSnapshot({ lowers, ...makeUpper() });
      expect(readdirSync(inside(mount))).toHaveLength(count + 1);
      expect(readFileSync(inside(mount, `own-${count - 1}`), "utf8")).toBe(`${count - 1}`);
    }
    const odd = join(scratch.path, `with:colon, comma and \\ backslash ${"x".repeat(180)}`, "y".repeat(200));
    mkdirSync(odd, { recursive: true });
    using mount = mountSnapshot({ lowers: makeLayers(3, odd), ...makeUpper() });
    expect(readdirSync(inside(mount))).toHaveLength(4);
  });

  test("refuses more layers than the kernel takes, and none", () => {
    expect(() => mountSnapshot({ lowers: makeLayers(501) })).toThrow("500 at most");
    expect(() => mountSnapshot({ lowers: [] })).toThrow("no layer is given");
    expect(() => mountSnapshot({ lowers: [join(scratch.path, "missing"), "/"] })).toThrow("ENOENT");
  });

  test("takes a layer that an image lists twice", () => {
    const [a = "", b = ""] = makeLayers(2);
    using mount = mountSnapshot({ lowers: [a, b, a] });
    expect(readFileSync(inside(mount, "shared"), "utf8")).toBe("0");
  });

  test("with `volatile` leaves a mark that a crash would leave too", () => {
    const directories = makeUpper();
    using mount = mountSnapshot({ lowers: makeLayers(1), ...directories, volatile: true });
    expect(existsSync(join(directories.work, "work/incompat/volatile"))).toBe(true);
    expect(mount.closed).toBe(false);
  });

  test("leaves nothing behind when its process is killed", async () => {
    const { upper, work } = makeUpper();
    const [lower] = makeLayers(1);
    const program = `
      const { mountSnapshot } = await import(${JSON.stringify(join(import.meta.dir, "../../src/image/snapshot.ts"))});
      mountSnapshot(${JSON.stringify({ lowers: [lower], upper, work })});
      process.kill(process.pid, "SIGKILL");`;
    const before = mountTable();
    const child = Bun.spawn([process.execPath, "-e", program]);
    expect(await child.exited).not.toBe(0);
    expect(child.signalCode).toBe("SIGKILL");
    expect(mountTable()).toBe(before);
    using mount = mountSnapshot({ lowers: [lower ?? ""], upper, work });
    expect(mount.closed).toBe(false);
  });
});

describe("mountByString(), for kernels before 6.8", () => {
  test("does the same in one string, in a mount namespace that nobody sees", () => {
    const before = mountTable();
    const directory = process.cwd();
    for (const count of [1, 3, 300]) {
      const { upper, work } = makeUpper();
      using mount = mountByString({
        lowers: makeLayers(count, mkdtempSync(join(scratch.path, "long-name-".repeat(20)))),
        upper: { directory: upper, work },
        options: [["index", "off"], ["volatile"]],
        readonly: false,
      });
      expect(readdirSync(inside(mount))).toHaveLength(count + 1);
      writeFileSync(inside(mount, "new"), "");
      expect(readdirSync(upper)).toEqual(["new"]);
    }
    using mount = mountByString({ lowers: makeLayers(2), options: [], readonly: true });
    expect(() => writeFileSync(inside(mount, "new"), "")).toThrow("EROFS");
    expect([mountTable(), process.cwd()]).toEqual([before, directory]);
  });

  test("never hands out what lies below the overlay, not even of the root directory", () => {
    const name = `currunt-test-${process.pid}`;
    const { upper, work } = makeUpper();
    using mount = mountByString({
      lowers: ["/"],
      upper: { directory: upper, work },
      options: [],
      readonly: false,
    });
    writeFileSync(inside(mount, name), "");
    expect([existsSync(`/${name}`), readdirSync(upper)]).toEqual([false, [name]]);
  });

  test("comes back to its namespace when the mount fails", () => {
    const before = [mountTable(), process.cwd()];
    const { upper } = makeUpper();
    expect(() =>
      mountByString({
        lowers: makeLayers(1),
        upper: { directory: upper, work: "/proc" },
        options: [],
        readonly: false,
      }),
    ).toThrow("mount");
    expect([mountTable(), process.cwd()]).toEqual(before);
  });
});

describe("mountHostSnapshot()", () => {
  test("shows the host's files and keeps changes to itself", () => {
    const name = `currunt-test-${process.pid}`;
    const before = mountTable();
    const { root } = mountHostSnapshot({
      directory: "/",
      ...makeUpper(),
      mounts: join(scratch.path, "mounts"),
      volatile: true,
    });
    using _root = root;
    expect(mountTable()).toBe(before);
    expect(readFileSync(inside(root, "etc/passwd"), "utf8")).toBe(readFileSync("/etc/passwd", "utf8"));
    const { mode, uid, gid } = statSync("/");
    expect(statSync(inside(root, "."))).toMatchObject({ mode, uid, gid });
    writeFileSync(inside(root, `etc/${name}`), "");
    expect(existsSync(`/etc/${name}`)).toBe(false);
  });

  test("covers file systems mounted below, each time the same, and says what it cannot", async () => {
    const program = `
      const { mountHostSnapshot } = await import(${JSON.stringify(join(import.meta.dir, "../../src/image/host-snapshot.ts"))});
      const { readdirSync, writeFileSync } = await import("node:fs");
      const [directory, base] = process.argv.slice(1);
      const { root, limits } = mountHostSnapshot({ directory, upper: base + "/upper", work: base + "/work", mounts: base + "/mounts" });
      const at = "/proc/self/fd/" + root.number + "/";
      for (const path of ["home", "home/deep dir", "var", "proc"]) {
        console.log(path, readdirSync(at + path).filter((name) => name !== "lib").sort().slice(0, 4).join());
        writeFileSync(at + path + "/new", "x");
      }
      try { writeFileSync(at + "etc/file", "x"); } catch (error) { console.log("etc/file", error.code); }
      console.log(JSON.stringify(limits));`;
    const top = join(scratch.path, "top");
    const { upper } = makeUpper();
    for (const path of ["var", "home", "proc", "etc"]) mkdirSync(join(top, path), { recursive: true });
    writeFileSync(join(top, "etc/file"), "host");
    const script = `set -e
      mount -t tmpfs none "$1/home"; touch "$1/home/hidden"; mount -t tmpfs none "$1/home"; touch "$1/home/user"
      mkdir "$1/home/deep dir"; mount -t tmpfs none "$1/home/deep dir"; touch "$1/home/deep dir/x"
      mount -t tmpfs none "$1/var"; touch "$1/var/a"; mount --bind /etc/hostname "$1/etc/file"; mount -t proc none "$1/proc"
      "$0" -e "$3" "$1" "$2"; umount "$1/var"; umount "$1/proc"; "$0" -e "$3" "$1" "$2"
      find "$1" -name new`;
    const out = await mustRun([
      "unshare",
      "-m",
      "bash",
      "-c",
      script,
      process.execPath,
      top,
      join(upper, ".."),
      program,
    ]);
    const file = '[{"path":"etc/file","readable":true,"reason":"a single file is mounted there"}]';
    const first = ["home deep dir,user", "home/deep dir x", "var a", "proc ", "etc/file EROFS", file];
    const second = [
      "home deep dir,new,user",
      "home/deep dir new,x",
      "var ",
      "proc new",
      "etc/file EROFS",
      file,
    ];
    expect(out.trim().split("\n")).toEqual([...first, ...second]);
  });
});
