/**
 * Feeds damaged image archives to what finds the images in them: the tar file that holds them is damaged, or what it says of itself. Each is
 * refused with words for people, or tells of images whose documents can be read. By hand: `bun test/fuzz/archive.ts [SECONDS] [SEED] [keep]`.
 */
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { O_RDONLY, O_RDWR, O_TMPFILE } from "../../ffi/kernel.ts";
import { tarFiles } from "../../src/image/archive-files.ts";
import { readImages } from "../../src/image/archive-images.ts";
import { digestOf } from "../../src/image/digest.ts";
import { formatReference, parseReference } from "../../src/image/reference.ts";
import { TarIndex } from "../../src/image/tar-index.ts";
import { openat } from "../../src/sys/file.ts";
import type { Member } from "../fixtures/archive.ts";
import { archive } from "../fixtures/archive.ts";
import { seeds as documents, strange } from "./manifest.ts";
import type { Random } from "./random.ts";
import { damageValue, pick } from "./random.ts";
import { damageArchive } from "./tar.ts";
import type { Target } from "./target.ts";
import { main, refusal } from "./target.ts";

const config = JSON.stringify({
  architecture: "amd64",
  os: "linux",
  rootfs: { type: "layers", diff_ids: [digestOf("layer")] },
});
const configPath = `${digestOf(config).slice(7)}.json`;
const list = [{ Config: configPath, RepoTags: ["a/b:c", "localhost/d:e"], Layers: ["x/layer.tar"] }];
const manifest = JSON.stringify(documents[0]);
const named = {
  "org.opencontainers.image.ref.name": "quay.io/a:b",
  "io.containerd.image.name": "docker.io/a/b:c",
};
const entry = {
  mediaType: "application/vnd.oci.image.manifest.v1+json",
  digest: digestOf(manifest),
  size: 9,
};
const index = {
  schemaVersion: 2,
  manifests: [
    { ...entry, annotations: named },
    { ...entry, platform: { os: "linux", architecture: "amd64" }, annotations: named },
    { ...entry, platform: { os: "linux", architecture: "arm64" } },
  ],
};

/** The members of an archive of each kind, its documents damaged at `rate`. */
function members(random: Random, rate: number): Member[] {
  const json = (value: unknown) => JSON.stringify(damageValue(value, strange, { random, rate })) ?? "";
  const layers: Member[] = [
    { name: "x/layer.tar", data: "layer" },
    {
      name: "y/layer.tar",
      type: "2",
      link: pick(random, ["../x/layer.tar", "layer.tar", "../../x", "/x/layer.tar"]),
    },
  ];
  const docker = [...layers, { name: configPath, data: config }, { name: "manifest.json", data: json(list) }];
  const oci = [
    { name: "oci-layout", data: '{"imageLayoutVersion":"1.0.0"}' },
    { name: "index.json", data: json(index) },
    { name: `blobs/sha256/${entry.digest.slice(7)}`, data: random(2) === 0 ? manifest : json(documents[0]) },
  ];
  return pick(random, [docker, oci, [...oci, ...docker], [...docker].reverse(), [{ name: "repositories" }]]);
}

/** Without a name: whoever is killed leaves nothing. */
const file = openat(undefined, tmpdir(), O_RDWR | O_TMPFILE, 0o600);
const path = `/proc/self/fd/${file.number}`;

export const target: Target = {
  name: "archive",
  make(random, parent) {
    if (parent !== undefined) return damageArchive(parent, random);
    const made = archive(...members(random, 3 + random(60)));
    return random(3) === 0 ? damageArchive(made, random) : made;
  },
  check(input) {
    writeFileSync(path, input);
    try {
      const opened = openat(undefined, path, O_RDONLY);
      using _open = opened;
      const images = readImages(tarFiles(opened, TarIndex.read(opened)), {
        os: "linux",
        architecture: "amd64",
      });
      for (const { names } of images) {
        for (const name of names) parseReference(formatReference(name));
      }
      return `${Math.min(images.length, 3)} images of ${Math.min(images.flatMap(({ names }) => names).length, 3)} names`;
    } catch (error) {
      return refusal(error, ["invalid", "unsupported", "not-found"]);
    }
  },
};

if (import.meta.main) main(target);
