/** Large blobs from registries that hold each connection to a rate: several ranges at once, in order, or one connection where that fails. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import type { BlobStreamOptions } from "../../src/image/blob-stream.ts";
import { parseReference } from "../../src/image/reference.ts";
import { RegistryClient } from "../../src/image/registry.ts";
import type { FakeDescriptor, SeenRequest } from "../fixtures/fake-registry.ts";
import { digestOf, FakeRegistry } from "../fixtures/fake-registry.ts";

const content = randomBytes(40 << 20);
/** Slow enough for one connection to be waited for, fast enough for a test. */
const bytesPerSecond = 16 << 20;

let registry: FakeRegistry;
let blob: FakeDescriptor;
beforeEach(async () => {
  registry = await FakeRegistry.start();
  blob = registry.addBlob(content);
});
afterEach(() => registry[Symbol.asyncDispose]());

const throttle = (request: SeenRequest) => ({ ...registry.serve(request), bytesPerSecond });
const ranges = () => registry.requests.map(({ headers }) => headers.range ?? "all");

async function digestOfStream(options: BlobStreamOptions = {}): Promise<string> {
  const client = new RegistryClient(parseReference(`${registry.host}/app`), {
    patience: { baseDelayMs: 5, maxDelayMs: 20, idleMs: 2000, attempts: 3 },
  });
  const hash = new Bun.CryptoHasher("sha256");
  for await (const chunk of client.blob(blob, options)) hash.update(chunk);
  expect(client.slots.free).toBe(6);
  return `sha256:${hash.digest("hex")}`;
}

describe("a large blob", () => {
  test("comes in ranges that follow each other when one connection is slow", async () => {
    registry.always(/blobs/, throttle);
    expect(await digestOfStream()).toBe(digestOf(content));
    const [first, ...others] = ranges();
    expect(first).toBe("all");
    expect(others.length).toBeGreaterThan(4);
    let next: number | undefined;
    for (const range of others) {
      const [, from = "", to = ""] = /^bytes=(\d+)-(\d+)$/.exec(range) ?? [];
      if (next !== undefined) expect(Number(from)).toBe(next);
      next = Number(to) + 1;
    }
    expect(next).toBe(content.length);
  }, 30_000);

  test("comes on one connection when the registry keeps up", async () => {
    expect(await digestOfStream()).toBe(digestOf(content));
    expect(ranges()).toEqual(["all"]);
  });

  test("falls back to one connection where ranges are ignored", async () => {
    registry.always(/blobs/, ({ headers, ...request }) =>
      headers.range?.endsWith("-") === false ? { body: content } : throttle({ ...request, headers }),
    );
    const warnings: string[] = [];
    expect(await digestOfStream({ onRestart: () => warnings.push("restart") })).toBe(digestOf(content));
    expect(ranges().at(-1)).toMatch(/^bytes=\d+-$/);
    expect(warnings).toEqual([]);
  }, 30_000);

  test("goes on in a range that was cut", async () => {
    let cuts = 2;
    registry.always(/blobs/, (request) => {
      const answer = throttle(request);
      const isRange = request.headers.range !== undefined;
      return isRange && cuts-- > 0 ? { ...registry.serve(request), cutAfter: 100_000 } : answer;
    });
    expect(await digestOfStream()).toBe(digestOf(content));
    expect(ranges().filter((range) => range !== "all").length).toBeGreaterThan(7);
  }, 30_000);
});
