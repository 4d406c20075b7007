/** Ctrl-C and TERM while an image comes in: the pull ends at once, says so, and leaves nothing. */
import { describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Currunt } from "../fixtures/currunt.ts";
import { serveLayers, writeTar } from "../fixtures/layout-server.ts";

/** A registry that stops in the middle of the layer and tells when it does; afterwards it answers. */
async function stallingRegistry(directory: string) {
  const layer = await writeTar(join(directory, "layer.tar"), [
    { name: "file", content: "x".repeat(100_000) },
  ]);
  const stalled = Promise.withResolvers<void>();
  let stalls = true;
  const server = await serveLayers([layer], ({ path }) => {
    if (!stalls || !path.endsWith(server.blobs[1]?.digest ?? "?")) return undefined;
    const body = new ReadableStream({
      pull(controller) {
        controller.enqueue(new Uint8Array(1000));
        stalled.resolve();
        return new Promise(() => undefined);
      },
    });
    return new Response(body);
  });
  return {
    image: server.image,
    stalled: stalled.promise,
    recover: () => {
      stalls = false;
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

describe("a signal during a pull", () => {
  test.each([
    ["SIGINT", 130, ["pull"]],
    ["SIGTERM", 143, ["pull", "-quiet"]],
    ["SIGHUP", 129, ["run", "-rm", "-network", "none"]],
  ] as const)("%s ends it with %i and leaves nothing", async (signal, code, command) => {
    const directory = await mkdtemp(join(tmpdir(), "currunt-interrupt-"));
    try {
      await using currunt = await Currunt.create();
      await using registry = await stallingRegistry(directory);
      const child = currunt.spawn([...command, registry.image]);
      await registry.stalled;
      child.kill(signal);
      expect(await child.exited).toBe(code);
      expect(await child.stdout.text()).toBe("");
      expect(await child.stderr.text()).toContain(`interrupted by ${signal}`);
      expect(await currunt.leftovers()).toEqual([]);
      registry.recover();
      expect(await currunt.ok("pull", "-quiet", registry.image)).toMatch(/^sha256:/);
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
