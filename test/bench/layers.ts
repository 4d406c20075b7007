/** Images of several layers, made of the Debian system that the large image is. */
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { debianLayout } from "../fixtures/images.ts";
import type { Descriptor } from "../fixtures/layout.ts";
import { pushLayout, writeLayout } from "../fixtures/layout.ts";
import { mustRun } from "../fixtures/process.ts";

/** Shares of the entries, in percent: two large layers, some middling ones, many small ones, as images have them. */
const shares = [30, 22, 13, 10, 7, 5, 4, 3, 2, 2, 1, 1];

export interface LayeredImages {
  /** Twelve layers of mixed size. */
  readonly twelve: string;
  /** Ten layers. */
  readonly ten: string;
  /** Nine of them, and another one on top. */
  readonly sibling: string;
  /** That other one alone. */
  readonly top: string;
}

/** Pushes the images to the registry at `host`. */
export async function pushLayered(host: string): Promise<LayeredImages> {
  const folder = await layeredLayouts();
  const push = async (name: keyof LayeredImages) => {
    const image = `${host}/${name}:latest`;
    await pushLayout(join(folder, name), image);
    return image;
  };
  return {
    twelve: await push("twelve"),
    ten: await push("ten"),
    sibling: await push("sibling"),
    top: await push("top"),
  };
}

/** The layouts, made once and kept beside the one that they are made of. */
async function layeredLayouts(): Promise<string> {
  const large = await debianLayout();
  const folder = `${large}-layered`;
  if (existsSync(folder)) return folder;
  const scratch = await mkdtemp(join(dirname(large), "building-"));
  try {
    const archives = await splitLayer(large, scratch);
    // The fourth is a tenth of all: large enough to be seen.
    const nine = archives.filter((_, index) => index !== 3 && index !== 2).slice(0, 9);
    const [, , third = "", fourth = ""] = archives;
    const images = { twelve: archives, ten: [...nine, third], sibling: [...nine, fourth], top: [fourth] };
    for (const [name, layers] of Object.entries(images)) {
      await writeLayout(join(scratch, "out", name), [{ layers, settings: { Cmd: ["sh"] } }]);
    }
    await rename(join(scratch, "out"), folder);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  return folder;
}

/** Archives with all entries of the one layer of `layout`, in their order, split by the shares. */
async function splitLayer(layout: string, scratch: string): Promise<string[]> {
  const tree = join(scratch, "tree");
  await mkdir(tree);
  const unpack = ["tar", "--extract", "--gzip", "--numeric-owner", "--xattrs", "--xattrs-include=*"];
  const layer = await firstLayer(layout);
  await mustRun([...unpack, "--file", layer, "--directory", tree]);
  const names = (await mustRun(["tar", "--list", "--gzip", "--quoting-style=literal", "--file", layer]))
    .split("\n")
    .filter((name) => name !== "");
  const archives: string[] = [];
  let [begin, share] = [0, 0];
  for (const [index, percent] of shares.entries()) {
    share += percent;
    const end = Math.round((names.length * share) / 100);
    const list = join(scratch, `list-${index}`);
    await writeFile(list, names.slice(begin, end).join("\n"));
    const archive = join(scratch, `layer-${index}.tar`);
    const pack = ["tar", "--create", "--format=posix", "--numeric-owner", "--xattrs", "--no-recursion"];
    const what = ["--file", archive, "--directory", tree, "--verbatim-files-from", "--files-from", list];
    await mustRun([...pack, ...what]);
    archives.push(archive);
    begin = end;
  }
  return archives;
}

/** The file of the first layer of the image in `layout`. */
export async function firstLayer(layout: string): Promise<string> {
  const blob = (digest: string) => join(layout, "blobs/sha256", digest.slice("sha256:".length));
  const index = JSON.parse(await readFile(join(layout, "index.json"), "utf8"));
  const manifest = JSON.parse(await readFile(blob(index.manifests[0].digest), "utf8"));
  const [layer]: Descriptor[] = manifest.layers;
  if (layer === undefined) throw new Error("the image has no layer");
  return blob(layer.digest);
}
