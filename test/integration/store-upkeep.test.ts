/** `prune`, `system df` and `system check`: what nobody needs goes, what somebody needs stays, damage is found and repaired. */
import { describe, expect, test } from "bun:test";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Currunt } from "../fixtures/currunt.ts";
import { serveLayers, writeTar } from "../fixtures/layout-server.ts";

/** Layers by the start of their names. */
function layersOf(currunt: Currunt): string[] {
  return readdirSync(join(currunt.data, "layers")).sort();
}

async function ids(currunt: Currunt, ...args: string[]): Promise<string[]> {
  return (await currunt.ok(...args)).split("\n").filter((line) => line !== "");
}

/** Resolves when the program has written `text`. */
async function shows(stream: ReadableStream<Uint8Array>, text: string): Promise<void> {
  let seen = "";
  for await (const piece of stream) {
    seen += Buffer.from(piece).toString();
    if (seen.includes(text)) return;
  }
  throw new Error(`it ended without ${JSON.stringify(text)}: ${seen}`);
}

describe("image prune", () => {
  test("takes images without a name, with -all those that no container uses", async () => {
    await using currunt = await Currunt.create();
    const busybox = await currunt.pull("busybox:latest");
    const layers = await currunt.pull("layers:latest");
    const settings = await currunt.pull("settings:latest");
    await currunt.ok("untag", layers);
    const dry = await currunt.ok("image", "prune", "-dry-run");
    expect(dry).toMatch(/^Would delete images:\ndeleted: sha256:\w{64}\n\nReclaimable space: \d/);
    expect(await ids(currunt, "images", "-q")).toHaveLength(3);
    const pruned = await currunt.ok("image", "prune", "-force");
    expect(pruned).toBe(dry.replace("Would delete", "Deleted").replace("Reclaimable", "Total reclaimed"));
    expect(await ids(currunt, "images", "-q")).toHaveLength(2);
    const container = await currunt.ok("create", settings);
    expect(await currunt.ok("image", "prune", "-all", "-f")).toContain(`untagged: ${busybox}`);
    expect(await ids(currunt, "images", "-q", settings)).toHaveLength(1);
    await currunt.ok("rm", container);
    await currunt.ok("image", "prune", "-a", "-f");
    expect(layersOf(currunt)).toEqual([]);
    expect(readdirSync(join(currunt.data, "tar-split"))).toEqual([]);
    expect(readdirSync(join(currunt.data, "blobs/sha256"))).toEqual([]);
  });

  test("asks first, and takes what the filters choose", async () => {
    await using currunt = await Currunt.create();
    await currunt.pull("busybox:latest");
    const settings = await currunt.pull("settings:latest");
    const asked = await currunt.run(["image", "prune", "-all"], { stdin: "n\n" });
    expect(asked).toMatchObject({ code: 1, stdout: "" });
    expect(asked.stderr).toContain("Are you sure");
    expect((await currunt.run(["image", "prune", "-all"])).code).toBe(1);
    expect(await currunt.ok("image", "prune", "-a", "-f", "-filter", "until=2020-01-01")).toContain(
      "space: 0 B",
    );
    await currunt.ok("image", "prune", "-a", "-f", "-filter", "label!=org.example.purpose");
    expect(await ids(currunt, "images", "-format", "{{.Repository}}:{{.Tag}}")).toEqual([settings]);
    const agreed = await currunt.run(
      ["image", "prune", "-all", "-filter", "label=org.example.purpose=testing"],
      { stdin: "y\n" },
    );
    expect(agreed.code).toBe(0);
    expect(await ids(currunt, "images", "-q")).toEqual([]);
    expect((await currunt.run(["image", "prune", "-filter", "reference=x"])).stderr).toContain(
      "names are label, until",
    );
  });

  test("leaves what a pull under way has and needs, and the pull goes on", async () => {
    const directory = mkdtempSync(join(tmpdir(), "currunt-prune-"));
    try {
      const layer = await writeTar(join(directory, "one.tar"), [{ name: "one", content: "1".repeat(1000) }]);
      const second = await writeTar(join(directory, "two.tar"), [
        { name: "two", content: "2".repeat(100_000) },
      ]);
      const reached = Promise.withResolvers<void>();
      const goOn = Promise.withResolvers<void>();
      await using server = await serveLayers([layer, second], ({ path, content }) => {
        if (content === undefined || !path.endsWith(server.blobs[2]?.digest ?? "?")) return undefined;
        const body = new ReadableStream({
          async pull(controller) {
            reached.resolve();
            await goOn.promise;
            controller.enqueue(content);
            controller.close();
          },
        });
        return new Response(body);
      });
      await using currunt = await Currunt.create();
      const gone = await currunt.pull("busybox:latest");
      const child = currunt.spawn(["pull", "-progress", "plain", server.image]);
      await reached.promise;
      // The first layer is in its place before the second is there.
      await shows(child.stderr, ": done\n");
      const first = new Bun.CryptoHasher("sha256").update(readFileSync(layer)).digest("hex");
      expect(layersOf(currunt)).toContain(first);
      expect(await currunt.ok("image", "prune", "-all", "-force")).toContain(`untagged: ${gone}`);
      await currunt.ok("system", "prune", "-all", "-volumes", "-force");
      expect(layersOf(currunt)).toContain(first);
      const check = await currunt.run(["system", "check", "-quiet", "-repair"]);
      expect(check.stderr).toContain("a pull is at work");
      expect(await currunt.ok("system", "check", "-quiet")).toBe("");
      goOn.resolve();
      expect(await child.exited).toBe(0);
      expect(await ids(currunt, "images", "-q")).toHaveLength(1);
      await currunt.ok("system", "prune", "-force");
      expect(layersOf(currunt)).toHaveLength(2);
      expect(await currunt.ok("system", "check", "-quiet")).toBe("");
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

describe("container prune and system prune", () => {
  test("take what does not run, and never what runs, not even when its image was removed by force", async () => {
    await using currunt = await Currunt.create();
    const image = await currunt.pull("busybox:latest");
    const running = await currunt.detached(["sleep", "1000"], "-name", "running");
    const ended = await currunt.ok(
      "run",
      "-detach",
      "-network",
      "none",
      "-label",
      "stage=test",
      image,
      "true",
    );
    await currunt.ok("wait", ended);
    const created = await currunt.ok("create", image);
    expect(await ids(currunt, "container", "prune", "-dry-run", "-filter", "label=stage=test")).toContain(
      ended,
    );
    await currunt.ok("container", "prune", "-f", "-filter", "label=stage=test");
    expect((await ids(currunt, "ps", "-a", "-q", "-no-trunc")).toSorted()).toEqual(
      [created, running].toSorted(),
    );
    expect((await currunt.run(["rmi", "-force", image])).code).toBe(0);
    const report = await currunt.ok("system", "prune", "-all", "-volumes", "-force");
    expect(report).toContain(created);
    expect(report).not.toContain(running);
    expect(layersOf(currunt)).toHaveLength(1);
    expect(await currunt.ok("exec", "running", "echo", "still here")).toBe("still here");
    expect(await currunt.ok("system", "check", "-quiet")).toBe("");
    await currunt.ok("rm", "-force", "running");
    await currunt.ok("system", "prune", "-force");
    expect(layersOf(currunt)).toEqual([]);
  });

  test("volumes of containers that are gone go, those of others stay", async () => {
    await using currunt = await Currunt.create();
    const image = await currunt.pull("busybox:latest");
    const made = async () => {
      const id = await currunt.ok(
        "run",
        "-d",
        "-network",
        "none",
        "-volume",
        "/data",
        image,
        "sh",
        "-c",
        "echo x > /data/file",
      );
      await currunt.ok("wait", id);
      return id;
    };
    const [kept, removed] = [await made(), await made()];
    await currunt.ok("rm", removed);
    const volumes = () => readdirSync(join(currunt.data, "volumes"));
    expect(volumes()).toHaveLength(2);
    await currunt.ok("container", "prune", "-dry-run");
    const trial = await currunt.ok("volume", "prune", "-dry-run");
    expect(trial).toMatch(/^Would delete volumes:\n\w+\n\nReclaimable space: 2 B$/);
    await currunt.ok("volume", "prune", "-force");
    expect(volumes()).toHaveLength(1);
    await currunt.ok("start", kept);
    await currunt.ok("wait", kept);
    await currunt.ok("system", "prune", "-force", "-volumes");
    expect(volumes()).toEqual([]);
  });
});

test("system df counts, and system prune takes, what a pull that was cut short has left", async () => {
  const directory = mkdtempSync(join(tmpdir(), "currunt-prune-"));
  try {
    const layer = await writeTar(join(directory, "one.tar"), [
      { name: "one", content: crypto.getRandomValues(new Uint8Array(300_000)).toHex() },
    ]);
    const reached = Promise.withResolvers<void>();
    await using server = await serveLayers([layer], ({ path, content }) => {
      if (content === undefined || !path.endsWith(server.blobs[1]?.digest ?? "?")) return undefined;
      const body = new ReadableStream({
        pull(controller) {
          controller.enqueue(content.subarray(0, 100_000));
          reached.resolve();
          return new Promise(() => undefined);
        },
      });
      return new Response(body);
    });
    await using currunt = await Currunt.create();
    const child = currunt.spawn(["pull", "-progress", "plain", server.image]);
    await reached.promise;
    await shows(child.stderr, " % of");
    child.kill("SIGKILL");
    await child.exited;
    const unfinished = async () => JSON.parse(await currunt.ok("system", "df", "-format", "json"))[3];
    expect(await unfinished()).toMatchObject({ Type: "Unfinished Pulls", TotalCount: 1 });
    expect((await unfinished()).Size).toBeGreaterThan(0);
    await currunt.ok("image", "prune", "-force");
    expect(readdirSync(join(currunt.data, "ingest"))).toHaveLength(1);
    expect(await currunt.ok("system", "prune", "-dry-run")).not.toContain("space: 0 B");
    expect(await currunt.ok("system", "prune", "-force")).not.toContain("space: 0 B");
    expect(await unfinished()).toMatchObject({ TotalCount: 0, Size: 0 });
    expect(readdirSync(join(currunt.data, "ingest"))).toEqual([]);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

describe("system df", () => {
  test("counts layers once, and tells what could be given back", async () => {
    await using currunt = await Currunt.create();
    await currunt.pull("busybox:latest");
    const layers = await currunt.pull("layers:latest");
    const rows = async () => {
      const [images, containers, volumes] = JSON.parse(await currunt.ok("system", "df", "-format", "json"));
      return { images, containers, volumes };
    };
    const before = await rows();
    const listed = JSON.parse(await currunt.ok("images", "-format", "json"));
    const sizes: number[] = listed.map(({ Size }: { Size: number }) => Size);
    expect(before.images).toEqual({
      Type: "Images",
      TotalCount: 2,
      Active: 0,
      Size: Math.max(...sizes),
      Reclaimable: Math.max(...sizes),
    });
    const id = await currunt.ok(
      "run",
      "-d",
      "-network",
      "none",
      layers,
      "sh",
      "-c",
      "head -c 5000 /dev/zero > /file",
    );
    await currunt.ok("wait", id);
    const after = await rows();
    expect(after.images).toMatchObject({ Active: 1, Reclaimable: 0 });
    expect(after.containers).toMatchObject({ TotalCount: 1, Active: 0 });
    expect(after.containers.Size).toBeGreaterThanOrEqual(5000);
    expect(await currunt.ok("system", "df")).toMatch(
      /^TYPE +TOTAL +ACTIVE +SIZE +RECLAIMABLE\nImages +2 +1 /,
    );
    const verbose = await currunt.ok("system", "df", "-v");
    for (const part of ["SHARED SIZE", "Containers space usage", "VOLUME NAME", id.slice(0, 12)])
      expect(verbose).toContain(part);
  });
});

describe("system check", () => {
  const isDirectory = (currunt: Currunt, layer: string) =>
    statSync(join(currunt.data, "layers", layer)).isDirectory();
  const fileIn = (currunt: Currunt, layer: string) => {
    const path = join(currunt.data, "layers", layer);
    return isDirectory(currunt, layer) ? join(path, "bin/busybox") : path;
  };
  const changeByte = (path: string, at: number) => {
    const { mtime, atime } = statSync(path);
    const bytes = readFileSync(path);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    writeFileSync(path, bytes);
    // Silent damage changes no times.
    utimesSync(path, atime, mtime);
  };

  const damages: [string, (currunt: Currunt, layer: string) => void, RegExp][] = [
    [
      "a changed file",
      (currunt, layer) => changeByte(fileIn(currunt, layer), 100_000),
      /layer sha256:\w+: .*(became|image)/,
    ],
    [
      "a missing layer",
      (currunt, layer) => rmSync(join(currunt.data, "layers", layer), { recursive: true }),
      /it is missing/,
    ],
    [
      "a missing tar-split",
      (currunt, layer) => rmSync(join(currunt.data, "tar-split", layer)),
      /tar-split is missing/,
    ],
    [
      "a damaged tar-split",
      (currunt, layer) => changeByte(join(currunt.data, "tar-split", layer), 50),
      /layer sha256/,
    ],
    [
      "a damaged config",
      (currunt) => {
        for (const name of readdirSync(join(currunt.data, "blobs/sha256")))
          changeByte(join(currunt.data, "blobs/sha256", name), 5);
      },
      /its config is damaged/,
    ],
    [
      "a missing config",
      (currunt) => {
        for (const name of readdirSync(join(currunt.data, "blobs/sha256")))
          rmSync(join(currunt.data, "blobs/sha256", name));
      },
      /its config is missing/,
    ],
  ];
  const onDirectories: typeof damages = [
    ["another mode", (currunt, layer) => chmodSync(fileIn(currunt, layer), 0o700), /another mode/],
    [
      "a foreign file",
      (currunt, layer) => writeFileSync(join(currunt.data, "layers", layer, "evil"), ""),
      /\/evil does not belong/,
    ],
    ["a lost file", (currunt, layer) => rmSync(fileIn(currunt, layer)), /busybox/],
    ["a longer file", (currunt, layer) => appendFileSync(fileIn(currunt, layer), "x"), /another size/],
  ];

  test.each([...damages, ...onDirectories])("finds and repairs %s", async (name, damage, message) => {
    await using currunt = await Currunt.create();
    const image = await currunt.pull("busybox:latest");
    expect(await currunt.ok("system", "check", "-quiet")).toBe("");
    const [layer = ""] = layersOf(currunt);
    if (!isDirectory(currunt, layer) && onDirectories.some(([other]) => other === name)) return;
    damage(currunt, layer);
    const found = await currunt.run(["system", "check", "-quiet"]);
    expect({ ...found, stdout: "" }).toMatchObject({ code: 1 });
    expect(found.stdout).toMatch(message);
    expect(await ids(currunt, "images", "-q")).toHaveLength(1);
    const repaired = await currunt.run(["system", "check", "-quiet", "-repair"]);
    expect({ code: repaired.code, stderr: repaired.stderr }).toEqual({ code: 0, stderr: "" });
    expect(await currunt.ok("system", "check", "-quiet")).toBe("");
    await currunt.ok("pull", "-quiet", image);
    expect(await currunt.ok("run", "-rm", "-network", "none", "-pull", "never", image, "echo", "works")).toBe(
      "works",
    );
    expect(await currunt.ok("system", "check", "-quiet")).toBe("");
  });

  test("a repaired layer serves the containers that it had", async () => {
    await using currunt = await Currunt.create();
    const image = await currunt.pull("busybox:latest");
    const container = await currunt.ok("create", "-network", "none", image, "echo", "works");
    const running = await currunt.detached(["sleep", "1000"]);
    const [layer = ""] = layersOf(currunt);
    renameSync(join(currunt.data, "tar-split", layer), join(currunt.data, "kept"));
    const refused = await currunt.run(["system", "check", "-quiet", "-repair"]);
    expect(refused.code).toBe(1);
    expect(refused.stdout).toContain("a running container uses it");
    expect(await currunt.ok("exec", running, "echo", "untouched")).toBe("untouched");
    await currunt.ok("rm", "-force", running);
    await currunt.ok("system", "check", "-quiet", "-repair");
    expect(existsSync(join(currunt.data, "layers", layer))).toBe(false);
    await currunt.ok("pull", "-quiet", image);
    expect(await currunt.ok("start", "-attach", container)).toBe("works");
    rmSync(join(currunt.data, "kept"));
  });

  test("finds and removes what belongs to nothing", async () => {
    await using currunt = await Currunt.create();
    await currunt.pull("busybox:latest");
    const strays = [
      `layers/${"f".repeat(64)}`,
      `tar-split/${"e".repeat(64)}`,
      "staging/work-0123456789abcdef",
    ];
    for (const path of strays) mkdirSync(join(currunt.data, path));
    rmSync(join(currunt.data, `tar-split/${"e".repeat(64)}`), { recursive: true });
    writeFileSync(join(currunt.data, `tar-split/${"e".repeat(64)}`), "");
    const bytes = "no image has this";
    const digest = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
    writeFileSync(join(currunt.data, "blobs/sha256", digest), bytes);
    const found = await currunt.run(["system", "check", "-quiet"]);
    expect(found.code).toBe(1);
    for (const name of ["f".repeat(64), "e".repeat(64), "work-0123456789abcdef", digest])
      expect(found.stdout).toContain(name);
    expect(found.stdout.trim().split("\n")).toHaveLength(4);
    expect((await currunt.run(["system", "check", "-quiet", "-repair"])).code).toBe(0);
    expect(await currunt.ok("system", "check", "-quiet")).toBe("");
  });
});
