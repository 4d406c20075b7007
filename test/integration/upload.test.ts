/** Uploads to registries of all manners: each blob arrives whole, or the failure says why. */
import { describe, expect, test } from "bun:test";
import { createHash, randomBytes } from "node:crypto";
import { explain } from "../../src/base/error.ts";
import { parseReference } from "../../src/image/reference.ts";
import { RegistryClient } from "../../src/image/registry.ts";
import type { OutgoingBlob } from "../../src/image/upload.ts";
import { mountBlob, sizeOfRemoteBlob, uploadBlob } from "../../src/image/upload.ts";
import type { Manners } from "../fixtures/upload-registry.ts";
import { UploadRegistry } from "../fixtures/upload-registry.ts";

const patience = { baseDelayMs: 1, maxDelayMs: 20, idleMs: 5000, attempts: 3 };
const mebi = 1 << 20;
/** Longer than one chunk. */
const content = randomBytes(20 * mebi);

function blobOf(bytes: Uint8Array): OutgoingBlob {
  const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  return {
    digest,
    sizeBytes: bytes.length,
    open: (offset, length) => new Blob([bytes.slice(offset, offset + length)]).stream(),
  };
}

interface Sent {
  readonly registry: UploadRegistry;
  readonly client: RegistryClient;
  readonly warnings: string[];
  readonly progress: number[];
}

/** Uploads `bytes` to a registry of these manners, and checks that they are there. */
async function send(manners: Manners, bytes: Uint8Array = content): Promise<Sent> {
  await using registry = await UploadRegistry.start(manners);
  const warnings: string[] = [];
  const progress: number[] = [];
  const client = new RegistryClient(parseReference(`${registry.host}/repo`), {
    patience,
    onWarning: (message) => warnings.push(message),
    ...(manners.token === undefined
      ? {}
      : { credentials: { kind: "registry-token", token: manners.token } as const }),
  });
  const blob = blobOf(bytes);
  await uploadBlob(client, blob, { onBytes: (done) => progress.push(done) });
  expect(registry.blobs.get(blob.digest)?.equals(bytes)).toBe(true);
  expect(progress.at(-1)).toBe(bytes.length);
  return { registry, client, warnings, progress };
}

const puts = ({ registry }: Sent) => registry.log.filter((line) => line.startsWith("PUT"));
const patches = ({ registry }: Sent) => registry.log.filter((line) => line.startsWith("PATCH"));

describe("a blob arrives", () => {
  test("in one piece, with its length, and its progress is told", async () => {
    const sent = await send({});
    expect(sent.registry.log).toEqual([
      "POST /v2/repo/blobs/uploads/",
      `PUT /v2/repo/blobs/uploads/N ${content.length}`,
    ]);
    expect(sent.progress.length).toBeGreaterThan(10);
    expect(sent.warnings).toEqual([]);
  });

  test("when it is empty", async () => {
    await send({}, new Uint8Array());
  });

  test("at an address that is a path with the registry's own query", async () => {
    expect(puts(await send({ relative: true }))).toHaveLength(1);
  });

  test("in chunks where one piece is too long", async () => {
    const sent = await send({ maximumBody: 16 * mebi });
    expect(patches(sent)).toEqual([
      `PATCH /v2/repo/blobs/uploads/N ${16 * mebi}`,
      `PATCH /v2/repo/blobs/uploads/N ${4 * mebi}`,
    ]);
    expect(sent.registry.log).toContain("DELETE /v2/repo/blobs/uploads/N");
  });

  test("in smaller chunks where those are too long as well", async () => {
    const sent = await send({ maximumBody: 5 * mebi });
    expect(patches(sent).map((line) => Number(line.split(" ").at(-1)))).toEqual(
      [16, 8, 4, 4, 4, 4, 4].map((size) => size * mebi),
    );
  });

  test("in chunks where a proxy closes the connection instead of an answer", async () => {
    const sent = await send({ maximumBody: 17 * mebi, closesOnLongBody: true });
    expect(patches(sent)).toHaveLength(2);
  });

  test("in chunks no smaller than the registry wants", async () => {
    const sent = await send({ maximumBody: 19 * mebi, leastChunk: 18 * mebi });
    expect(patches(sent)).toEqual([
      `PATCH /v2/repo/blobs/uploads/N ${18 * mebi}`,
      `PATCH /v2/repo/blobs/uploads/N ${2 * mebi}`,
    ]);
  });

  test("with the rest of it after the connection broke", async () => {
    const sent = await send({ cutOnceAfter: 7 * mebi });
    expect(patches(sent)).toEqual([`PATCH /v2/repo/blobs/uploads/N ${13 * mebi}`]);
    expect(sent.warnings.join()).toContain("trying again");
  });

  test("from its start when the registry has forgotten the upload", async () => {
    const sent = await send({ cutOnceAfter: 7 * mebi, forgets: true });
    expect(puts(sent)).toHaveLength(2);
  });

  test("piece by piece over a line that breaks again and again, as long as it gets on", async () => {
    const sent = await send({ cutAlwaysAfter: 3 * mebi + 1 });
    expect(patches(sent).length).toBeGreaterThan(patience.attempts);
  });

  test("when a chunk is taken in part only", async () => {
    const sent = await send({ maximumBody: 16 * mebi, takesOnlyOnce: 5 * mebi });
    expect(patches(sent)).toEqual([16, 15].map((size) => `PATCH /v2/repo/blobs/uploads/N ${size * mebi}`));
  });

  test("at the second try when the registry has trouble", async () => {
    expect(puts(await send({ failures: 1 }))).toHaveLength(2);
  });

  test("with our token, which another host does not get", async () => {
    await using elsewhere = await UploadRegistry.start();
    const own = await send({ token: "secret" });
    expect(own.registry.authorizations).toEqual(["Bearer secret", "Bearer secret"]);
    await using registry = await UploadRegistry.start({ token: "secret", uploadHost: elsewhere.host });
    const client = new RegistryClient(parseReference(`${registry.host}/repo`), {
      patience,
      credentials: { kind: "registry-token", token: "secret" },
    });
    await uploadBlob(client, blobOf(content)).catch(() => undefined);
    expect(elsewhere.log.length).toBeGreaterThan(0);
    expect(elsewhere.authorizations.filter((header) => header !== undefined)).toEqual([]);
  });
});

describe("a failure says why", () => {
  const failure = async (manners: Manners, bytes?: Uint8Array) =>
    send(manners, bytes).then(
      () => "it did not fail",
      (error: unknown) => explain(error),
    );

  test("when the registry stores something else", async () => {
    expect(await failure({ wrongDigest: true })).toContain(
      `the registry has stored sha256:${"0".repeat(64)}`,
    );
  });

  test("when it has trouble all the time", async () => {
    expect(await failure({ failures: 100 })).toContain("answered 500");
  });

  test("when nothing gets through", async () => {
    expect(await failure({ maximumBody: 1000 })).toContain("answered 413");
  });

  test("when the line breaks where it did before", async () => {
    expect(await failure({ cutAlwaysAfter: 1 })).toContain("connect");
  });

  test("when the uploads would go over a line that others read", async () => {
    expect(await failure({ uploadHost: "registry.invalid" })).toContain("without TLS");
  });
});

describe("what is there already", () => {
  test("is found, by registries that know HEAD", async () => {
    await using registry = await UploadRegistry.start();
    const client = new RegistryClient(parseReference(`${registry.host}/repo`), { patience });
    const blob = blobOf(Buffer.from("content"));
    expect(await sizeOfRemoteBlob(client, blob.digest)).toBeUndefined();
    registry.blobs.set(blob.digest, Buffer.from("content"));
    expect(await sizeOfRemoteBlob(client, blob.digest)).toBe(7);
    registry.manners.refusesHead = true;
    expect(await sizeOfRemoteBlob(client, blob.digest)).toBeUndefined();
  });

  test("is taken from another repository, if that has it", async () => {
    const blob = blobOf(Buffer.from("content"));
    await using registry = await UploadRegistry.start({
      mounts: new Map([[`a/b@${blob.digest}`, Buffer.from("content")]]),
    });
    const client = new RegistryClient(parseReference(`${registry.host}/repo`), { patience });
    expect(await mountBlob(client, blob.digest, "other")).toBe(false);
    expect(await mountBlob(client, blob.digest, "a/b")).toBe(true);
    expect(registry.blobs.has(blob.digest)).toBe(true);
    // The upload that was begun instead is not left open.
    expect(registry.log).toContain("DELETE /v2/repo/blobs/uploads/N");
  });
});
