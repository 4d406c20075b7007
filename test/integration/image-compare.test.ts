/** Images of different makers' tools, loaded as they write them, beside what umoci unpacks of the same images. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { openDatabase } from "../../src/engine/database.ts";
import { prepareRoots } from "../../src/engine/roots.ts";
import { loadImages } from "../../src/image/load.ts";
import { mountSnapshot } from "../../src/image/snapshot.ts";
import { ImageStore } from "../../src/image/store.ts";
import { openDirectory } from "../../src/sys/file.ts";
import { setxattrat } from "../../src/sys/xattr.ts";
import { debianLayout } from "../fixtures/images.ts";
import type { Item } from "../fixtures/layer.ts";
import { layerFormat, listTree, Scratch } from "../fixtures/layer.ts";
import { mustRun } from "../fixtures/process.ts";
import { makeSystem } from "../fixtures/system-tree.ts";

const scratch = new Scratch();
afterAll(() => scratch[Symbol.dispose]());
let serial = 0;

function newDirectory(): string {
  const path = join(scratch.path, `${serial++}`);
  mkdirSync(path);
  return path;
}

/** What becomes of the archive's one image here: stored and stacked. */
async function ours(path: string): Promise<Map<string, Item>> {
  const roots = { data: newDirectory(), run: newDirectory() };
  prepareRoots(roots);
  using database = await openDatabase(join(roots.data, "index.db"));
  const store = new ImageStore(database, roots);
  const [image, ...others] = await loadImages(path, { store, layerFormat });
  if (image === undefined || others.length > 0) throw new Error(`${path}: not one image`);
  // Two layers at least: a single one is not merged.
  using snapshot = mountSnapshot({ lowers: [...store.layerPaths(image), newDirectory()] });
  return listTree(`/proc/self/fd/${snapshot.number}/.`);
}

/** What umoci makes of an image that skopeo brings it. */
async function theirs(source: string): Promise<Map<string, Item>> {
  const directory = newDirectory();
  await mustRun(["skopeo", "--insecure-policy", "copy", source, `oci:${directory}/layout:image`]);
  await mustRun(["umoci", "raw", "unpack", "--image", `${directory}/layout:image`, `${directory}/rootfs`]);
  return listTree(`${directory}/rootfs`);
}

/** What is compared: umoci cuts off the fractions of some times; when a root that no layer lists was modified is nobody's to say. */
function comparable(tree: Map<string, Item>, hasRoot: boolean): [string, Item][] {
  return [...tree].map(([path, item]) => [
    path,
    { ...item, modified: path === "" && !hasRoot ? "" : item.modified.replace(/\..*/, "") },
  ]);
}

/** Runs `script`, with `$1` a tree to make an image of and `$2` an empty directory for it. */
async function make(script: string): Promise<string> {
  const place = newDirectory();
  await mustRun(["bash", "-euc", script, "make", await system, place]);
  return place;
}

/** With a capability, and an attribute that is no text. */
async function makeSystemWithAttributes(): Promise<string> {
  const root = await makeSystem(newDirectory());
  using directory = openDirectory(root);
  const capability = Buffer.from(`0100000200040000${"00".repeat(12)}`, "hex");
  setxattrat(directory, "usr/new", "security.capability", capability);
  setxattrat(directory, "etc", "user.bytes", Buffer.from("ff00e9", "hex"));
  return root;
}

const system = makeSystemWithAttributes();

/** Wraps archives as the layers of an image, as umoci stores what it is given. */
const wrap = `
  layers() { umoci init --layout "$1"; umoci new --image "$1:image"; local layout=$1; shift
    for layer; do umoci raw add-layer --image "$layout:image" "$layer"; done; }`;
/** A second layer's tree: files removed, replaced, added. */
const change = `
  change() { rm -r "$1/etc/init.d" "$1/usr/hole"; rm "$1/bin/ls"; mkdir "$1/bin/ls"; echo new >"$1/bin/ls/file"
    rm -r "$1/odd name"; echo file >"$1/odd name"; echo more >>"$1/etc/passwd"; chmod 711 "$1/var/tmp"; ln "$1/etc/passwd" "$1/etc/again"; }`;
const store = 'B="--root $2/root --runroot $2/run --storage-driver vfs"';
const python = `
import sys, tarfile
format, source, target = sys.argv[1:]
with tarfile.open(target, "w", format=getattr(tarfile, format), encoding="utf-8", errors="surrogateescape") as archive:
    archive.add(source, ".", filter=lambda member: None if "\\\\" in member.name else member)`;

const oci = "oci:layout:image";
/** `oracle`: the same image in a form that umoci reads. */
const images: readonly (readonly [name: string, script: string, source: string, oracle?: string])[] = [
  [
    "buildah, an OCI layout of two layers",
    `${store}; ${change}; first=$(buildah $B from scratch); buildah $B copy --quiet $first "$1" / >/dev/null
     buildah $B commit --quiet $first one >/dev/null; second=$(buildah $B from one)
     change "$(buildah $B mount $second)"; buildah $B commit --quiet $second oci:$2/layout:image; buildah $B rm -a >/dev/null`,
    oci,
  ],
  [
    "buildah, a docker archive",
    `${store}; one=$(buildah $B from scratch); buildah $B copy --quiet $one "$1" / >/dev/null
     buildah $B commit --quiet --format docker $one docker-archive:$2/archive:name:tag; buildah $B rm -a >/dev/null`,
    "docker-archive:archive",
  ],
  [
    "umoci, repacked",
    `${change}; cd $2; umoci init --layout layout; umoci new --image layout:image; umoci unpack --image layout:image bundle
     cp -a "$1/." bundle/rootfs/; umoci repack --image layout:image bundle; rm -r bundle; umoci unpack --image layout:image bundle
     change bundle/rootfs; umoci repack --image layout:image bundle; rm -r bundle`,
    oci,
  ],
  [
    "podman, a docker archive",
    `${store}; ${wrap}; tar -C "$1" --xattrs --xattrs-include="*" --format=posix -cf $2/a.tar .; layers $2/base $2/a.tar
     cd $2; podman $B save --quiet --format docker-archive -o archive $(podman $B pull --quiet oci:base:image)`,
    "docker-archive:archive",
  ],
  [
    "podman, an OCI archive",
    `${store}; ${wrap}; tar -C "$1" --xattrs --xattrs-include="*" --format=posix -cf $2/a.tar .; layers $2/base $2/a.tar
     cd $2; podman $B save --quiet --format oci-archive -o archive $(podman $B pull --quiet oci:base:image)`,
    "oci-archive:archive",
  ],
  [
    "podman, imported and committed",
    `${store}; tar -C "$1" --xattrs --xattrs-include="*" -cf $2/a.tar .; podman $B import --quiet $2/a.tar one >/dev/null
     podman $B save --quiet --format oci-dir -o $2/layout one; skopeo --insecure-policy copy -q oci:$2/layout oci:$2/layout2:image; rm -r $2/layout; mv $2/layout2 $2/layout`,
    oci,
  ],
  [
    "skopeo, compressed anew with zstd",
    `${wrap}; tar -C "$1" --format=gnu -cf $2/a.tar .; layers $2/base $2/a.tar
     skopeo --insecure-policy copy -q --dest-compress-format zstd --dest-compress oci:$2/base:image oci:$2/layout:image`,
    oci,
    "oci:base:image",
  ],
  [
    "skopeo, a docker archive of several layers",
    `${wrap}; cp -a "$1" $2/tree; tar -C $2/tree --format=gnu -cf $2/a.tar .; tar -C "$1" --format=posix -cf $2/b.tar ./usr ./bin
     layers $2/base $2/a.tar $2/b.tar; skopeo --insecure-policy copy -q oci:$2/base:image docker-archive:$2/archive:name:tag`,
    "docker-archive:archive",
  ],
  ...["pax", "gnutar", "ustar --exclude ./usr/new --exclude ./etc/hostname"].map(
    (format) =>
      [
        `bsdtar, ${format.replace(/ .*/, "")}`,
        `${wrap}; bsdtar -C "$1" --format ${format} -cf $2/a.tar .; layers $2/layout $2/a.tar`,
        oci,
      ] as const,
  ),
  ...["PAX_FORMAT", "GNU_FORMAT"].map(
    (format) =>
      [
        `python's tarfile, ${format}`,
        `${wrap}; python3 -c '${python}' ${format} "$1" $2/a.tar; layers $2/layout $2/a.tar`,
        oci,
      ] as const,
  ),
  ["busybox's tar", `${wrap}; busybox tar -C "$1" -cf $2/a.tar .; layers $2/layout $2/a.tar`, oci],
];

describe("an image is here what umoci unpacks, made by", () => {
  for (const [name, script, source, oracle = source] of images) {
    test(name, async () => {
      const place = await make(script);
      const [, path = ""] = source.split(":");
      const wanted = await theirs(oracle.replace(":", `:${place}/`));
      const tree = await ours(join(place, path));
      expect(tree.size).toBeGreaterThan(50);
      const hasRoot = wanted.get("")?.modified !== "0.000000000";
      expect(comparable(tree, hasRoot)).toEqual(comparable(wanted, hasRoot));
    }, 60_000);
  }

  test("debootstrap: a distribution", async () => {
    const layout = await debianLayout();
    const wanted = await theirs(`oci:${layout}:image`);
    const tree = await ours(layout);
    expect(tree.size).toBeGreaterThan(5000);
    expect(comparable(tree, true)).toEqual(comparable(wanted, true));
  }, 120_000);
});
