import { describe, expect, test } from "bun:test";
import { CurruntError, explain } from "../../../src/base/error.ts";
import { inlineData, parseImageConfig, parseManifest } from "../../../src/image/manifest.ts";
import * as types from "../../../src/image/media-type.ts";

const digest = `sha256:${"a".repeat(64)}`;
const descriptor = { mediaType: "application/vnd.oci.image.config.v1+json", digest, size: 2 };
const image = { schemaVersion: 2, config: descriptor, layers: [{ ...descriptor, mediaType: "l" }] };
const index = {
  schemaVersion: 2,
  manifests: [{ ...descriptor, platform: { os: "linux", architecture: "amd64" } }],
};

const bytes = (value: unknown) =>
  new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));
const parse = (value: unknown, contentType: string | null = null, trusted = false) =>
  parseManifest(bytes(value), contentType, { subject: "it", trusted });

function failure(run: () => unknown): CurruntError {
  try {
    run();
  } catch (error) {
    if (error instanceof CurruntError) return error;
    throw error;
  }
  throw new Error("it was taken");
}

describe("parseManifest()", () => {
  test("takes the type from Content-Type without its parameters", () => {
    expect(parse(image, `${types.DOCKER_MANIFEST}; charset=utf-8`)).toMatchObject({
      kind: "image",
      mediaType: types.DOCKER_MANIFEST,
    });
    expect(parse(index, types.OCI_INDEX.toUpperCase())).toMatchObject({
      kind: "index",
      mediaType: types.OCI_INDEX,
    });
  });

  test("sniffs what a generic Content-Type hides", () => {
    for (const type of [null, "", "text/plain", "application/json", "application/octet-stream"]) {
      expect(parse(image, type)).toMatchObject({ kind: "image", mediaType: types.OCI_MANIFEST });
      expect(parse({ ...image, mediaType: types.DOCKER_MANIFEST }, type).mediaType).toBe(
        types.DOCKER_MANIFEST,
      );
      expect(parse(index, type)).toMatchObject({ kind: "index", mediaType: types.OCI_INDEX });
      expect(parse({ schemaVersion: 1, fsLayers: [], signatures: [] }, type)).toEqual({
        kind: "schema1",
        mediaType: types.DOCKER_SCHEMA1_SIGNED,
      });
    }
    const docker = {
      ...image,
      config: { ...descriptor, mediaType: "application/vnd.docker.container.image.v1+json" },
    };
    expect(parse(docker).mediaType).toBe(types.DOCKER_MANIFEST);
  });

  test("refuses a document that is an index and a manifest (CVE-2021-41190)", () => {
    for (const both of [
      { ...image, manifests: [] },
      { ...index, layers: [] },
      { ...index, config: descriptor },
      { ...image, fsLayers: [] },
    ]) {
      expect(failure(() => parse(both, types.OCI_MANIFEST, true)).message).toContain("at once");
    }
  });

  test("refuses two types that differ, unless the digest vouches for the bytes", () => {
    const liar = { ...image, mediaType: types.DOCKER_MANIFEST };
    expect(failure(() => parse(liar, types.OCI_MANIFEST)).message).toContain("calls itself");
    expect(parse(liar, types.OCI_MANIFEST, true).mediaType).toBe(types.OCI_MANIFEST);
  });

  const bad: [name: string, value: unknown, text: RegExp][] = [
    ["no JSON", "<html>", /not JSON/],
    ["bad UTF-8", "\ud800", /JSON/],
    ["an array", [], /read it/],
    ["an unknown kind", { schemaVersion: 2 }, /unknown manifest type/],
    [
      "a negative size",
      { ...image, config: { ...descriptor, size: -1 } },
      /field "config.size": is negative/,
    ],
    ["a fractional size", { ...image, layers: [{ ...descriptor, size: 1.5 }] }, /field "layers.0.size"/],
    [
      "a digest with a path",
      { ...image, config: { ...descriptor, digest: "sha256:../../etc/passwd" } },
      /field "config.digest"/,
    ],
    ["501 layers", { ...image, layers: new Array(501).fill(descriptor) }, /more than 500 layers/],
    ["layers that are no list", { ...image, layers: {} }, /field "layers"/],
  ];
  for (const [name, value, text] of bad) {
    test(`refuses ${name} and names the place`, () => {
      const error = failure(() => parse(value));
      expect(explain(error)).toMatch(text);
      expect(error.hint).toBeDefined();
    });
  }

  test("refuses more than 4 MiB", () => {
    expect(failure(() => parse(" ".repeat((4 << 20) + 1))).message).toContain("larger than 4 MiB");
  });
});

describe("parseImageConfig()", () => {
  const config = { architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: [digest] } };

  test("takes nulls where docker writes them and leaves out what it does not know", () => {
    const parsed = parseImageConfig(
      bytes({
        ...config,
        config: { Env: null, Cmd: ["sh"], Entrypoint: null, Volumes: { "/v": {} }, OnBuild: null },
        container: "x",
      }),
      "it",
    );
    expect(parsed.config).toEqual({ Env: null, Cmd: ["sh"], Entrypoint: null, Volumes: { "/v": {} } });
    expect(parsed).not.toHaveProperty("container");
  });

  test("refuses what would be believed wrongly", () => {
    expect(
      failure(() => parseImageConfig(bytes({ ...config, rootfs: { type: "vhd", diff_ids: [] } }), "it"))
        .message,
    ).toContain("rootfs.type");
    expect(
      failure(() => parseImageConfig(bytes({ ...config, config: { Cmd: "sh" } }), "it")).message,
    ).toContain("config.Cmd");
    expect(
      failure(() =>
        parseImageConfig(bytes({ ...config, rootfs: { type: "layers", diff_ids: ["../x"] } }), "it"),
      ).message,
    ).toContain("diff_ids.0");
  });
});

test("inlineData() decodes base64", () => {
  expect(inlineData({ ...descriptor, data: "e30=" })).toEqual(Buffer.from("{}"));
  expect(inlineData(descriptor)).toBeUndefined();
});

test("isLayerType() knows OCI's and docker's layers, foreign ones too, and no encrypted ones", () => {
  const oci = "application/vnd.oci.image.layer.v1.tar";
  for (const type of [
    oci,
    `${oci}+gzip`,
    `${oci}+zstd`,
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
  ]) {
    expect(types.isLayerType(type)).toBe(true);
  }
  for (const type of [
    `${oci}+encrypted`,
    `${oci}+gzip+encrypted`,
    "",
    "text/plain",
    "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
  ]) {
    expect(types.isLayerType(type)).toBe(false);
  }
});
