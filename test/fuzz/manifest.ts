/**
 * Feeds damaged manifests, indexes, configs and manifests of schema 1 to their readers: each is refused with words for people, or has
 * only digests and sizes that can be asked for. By hand: `bun test/fuzz/manifest.ts [SECONDS] [SEED] [keep]`.
 */
import { CurruntError } from "../../src/base/error.ts";
import { parseDigest } from "../../src/image/digest.ts";
import type { Descriptor } from "../../src/image/manifest.ts";
import { inlineData, parseImageConfig, parseManifest } from "../../src/image/manifest.ts";
import { DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST } from "../../src/image/media-type.ts";
import { choosePlatform } from "../../src/image/platform.ts";
import { parseSchema1, signedPayload } from "../../src/image/schema1.ts";
import type { Random } from "./random.ts";
import { damageText, damageValue, pick } from "./random.ts";
import type { Target } from "./target.ts";
import { main, refusal } from "./target.ts";

const hex = "0123456789abcdef".repeat(4);
const digest = `sha256:${hex}`;
const layer = { mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest, size: 32_654 };
const config = { mediaType: "application/vnd.oci.image.config.v1+json", digest, size: 7023, data: "e30=" };
const v1 = { id: hex, created: "2020-01-01T00:00:00Z", container_config: { Cmd: ["sh"] } };

export const seeds: readonly [unknown, ...unknown[]] = [
  { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: [layer, { ...layer, urls: ["https://a/b"] }] },
  { schemaVersion: 2, mediaType: DOCKER_MANIFEST, config, layers: [layer], annotations: { a: "b" } },
  {
    schemaVersion: 2,
    mediaType: OCI_INDEX,
    manifests: [
      { ...config, mediaType: OCI_MANIFEST, platform: { architecture: "amd64", os: "linux", variant: "v2" } },
      {
        ...config,
        mediaType: OCI_INDEX,
        platform: { architecture: "arm", os: "linux", "os.features": ["x"] },
      },
      {
        ...config,
        mediaType: OCI_MANIFEST,
        annotations: { "vnd.docker.reference.type": "attestation-manifest" },
      },
    ],
  },
  {
    schemaVersion: 2,
    mediaType: DOCKER_LIST,
    manifests: [{ ...layer, mediaType: DOCKER_MANIFEST, platform: null }],
  },
  {
    schemaVersion: 1,
    name: "a/b",
    tag: "c",
    architecture: "amd64",
    fsLayers: [{ blobSum: digest }, { blobSum: digest }],
    history: [
      { v1Compatibility: JSON.stringify({ ...v1, parent: hex.replace("0", "1"), throwaway: true }) },
      { v1Compatibility: JSON.stringify({ ...v1, id: hex.replace("0", "1") }) },
    ],
    signatures: [{ protected: Buffer.from('{"formatLength":20,"formatTail":"Cn0"}').toString("base64url") }],
  },
  {
    architecture: "arm64",
    os: "linux",
    created: "2020-01-01T00:00:00Z",
    config: {
      User: "1:2",
      Env: ["A=b"],
      Cmd: ["sh"],
      ExposedPorts: { "80/tcp": {} },
      Volumes: { "/v": {} },
      Labels: { a: "b" },
      Healthcheck: { Test: ["CMD", "x"], Interval: 5 },
    },
    rootfs: { type: "layers", diff_ids: [digest] },
    history: [{ created_by: "x", empty_layer: true }, { comment: "y" }],
  },
];

export const strange: readonly unknown[] = [
  ...[null, true, 0, -1, 1, 2, 0.5, 2 ** 53, 1e308, "", "/", "..", "a\0b", "ü", "\ud800", "x".repeat(300)],
  ...[
    digest,
    `sha512:${hex}${hex}`,
    "sha256:ABC",
    "md5:00",
    "sha256:../../x",
    "a:b",
    `${digest}\n`,
    OCI_INDEX,
  ],
  ...[[], {}, [[]], [null], { toString: 1 }, "layers", "__proto__", "{}", JSON.stringify(v1)],
];
const tokens: readonly string[] = ['"', "{", "}", "[", "]", ",", ":", "\\", "\\u0000", "1e999", "-", "null"];

/** A damaged document. */
export function damagedDocument(random: Random, parent: Buffer | undefined): Buffer {
  const text = parent?.toString();
  if (text !== undefined && random(3) === 0) return Buffer.from(damageText(text, tokens, random));
  let value: unknown = pick(random, seeds);
  try {
    if (text !== undefined) value = JSON.parse(text);
  } catch {
    // Damaged as a text: it starts anew.
  }
  const damaged = damageValue(value, strange, { random, rate: 4 + random(60) });
  return Buffer.from(JSON.stringify(damaged) ?? "");
}

/** What a reader makes of it, or how it refuses. */
function outcomeOf(read: () => string): string {
  try {
    return read();
  } catch (error) {
    return refusal(error, ["invalid", "unsupported", "not-found"]);
  }
}

function checkDescriptor(descriptor: Descriptor): void {
  const { size, digest: text } = descriptor;
  if (!Number.isSafeInteger(size) || size < 0) throw new Error(`a size of ${size}`);
  inlineData(descriptor);
  try {
    const { algorithm, hex: digits } = parseDigest(text);
    if (`${algorithm}:${digits}` !== text || !/^[a-f0-9]+$/.test(digits)) throw new Error(`a digest ${text}`);
  } catch (error) {
    if (!(error instanceof CurruntError) || error.kind !== "unsupported") throw error;
  }
}

function readManifest(bytes: Buffer, type: string | undefined, trusted: boolean): string {
  const parsed = parseManifest(bytes, type, { subject: "it", trusted });
  if (parsed.kind === "schema1") return `schema 1: ${outcomeOf(() => readSchema1(bytes))}`;
  if (parsed.kind === "image") {
    for (const descriptor of [parsed.manifest.config, ...parsed.manifest.layers]) checkDescriptor(descriptor);
    return `image of ${Math.min(parsed.manifest.layers.length, 2)}`;
  }
  for (const descriptor of parsed.index.manifests) checkDescriptor(descriptor);
  const wanted = { os: "linux", architecture: "amd64" };
  return `index: ${outcomeOf(() => choosePlatform(parsed.index, wanted, "it").mediaType.slice(0, 30))}`;
}

function readSchema1(bytes: Buffer): string {
  const payload = signedPayload(bytes);
  const { layers, config: make } = parseSchema1(bytes, "it");
  const made = parseImageConfig(make(layers.map(() => digest)), "it");
  if (made.rootfs.diff_ids?.length !== layers.length) throw new Error("a layer is lost");
  return `${layers.length} layers, ${payload.length < bytes.length ? "signed" : "not signed"}`;
}

export const target: Target = {
  name: "manifest",
  make: damagedDocument,
  check(input) {
    const readings = [
      () => readManifest(input, undefined, true),
      () => readManifest(input, "application/json; charset=utf-8", false),
      () => readManifest(input, OCI_MANIFEST, false),
      () => readManifest(input, DOCKER_LIST, true),
      () => `config of ${Math.min(parseImageConfig(input, "it").rootfs.diff_ids?.length ?? -1, 2)}`,
    ];
    return readings.map(outcomeOf).join(" | ");
  },
};

if (import.meta.main) main(target);
