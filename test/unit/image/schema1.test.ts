import { expect, test } from "bun:test";
import { digestOf } from "../../../src/image/digest.ts";
import { parseImageConfig } from "../../../src/image/manifest.ts";
import { parseSchema1, signedPayload } from "../../../src/image/schema1.ts";

const id = (n: number) => String(n).repeat(64);
const blob = (n: number) => `sha256:${id(n)}`;
interface Step {
  readonly id: string;
  readonly parent?: string;
  readonly throwaway?: boolean;
  readonly [field: string]: unknown;
}

/** A manifest of these steps, oldest first, each with a blob of its number. */
function manifest(steps: readonly Step[]): Buffer {
  const newestFirst = steps.map((step, index) => ({ step, blobSum: blob(index) })).reverse();
  return Buffer.from(
    JSON.stringify({
      schemaVersion: 1,
      fsLayers: newestFirst.map(({ blobSum }) => ({ blobSum })),
      history: newestFirst.map(({ step }) => ({ v1Compatibility: JSON.stringify(step) })),
    }),
  );
}

const chain: Step[] = [
  { id: id(1), created: "2015-01-01T00:00:00Z", container_config: { Cmd: ["/bin/sh", "-c", "add"] } },
  { id: id(2), parent: id(1), throwaway: true, container_config: { Cmd: ["env"] } },
  { id: id(3), parent: id(2), os: "linux", architecture: "amd64", Size: 3, config: { Cmd: ["sh"] } },
];

test("parseSchema1() gives layers bottom first, without throw-away ones, and a config", () => {
  const image = parseSchema1(manifest(chain), "it");
  expect(image.layers).toEqual([blob(0), blob(2)]);
  const bytes = image.config([blob(8), blob(9)]);
  const config = parseImageConfig(bytes, "it");
  expect(config).toMatchObject({
    os: "linux",
    config: { Cmd: ["sh"] },
    rootfs: { diff_ids: [blob(8), blob(9)] },
  });
  expect(config.history).toEqual([
    { created: "2015-01-01T00:00:00Z", created_by: "/bin/sh -c add" },
    { created_by: "env", empty_layer: true },
    {},
  ]);
  expect(Object.keys(JSON.parse(bytes.toString()))).toEqual([
    "os",
    "architecture",
    "config",
    "rootfs",
    "history",
  ]);
});

test("parseSchema1() drops a step that is written twice", () => {
  const [first, second] = chain as [Step, Step];
  expect(parseSchema1(manifest([first, first, second]), "it").layers).toEqual([blob(1)]);
});

test("parseSchema1() refuses what does not belong together", () => {
  const bad: [value: Buffer, message: RegExp][] = [
    [manifest([]), /no schema 1/],
    [Buffer.from("{}"), /no schema 1/],
    [manifest([{ id: "../../etc" }]), /step 0/],
    [manifest([{ id: id(1), parent: id(9) }]), /no chain/],
    [manifest([{ id: id(1) }, { id: id(2), parent: id(9) }]), /no chain/],
    [
      Buffer.from(JSON.stringify({ schemaVersion: 1, fsLayers: [{ blobSum: blob(1) }], history: [] })),
      /1 layers and 0 steps/,
    ],
  ];
  for (const [value, message] of bad) expect(() => parseSchema1(value, "it")).toThrow(message);
});

test("signedPayload() cuts the signatures out, as the digest wants it", () => {
  const payload = '{\n   "schemaVersion": 1\n}';
  const header = { formatLength: payload.length - 2, formatTail: Buffer.from("\n}").toString("base64url") };
  const signature = { protected: Buffer.from(JSON.stringify(header)).toString("base64url") };
  const signed = Buffer.from(`${payload.slice(0, -2)},\n "signatures": [${JSON.stringify(signature)}]}`);
  expect(digestOf(signedPayload(signed))).toBe(digestOf(payload));
  for (const other of [
    "",
    "{}",
    "[]",
    '{"signatures":[]}',
    '{"signatures":[{"protected":"AAAA"}]}',
    '{"signatures":[{"protected":"eyJmb3JtYXRMZW5ndGgiOjk5OSwiZm9ybWF0VGFpbCI6IiJ9"}]}',
  ]) {
    expect(Buffer.from(signedPayload(Buffer.from(other))).toString()).toBe(other);
  }
});
