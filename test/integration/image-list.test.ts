/** `images` and `rmi`: what is stored, what removes it, and what does not. */
import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { Currunt } from "../fixtures/currunt.ts";

describe("images", () => {
  test("lists names, IDs and sizes, as a table, as JSON and as IDs", async () => {
    await using currunt = await Currunt.create();
    expect(await currunt.ok("images", "-quiet")).toBe("");
    const image = await currunt.pull("busybox:latest");
    await currunt.pull("layers:latest");
    const table = await currunt.ok("images");
    expect(table).toContain(image.replace(":latest", ""));
    expect(table).toMatch(/\d(\.\d+)? ?(MB|MiB|kB)/);
    const json = JSON.parse(await currunt.ok("images", "-format", "json"));
    expect(json).toHaveLength(2);
    expect((await currunt.ok("images", "-quiet")).split("\n")).toHaveLength(2);
  });
});

describe("rmi", () => {
  test("removes an image with what no other image needs", async () => {
    await using currunt = await Currunt.create();
    const busybox = await currunt.pull("busybox:latest");
    const layers = await currunt.pull("layers:latest");
    await currunt.ok("rmi", layers);
    expect(readdirSync(join(currunt.data, "layers"))).toHaveLength(1);
    expect(
      (await currunt.run(["run", "-rm", "-network", "none", "-pull", "never", busybox, "true"])).code,
    ).toBe(0);
    await currunt.ok("rmi", busybox);
    expect(readdirSync(join(currunt.data, "layers"))).toEqual([]);
    expect(readdirSync(join(currunt.data, "blobs/sha256"))).toEqual([]);
    expect(await currunt.ok("images", "-quiet")).toBe("");
  });

  test("takes the start of an ID", async () => {
    await using currunt = await Currunt.create();
    await currunt.pull("busybox:latest");
    const id = await currunt.ok("images", "-quiet");
    await currunt.ok("rmi", id);
    expect(await currunt.ok("images", "-quiet")).toBe("");
  });

  test("keeps an image that a container uses unless forced, and never breaks a running one", async () => {
    await using currunt = await Currunt.create();
    const image = await currunt.pull("busybox:latest");
    const id = await currunt.detached(["sleep", "1000"], "-name", "user");
    const refused = await currunt.run(["rmi", image]);
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toMatch(/user|in use/);
    await currunt.run(["rmi", "-force", image]);
    expect(await currunt.ok("exec", id, "echo", "still here")).toBe("still here");
    await currunt.ok("rm", "-force", id);
  });

  test("a missing image is named", async () => {
    await using currunt = await Currunt.create();
    const { code, stderr } = await currunt.run(["rmi", "absent:tag"]);
    expect(code).not.toBe(0);
    expect(stderr).toContain("absent:tag");
  });
});
