/** `load` and `save`: archives of other tools run here, ours are read by them, and what is damaged is refused. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { archive } from "../fixtures/archive.ts";
import { Currunt } from "../fixtures/currunt.ts";
import type { Descriptor } from "../fixtures/layout.ts";
import { digestOf, writeLayout } from "../fixtures/layout.ts";
import { mustRun, run } from "../fixtures/process.ts";
import { archive as archiveTree, writeTree } from "../fixtures/tree.ts";

const scratch = mkdtempSync(join(tmpdir(), "currunt-archive-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const place = (name: string) => join(scratch, name);

/** A runnable image as a registry has it, in skopeo's OCI layout, and as podman saves it. */
let layout = "";
let image = "";
beforeAll(async () => {
  await using currunt = await Currunt.create();
  image = await currunt.image("layers:latest");
  layout = place("layout");
  const from = `docker://${image}`;
  await mustRun([
    "skopeo",
    "--insecure-policy",
    "copy",
    "--src-tls-verify=false",
    from,
    `oci:${layout}:${image}`,
  ]);
});

const podman = (...args: string[]) => {
  const flags = ["--root", place("podman"), "--runroot", place("podman-run"), "--storage-driver", "vfs"];
  return mustRun(["podman", ...flags, ...args]);
};

async function idOf(currunt: Currunt, name: string): Promise<string> {
  return await currunt.ok("inspect", "-type", "image", "-format", "{{.Id}}", name);
}

/** The image works, whiteouts and all. */
async function works(currunt: Currunt, name: string): Promise<void> {
  const script = "cat /data/gone /data/directory-then-file; ls /opaque; [ ! -e /removed ] && echo removed";
  const command = ["run", "-rm", "-network", "none", "-pull", "never", name, "sh", "-c", script];
  const { code, stdout, stderr } = await currunt.run(command);
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "again\nfile\nnew\nremoved\n", stderr: "" });
}

function listed(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1));
}

describe("load takes", () => {
  const forms: [string, () => Promise<string>][] = [
    ["an OCI layout", async () => layout],
    ["a tar of it with the index at its start", async () => await tarOf("first.tar", byIndex(true))],
    ["a tar of it with the index at its end", async () => await tarOf("last.tar", byIndex(false))],
    ["one compressed with gzip", async () => await compressed("gzip", "z.tar.gz")],
    ["one compressed with zstd", async () => await compressed("zstd", "z.tar.zst")],
    ["skopeo's OCI archive", async () => await skopeo("oci-archive")],
    ["skopeo's docker archive", async () => await skopeo("docker-archive")],
  ];
  const byIndex = (first: boolean) => {
    const others = listed(layout).filter((name) => name !== "index.json");
    return first ? ["index.json", ...others] : [...others.reverse(), "index.json"];
  };
  const tarOf = async (name: string, files: readonly string[]) => {
    await mustRun(["tar", "-C", layout, "-cf", place(name), ...files]);
    return place(name);
  };
  const compressed = async (tool: string, name: string) => {
    const plain = await tarOf("z.tar", byIndex(false));
    await mustRun(["sh", "-c", `${tool} -c "$1" > "$2"`, "sh", plain, place(name)]);
    return place(name);
  };
  const skopeo = async (kind: string) => {
    const target = `${kind}:${place(`${kind}.tar`)}:${image}`;
    await mustRun(["skopeo", "--insecure-policy", "copy", `oci:${layout}:${image}`, target]);
    return place(`${kind}.tar`);
  };

  test.each(forms)("%s, by name, from a pipe and redirected", async (_, make) => {
    const path = await make();
    await using currunt = await Currunt.create();
    expect(await currunt.ok("load", "-quiet", path)).toBe(`Loaded image: ${image}`);
    await works(currunt, image);
    const id = await idOf(currunt, image);
    await currunt.ok("rmi", image);
    if (path === layout) return;
    const piped = ["sh", "-c", `cat "$1" | "$2" load -quiet`, "sh", path, currunt.program];
    expect(await mustRun(piped, { env: currunt.env })).toBe(`Loaded image: ${image}\n`);
    const redirected = ["sh", "-c", `"$2" load -quiet < "$1"`, "sh", path, currunt.program];
    expect(await mustRun(redirected, { env: currunt.env })).toBe(`Loaded image: ${image}\n`);
    expect(await idOf(currunt, image)).toBe(id);
  });

  test("what podman saves, several images in one archive", async () => {
    await podman("load", "--quiet", "--input", await tarOf("podman-in.tar", byIndex(true)));
    await podman("tag", image, "quay.io/me/second:2");
    await using currunt = await Currunt.create();
    for (const format of ["docker-archive", "oci-archive", "oci-dir"]) {
      const path = place(`podman-${format}`);
      await podman("save", "--quiet", "--format", format, "--output", path, image);
      expect(await currunt.ok("load", "-quiet", "-input", path)).toBe(`Loaded image: ${image}`);
      await works(currunt, image);
      await currunt.ok("rmi", image);
    }
    const path = place("podman-multi");
    await podman("save", "--quiet", "--multi-image-archive", "--output", path, image, "quay.io/me/second:2");
    const names = (await currunt.ok("load", "-quiet", path)).split("\n").toSorted();
    expect(names).toEqual([`Loaded image: ${image}`, "Loaded image: quay.io/me/second:2"].toSorted());
  });

  test("umoci's layout, whose names are tags only", async () => {
    const path = place("umoci");
    await mustRun(["umoci", "init", "--layout", path]);
    await mustRun(["umoci", "new", "--image", `${path}:empty`]);
    await using currunt = await Currunt.create();
    expect(await currunt.ok("load", "-quiet", path)).toMatch(/^Loaded image ID: sha256:[a-f0-9]{64}$/);
    expect(await currunt.ok("images", "-format", "{{.Repository}}")).toBe("<none>");
  });

  test("the platform that is asked for, and says what there is", async () => {
    const tree = place("arm.tree");
    await writeTree(tree, { architecture: "arm64\n" });
    const layer = await archiveTree(tree, place("arm.tar"));
    const path = place("platforms");
    const settings = { Cmd: ["sh"] };
    await writeLayout(path, [
      { layers: [layer], settings, architecture: "arm64", variant: "v8" },
      { layers: [layer], settings },
    ]);
    await using currunt = await Currunt.create();
    const platforms = async () => await currunt.ok("images", "-format", "{{.Platform}}");
    await currunt.ok("load", "-quiet", path);
    expect(await platforms()).toBe("linux/amd64");
    await currunt.ok("load", "-quiet", "-platform", "linux/arm64", path);
    expect((await platforms()).split("\n").toSorted()).toEqual(["linux/amd64", "linux/arm64"]);
    const refused = await currunt.run(["load", "-quiet", "-platform", "s390x", path]);
    expect(refused.stderr).toContain("linux/arm64");
    expect(refused.code).toBe(125);
  });

  test("an old docker archive, whose layers are links to each other, and names of any kind", async () => {
    const layer = archive({ name: "file", data: "content" });
    const diffID = digestOf(layer);
    const config = JSON.stringify({
      architecture: "amd64",
      os: "linux",
      rootfs: { type: "layers", diff_ids: [diffID, diffID] },
    });
    const name = `${digestOf(config).slice(7)}.json`;
    const list = [
      { Config: name, RepoTags: ["old:1", "quay.io/a/b:2"], Layers: ["one/layer.tar", "two/layer.tar"] },
    ];
    const path = place("old.tar");
    writeFileSync(
      path,
      archive(
        { name: "two/layer.tar", type: "2", link: "../one/layer.tar" },
        { name: "one/", type: "5" },
        { name: "manifest.json", data: JSON.stringify(list) },
        { name: "one/layer.tar", data: layer },
        { name, data: config },
      ),
    );
    await using currunt = await Currunt.create();
    expect(await currunt.ok("load", "-quiet", path)).toBe(
      "Loaded image: docker.io/library/old:1\nLoaded image: quay.io/a/b:2",
    );
    expect(await idOf(currunt, "old:1")).toBe(digestOf(config));
  });

  test("sha512, for blobs, manifests and what layers unpack to", async () => {
    const path = place("sha512");
    const sha512 = (bytes: Uint8Array | string) =>
      `sha512:${new Bun.CryptoHasher("sha512").update(bytes).digest("hex")}`;
    mkdirSync(join(path, "blobs/sha512"), { recursive: true });
    const put = (mediaType: string, bytes: Uint8Array | string): Descriptor => {
      const digest = sha512(bytes);
      writeFileSync(join(path, "blobs", digest.replace(":", "/")), bytes);
      return { mediaType: `application/vnd.oci.image.${mediaType}`, digest, size: Buffer.byteLength(bytes) };
    };
    const layer = archive({ name: "file", data: "content" });
    const rootfs = { type: "layers", diff_ids: [sha512(layer)] };
    const config = put("config.v1+json", JSON.stringify({ architecture: "amd64", os: "linux", rootfs }));
    const layers = [put("layer.v1.tar", layer)];
    const manifest = put("manifest.v1+json", JSON.stringify({ schemaVersion: 2, config, layers }));
    writeFileSync(join(path, "oci-layout"), `{"imageLayoutVersion":"1.0.0"}`);
    const annotations = { "io.containerd.image.name": "docker.io/library/wide:1" };
    writeFileSync(
      join(path, "index.json"),
      JSON.stringify({ schemaVersion: 2, manifests: [{ ...manifest, annotations }] }),
    );
    await using currunt = await Currunt.create();
    expect(await currunt.ok("load", "-quiet", path)).toBe("Loaded image: docker.io/library/wide:1");
    expect(await idOf(currunt, "wide:1")).toBe(config.digest);
    for (const name of [config.digest, config.digest.slice(7, 19), `wide@${manifest.digest}`]) {
      expect(await idOf(currunt, name)).toBe(config.digest);
    }
    expect(await currunt.ok("system", "check", "-quiet")).toBe("");
    await currunt.ok("save", "-output", place("wide.tar"), "wide:1");
    expect(await currunt.ok("rmi", "wide:1")).toContain(`Deleted: ${config.digest}`);
    expect(readdirSync(join(currunt.data, "blobs/sha512"))).toEqual([]);
    expect(await currunt.ok("load", "-quiet", place("wide.tar"))).toContain("wide:1");
    expect(await idOf(currunt, "wide:1")).toBe(config.digest);
  });
});

describe("load refuses, and leaves nothing of", () => {
  /** A copy of the layout that `change` damages. */
  const damaged = async (change: (path: string, blob: (index: number) => string) => void) => {
    const path = place(`damaged-${crypto.randomUUID()}`);
    await mustRun(["cp", "-r", layout, path]);
    const index = JSON.parse(readFileSync(join(path, "index.json"), "utf8"));
    const blob = (digest: string) => join(path, "blobs", digest.replace(":", "/"));
    const manifest = JSON.parse(readFileSync(blob(index.manifests[0].digest), "utf8"));
    change(path, (layer) => blob(layer < 0 ? manifest.config.digest : manifest.layers[layer].digest));
    return path;
  };
  const changeByte = (path: string) => {
    const bytes = readFileSync(path);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    writeFileSync(path, bytes);
  };
  const written = (bytes: Uint8Array | string) => {
    const path = place(`bad-${crypto.randomUUID()}`);
    writeFileSync(path, bytes);
    return path;
  };
  const cases: [string, () => Promise<string>, RegExp][] = [
    ["a changed layer", () => damaged((_, blob) => changeByte(blob(2))), /digest|decompress/],
    ["a changed config", () => damaged((_, blob) => changeByte(blob(-1))), /digest is sha256.*damaged/s],
    ["a missing layer", () => damaged((_, blob) => rmSync(blob(1))), /lacks blob sha256/],
    [
      "a cut layer",
      () => damaged((_, blob) => writeFileSync(blob(1), readFileSync(blob(1)).subarray(0, 90))),
      /bytes, expected/,
    ],
    [
      "an index that is none",
      () => damaged((path) => writeFileSync(join(path, "index.json"), "[]")),
      /index\.json/,
    ],
    [
      "a link that leads out",
      () =>
        damaged((path) => {
          rmSync(join(path, "index.json"));
          symlinkSync("/etc/passwd", join(path, "index.json"));
        }),
      /holds no image|not JSON/,
    ],
    [
      "an archive without an image",
      async () => written(archive({ name: "etc/passwd", data: "x" })),
      /holds no image.*currunt import/s,
    ],
    [
      "what is no archive",
      async () => written("nothing of the kind, but long enough ".repeat(40)),
      /open archive/,
    ],
    [
      "an archive that is cut short",
      async () => written(archive({ name: "index.json", data: "x".repeat(9999) }).subarray(0, 3000)),
      /cut short/,
    ],
    [
      "an enormous list",
      async () => written(archive({ name: "manifest.json", data: " ".repeat(2 << 20) })),
      /1048576 at most/,
    ],
    [
      "a list that names what is not there",
      async () => written(archive({ name: "manifest.json", data: `[{"Config":"x.json","Layers":[]}]` })),
      /lacks "x.json"/,
    ],
    [
      "xz, and says what helps",
      async () => {
        const path = written("x");
        await mustRun(["sh", "-c", `tar -C "$1" -cJf "$2" .`, "sh", layout, path]);
        return path;
      },
      /xz -dc FILE/,
    ],
    ["a file that is not there", async () => place("absent"), /absent/],
  ];
  test.each(cases)("%s", async (_, make, message) => {
    await using currunt = await Currunt.create();
    const { code, stdout, stderr } = await currunt.run(["load", "-quiet", await make()]);
    expect({ code, stdout }).toEqual({ code: 125, stdout: "" });
    expect(stderr).toMatch(message);
    expect(await currunt.ok("images", "-quiet")).toBe("");
    for (const folder of ["layers", "tar-split", "staging"]) {
      expect(readdirSync(join(currunt.data, folder))).toEqual([]);
    }
  });
});

describe("save", () => {
  test("gives the same image back, by every format and way", async () => {
    await using currunt = await Currunt.create();
    await currunt.pull("layers:latest");
    await currunt.ok("tag", image, "quay.io/me/mine:3");
    const id = await idOf(currunt, image);
    const names = [image, "quay.io/me/mine:3"];
    const loaded = names.map((name) => `Loaded image: ${name}`).toSorted();
    for (const format of ["docker-archive", "oci-archive", "oci-dir"]) {
      const path = place(`saved-${format}`);
      await currunt.ok("save", "-format", format, "-output", path, ...names);
      await currunt.ok("rmi", "-force", id);
      expect((await currunt.ok("load", "-quiet", path)).split("\n").toSorted()).toEqual(loaded);
      expect(await idOf(currunt, image)).toBe(id);
      await works(currunt, image);
    }
    const piped = `"$1" save "$2" | gzip -1 | "$1" load -quiet`;
    const output = await mustRun(["sh", "-c", piped, "sh", currunt.program, id], { env: currunt.env });
    expect(
      output
        .split("\n")
        .filter((line) => line !== "")
        .toSorted(),
    ).toEqual(loaded);
    const same = `"$1" save "$2" > "$3/a.tar" && "$1" save -o "$3/b.tar" "$2" && cmp "$3/a.tar" "$3/b.tar"`;
    await mustRun(["sh", "-c", same, "sh", currunt.program, image, scratch], { env: currunt.env });
  });

  test("is read by podman, skopeo and umoci with the same ID", async () => {
    await using currunt = await Currunt.create();
    await currunt.pull("layers:latest");
    const id = await idOf(currunt, image);
    for (const format of ["docker-archive", "oci-archive"]) {
      await podman("rmi", "--all", "--force");
      const path = place(`peer-${format}`);
      await currunt.ok("save", "-format", format, "-output", path, image);
      expect(await podman("load", "--quiet", "--input", path)).toContain(image);
      expect(await podman("inspect", "--type", "image", "--format", "{{.Id}}", image)).toContain(id.slice(7));
      const copy = [
        "skopeo",
        "--insecure-policy",
        "copy",
        `${format}:${path}`,
        `dir:${place(`copy-${format}`)}`,
      ];
      expect((await run(copy)).code).toBe(0);
    }
    const path = place("peer-dir");
    await currunt.ok("save", "-format", "oci-dir", "-output", path, image);
    await mustRun(["umoci", "unpack", "--image", `${path}:${image}`, place("bundle")]);
    expect(readFileSync(place("bundle/rootfs/data/gone"), "utf8")).toBe("again\n");
  });

  test("refuses what cannot be, and leaves no part of it", async () => {
    await using currunt = await Currunt.create();
    await currunt.pull("busybox:latest");
    const busybox = await currunt.image();
    const into = place("into");
    mkdirSync(into);
    writeFileSync(join(into, "file"), "mine");
    const refused = async (...args: string[]) => {
      const { code, stderr } = await currunt.run(["save", ...args]);
      expect(code).toBe(125);
      return stderr;
    };
    expect(await refused("absent")).toContain("absent");
    expect(await refused("-output", join(into, "x"), "absent")).toContain("absent");
    expect(await refused("-output", into, busybox)).toContain("EISDIR");
    expect(await refused("-format", "oci-dir", "-output", into, busybox)).toContain("something is there");
    expect(await refused("-format", "oci-dir", busybox)).toContain("standard output");
    const [layer = ""] = readdirSync(join(currunt.data, "tar-split"));
    writeFileSync(join(currunt.data, "tar-split", layer), "damaged");
    expect(await refused("-output", join(into, "x"), busybox)).toContain(layer);
    expect(readdirSync(into)).toEqual(["file"]);
  });
});
