/** `images`, `tag`, `untag`, `rmi`, `history` and `inspect`: what is stored, what names it, what removes it, and what does not. */
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

describe("images that are chosen", () => {
  test("by filter and by name", async () => {
    await using currunt = await Currunt.create();
    const busybox = await currunt.pull("busybox:latest");
    await currunt.pull("layers:latest");
    await currunt.pull("settings:latest");
    const names = async (...flags: string[]) =>
      (await currunt.ok("images", "-format", "{{.Repository}}", ...flags))
        .replaceAll(/.*\//g, "")
        .split("\n");
    expect(await names("-filter", "label=org.example.purpose=testing")).toEqual(["settings"]);
    expect(await names("-filter", "reference=**/lay*")).toEqual(["layers"]);
    expect(await names(busybox)).toEqual(["busybox"]);
    expect(await names("-a", "-f", "dangling=false")).toHaveLength(3);
    expect(await names("-filter", "dangling=true")).toEqual([""]);
    expect((await currunt.run(["images", "-filter", "before=absent"])).stderr).toContain("absent");
  });
});

describe("tag and untag", () => {
  test("give and take names; the image goes with its last", async () => {
    await using currunt = await Currunt.create();
    const image = await currunt.pull("busybox:latest");
    const id = await currunt.ok("images", "-quiet", "-no-trunc");
    await currunt.ok("tag", image, "mine", "quay.io/me/box:1");
    expect((await currunt.ok("images", "-quiet")).split("\n")).toHaveLength(1);
    const [data] = JSON.parse(await currunt.ok("image", "inspect", "mine"));
    expect(data.Id).toBe(id);
    expect(data.RepoTags.toSorted()).toEqual(
      [image, "docker.io/library/mine:latest", "quay.io/me/box:1"].toSorted(),
    );
    expect(data.RepoDigests).toHaveLength(3);
    expect((await currunt.run(["rmi", id])).stderr).toContain("several repositories");
    expect(await currunt.ok("rmi", "mine")).toBe("Untagged: docker.io/library/mine:latest");
    expect(await currunt.ok("untag", id, "quay.io/me/box:1")).toBe("quay.io/me/box:1");
    expect((await currunt.run(["untag", id, "mine"])).stderr).toContain("no such name");
    expect(await currunt.ok("untag", image)).toBe(image);
    expect(await currunt.ok("images", "-format", "{{.Repository}}:{{.Tag}}")).toBe("<none>:<none>");
    expect(await currunt.ok("images", "-q", "-filter", "dangling=true")).toBe(id.slice(7, 19));
    expect(await currunt.ok("rmi", id)).toBe(`Deleted: ${id}`);
  });

  test("a digest cannot be given away, and a bad name gives none of them", async () => {
    await using currunt = await Currunt.create();
    const image = await currunt.pull("busybox:latest");
    const refused = await currunt.run(["tag", image, "fine", "Not/Fine"]);
    expect(refused.code).toBe(125);
    expect(refused.stderr).toContain("lower case");
    expect((await currunt.ok("images", "-format", "{{.Repository}}")).split("\n")).toHaveLength(1);
  });

  test("rmi by digest takes the names that stand for it", async () => {
    await using currunt = await Currunt.create();
    const image = await currunt.pull("busybox:latest");
    await currunt.ok("tag", image, "other");
    const digest = await currunt.ok("inspect", "-format", "{{.Digest}}", image);
    expect(await currunt.ok("rmi", `${image.replace(/:\w+$/, "")}@${digest}`)).toBe(`Untagged: ${image}`);
    expect(await currunt.ok("images", "-quiet")).not.toBe("");
  });
});

describe("history", () => {
  test("shows the steps, the last first, with the sizes of their layers", async () => {
    await using currunt = await Currunt.create();
    const image = await currunt.pull("layers:latest");
    const steps = JSON.parse(await currunt.ok("history", "-format", "json", image));
    expect(steps).toHaveLength(4);
    expect(steps.map(({ ID }: { ID: string }) => ID).slice(1)).toEqual(Array(3).fill("<missing>"));
    expect(steps[0].ID).toMatch(/^sha256:/);
    expect(steps.every(({ Size }: { Size: number }) => Size > 0)).toBe(true);
    expect(await currunt.ok("history", image)).toMatch(/^IMAGE +CREATED +CREATED BY +SIZE +COMMENT\n/);
    const [first, ...others] = (await currunt.ok("history", "-q", image)).split("\n");
    expect([first, others.length]).toEqual([steps[0].ID.slice(7, 19), 3]);
  });
});

describe("inspect of an image", () => {
  test("has docker's fields", async () => {
    await using currunt = await Currunt.create();
    const image = await currunt.pull("settings:latest");
    const [data] = JSON.parse(await currunt.ok("inspect", "-type", "image", image));
    expect(data).toMatchObject({
      RepoTags: [image],
      Os: "linux",
      Architecture: "amd64",
      RootFS: { Type: "layers" },
      Config: { User: "alice", StopSignal: "SIGUSR1", Labels: { "org.example.purpose": "testing" } },
    });
    expect(data.RootFS.Layers[0]).toMatch(/^sha256:/);
    expect(data.Size).toBeGreaterThan(0);
    expect(await currunt.ok("inspect", "-f", "{{.Config.User}}", image)).toBe("alice");
    expect((await currunt.run(["image", "inspect", "absent"])).code).toBe(1);
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

  test("-ignore passes over what is missing", async () => {
    await using currunt = await Currunt.create();
    const image = await currunt.pull("busybox:latest");
    expect(await currunt.ok("rmi", "-ignore", "absent", image)).toContain("Deleted: sha256:");
  });

  test("a missing image is named", async () => {
    await using currunt = await Currunt.create();
    const { code, stderr } = await currunt.run(["rmi", "absent:tag"]);
    expect(code).not.toBe(0);
    expect(stderr).toContain("absent:tag");
  });
});
