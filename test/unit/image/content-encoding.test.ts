import { expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { decodeBlob, decodeDocument, isBlobEncoded } from "../../../src/image/content-encoding.ts";

const digest = `sha256:${"0".repeat(64)}`;
const layer = "application/vnd.oci.image.layer.v1.tar+gzip";
const config = "application/vnd.oci.image.config.v1+json";

test.each([
  ["what is not called compressed", {}, 10, layer, false],
  [
    "a layer whose own compression is called an encoding",
    { "content-length": "10", "content-encoding": "x-gzip" },
    10,
    layer,
    false,
  ],
  ["a blob of another length", { "content-length": "7", "content-encoding": "gzip" }, 10, layer, true],
  [
    "a part of a blob of another length",
    { "content-length": "1", "content-range": "bytes 6-6/7", "content-encoding": "gzip" },
    10,
    layer,
    true,
  ],
  [
    "a part of a blob of the right length",
    { "content-length": "1", "content-range": "bytes 9-9/10", "content-encoding": "gzip" },
    10,
    layer,
    false,
  ],
  ["a layer without a length", { "content-encoding": "gzip" }, 10, layer, false],
  ["a config without a length", { "content-encoding": "gzip" }, 10, config, true],
  ["a layer of schema 1", { "content-length": "7", "content-encoding": "gzip" }, -1, "", false],
] as const)("isBlobEncoded() judges %s", (_, headers, size, mediaType, expected) => {
  expect(isBlobEncoded(new Response("", { headers }), { digest, size, mediaType })).toBe(expected);
});

test("decodeBlob() gives the content without the words about its other form", async () => {
  const headers = { "content-encoding": "gzip", "content-length": "99" };
  const decoded = decodeBlob(new Response(gzipSync("content"), { headers }));
  expect(await decoded.text()).toBe("content");
  expect([...decoded.headers.keys()]).not.toContain("content-length");
});

test("decodeDocument() leaves alone what is only called compressed", () => {
  expect(Buffer.from(decodeDocument(gzipSync("{}"), "gzip")).toString()).toBe("{}");
  expect(Buffer.from(decodeDocument(Buffer.from("{}"), "gzip")).toString()).toBe("{}");
});
