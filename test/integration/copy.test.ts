/** cp: docker's rules for names, owners and links, volumes, archives, and what a hostile container may try. */
import { describe, expect, test } from "bun:test";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { useCurrunt } from "../fixtures/currunt.ts";

const file = useCurrunt();
let serial = 0;

/** An empty directory of the host. */
function newDirectory(): string {
  const path = join(file.current.directory, `copy-${serial++}`);
  mkdirSync(path);
  return path;
}

/** A container that has ended after `script`. */
async function ended(script: string, ...flags: string[]): Promise<string> {
  const id = await file.current.running(script, ...flags);
  await file.current.ok("stop", "-time", "0", id);
  return id;
}

const remove = (id: string) => file.current.ok("rm", "-force", "-volumes", id);
const failure = async (...args: string[]) => (await file.current.run(["cp", ...args])).stderr;

describe.each([
  ["running", (script: string, ...flags: string[]) => file.current.running(script, ...flags)],
  ["ended", ended],
])("of a container that is %s", (_, make) => {
  test("files and directories come out, with modes, times and links", async () => {
    const id = await make(
      "mkdir -p /d/sub; echo one > /d/one; chmod 640 /d/one; touch -d @1000000000 /d/one; ln -s one /d/link; ln /d/one /d/same; chown 1000 /d/sub",
    );
    const out = newDirectory();
    await file.current.ok("cp", `${id}:/d`, out);
    expect(readdirSync(join(out, "d")).sort()).toEqual(["link", "one", "same", "sub"]);
    expect(readFileSync(join(out, "d/one"), "utf8")).toBe("one\n");
    expect(statSync(join(out, "d/one"))).toMatchObject({ mode: 0o100640, mtimeMs: 1e12, uid: 0, nlink: 2 });
    expect(readlinkSync(join(out, "d/link"))).toBe("one");
    expect(statSync(join(out, "d/sub")).uid).toBe(0);
    await file.current.ok("cp", "-archive", `${id}:d/sub/`, join(out, "kept"));
    expect(statSync(join(out, "kept")).uid).toBe(1000);
    await remove(id);
  });

  test("they go in, below a directory that is there and to a new name, and what is there is replaced", async () => {
    const id = await make("mkdir /there; echo old > /there/file; ln -s /there /way");
    const source = newDirectory();
    writeFileSync(join(source, "file"), "new");
    mkdirSync(join(source, "inner"));
    for (const [from, to] of [
      ["file", "/there/file"],
      ["file", "/way/"],
      ["inner", "/there"],
      ["inner", "/fresh"],
      ["file", "/renamed"],
    ] as const) {
      await file.current.ok("cp", join(source, from), `${id}:${to}`);
    }
    const out = newDirectory();
    await file.current.ok("cp", `${id}:/there/.`, out);
    expect(readdirSync(out).sort()).toEqual(["file", "inner"]);
    expect(readFileSync(join(out, "file"), "utf8")).toBe("new");
    await file.current.ok("cp", `${id}:/renamed`, out);
    await file.current.ok("cp", `${id}:/fresh`, out);
    expect(lstatSync(join(out, "fresh")).isDirectory()).toBe(true);
    await remove(id);
  });

  test("volumes are seen", async () => {
    const shared = newDirectory();
    writeFileSync(join(shared, "from-host"), "host");
    const id = await make(
      "echo > /data/inside",
      "-volume",
      `${shared}:/shared`,
      "-volume",
      "/data",
      "-volume",
      `${shared}:/fixed:ro`,
    );
    const out = newDirectory();
    await file.current.ok("cp", `${id}:/shared/from-host`, out);
    await file.current.ok("cp", `${id}:/data/inside`, out);
    expect(readdirSync(out).sort()).toEqual(["from-host", "inside"]);
    await file.current.ok("cp", join(out, "inside"), `${id}:/shared/`);
    expect(existsSync(join(shared, "inside"))).toBe(true);
    expect(await failure(join(out, "inside"), `${id}:/fixed/`)).toContain("EROFS");
    await remove(id);
  });

  test("archives come out and go in", async () => {
    const [one, other] = [await make("mkdir /d; echo x > /d/x"), await make("mkdir /e")];
    const { program, env } = file.current;
    const script = `"$0" cp "$1:/d" - | gzip | "$0" cp - "$2:/e"`;
    const { exitCode, stderr } = Bun.spawnSync(
      ["bash", "-o", "pipefail", "-c", script, program, one, other],
      { env },
    );
    expect([exitCode, stderr.toString()]).toEqual([0, ""]);
    const out = newDirectory();
    await file.current.ok("cp", `${other}:/e/d/x`, out);
    expect(readFileSync(join(out, "x"), "utf8")).toBe("x\n");
    await Promise.all([remove(one), remove(other)]);
  });
});

describe("what cannot be is refused", () => {
  test("by name", async () => {
    const id = await ended("mkdir /d; echo > /f");
    const out = newDirectory();
    expect(await failure(`${id}:/nothing`, out)).toContain('there is no "/nothing"');
    expect(await failure(`${id}:/nothing/below`, out)).toContain('there is no "/nothing/below"');
    expect(await failure(`${id}:/f/below`, out)).toContain('there is no "/f/below"');
    expect(await failure(join(out, "nothing/below"), `${id}:/`)).toContain("there is no ");
    expect(await failure(`${id}:/f`, join(out, "missing/f"))).toContain("there is no directory");
    expect(await failure(`${id}:/f`, join(out, "missing/"))).toContain("there is no directory");
    writeFileSync(join(out, "file"), "");
    expect(await failure(`${id}:/d`, join(out, "file"))).toContain("a directory would replace it");
    expect(await failure(out, out)).toContain("one of them has to be CONTAINER:PATH");
    expect(await failure(`${id}:/f`, `${id}:/g`)).toContain("one of them has to be CONTAINER:PATH");
    expect(await failure("nobody:/x", out)).toContain('find container "nobody"');
    expect(readdirSync(out)).toEqual(["file"]);
    await remove(id);
  });
});

describe("a hostile container", () => {
  test("cannot have its links followed out of it", async () => {
    const secret = join(newDirectory(), "secret");
    writeFileSync(secret, "of the host");
    const up = "../".repeat(20);
    const id = await ended(
      `mkdir -p ${join(secret, "..")}; echo inside > ${secret}; ln -s ${secret} /absolute; ln -s ${up}${secret} /relative; ln -s ${join(secret, "..")} /directory`,
    );
    const out = newDirectory();
    for (const path of ["/absolute", "/relative", "/directory/secret", `/directory/${up}${secret}`]) {
      await file.current.ok("cp", "-follow-link", `${id}:${path}`, join(out, "got"));
      expect(readFileSync(join(out, "got"), "utf8")).toBe("inside\n");
    }
    // Nor be written through.
    writeFileSync(join(out, "mine"), "mine");
    await file.current.ok("cp", join(out, "mine"), `${id}:/directory/mine`);
    expect(readdirSync(join(secret, ".."))).toEqual(["secret"]);
    await file.current.ok("cp", join(out, "mine"), `${id}:/absolute`);
    expect(readFileSync(secret, "utf8")).toBe("of the host");
    await remove(id);
  });

  test("gives the host no program that runs as somebody else", async () => {
    const id = await ended("cp /bin/busybox /evil; chown 1000 /evil; chmod 4755 /evil");
    const out = newDirectory();
    await file.current.ok("cp", `${id}:/evil`, out);
    expect(statSync(join(out, "evil"))).toMatchObject({ uid: 0, mode: 0o100755 });
    await remove(id);
  });

  test("cannot have an archive written out of the directory it is for", async () => {
    const out = newDirectory();
    mkdirSync(join(out, "target"));
    symlinkSync("..", join(out, "target/way"));
    const id = await ended("mkdir -p /d/way; echo > /d/way/escaped");
    expect(await failure(`${id}:/d/.`, join(out, "target"))).toContain("would replace what is none");
    expect(readdirSync(out)).toEqual(["target"]);
    await remove(id);
  });
});
