/** Images that were pulled, loaded or committed go to real registries, and from there to other engines. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { makeCertificates } from "../fixtures/certificates.ts";
import { Currunt, useCurrunt } from "../fixtures/currunt.ts";
import { Scratch } from "../fixtures/layer.ts";
import { Podman } from "../fixtures/peer-podman.ts";
import { mustRun } from "../fixtures/process.ts";
import type { Registry } from "../fixtures/registry.ts";
import { registryUser, startRegistry } from "../fixtures/registry.ts";

const file = useCurrunt();
let other: Registry;
let podman: Podman;

beforeAll(async () => {
  other = await startRegistry();
  podman = await Podman.create();
});
afterAll(async () => {
  await podman[Symbol.asyncDispose]();
  await other.stop();
});

interface Manifest {
  readonly mediaType: string;
  readonly config: unknown;
  readonly layers: readonly { readonly mediaType: string }[];
}

/** A manifest as skopeo gets it. */
async function manifestOf(name: string): Promise<Manifest> {
  return JSON.parse(await mustRun(["skopeo", "inspect", "--raw", "--tls-verify=false", `docker://${name}`]));
}

/** The digest that a registry has a name by. */
async function digestOf(name: string): Promise<string> {
  const text = await mustRun([
    "skopeo",
    "inspect",
    "--tls-verify=false",
    "--format",
    "{{.Digest}}",
    `docker://${name}`,
  ]);
  return text.trim();
}

/** An image of a container that has changed what `script` changes. */
async function committed(name: string, script: string, image?: string): Promise<void> {
  const base = image ?? (await file.current.pull());
  await file.current.ok(
    "run",
    "-name",
    "maker",
    "-network",
    "none",
    "-attach",
    "-image",
    base,
    "-cmd",
    JSON.stringify(["sh", "-ec", script]),
  );
  await file.current.ok("commit", "maker", name);
  await file.current.ok("rm", "maker");
}

/** What the registry has answered since the last call, blobs only. */
async function requests(registry: Registry): Promise<string[]> {
  await registry.settle();
  return registry.requests
    .splice(0)
    .map((line) => line.replace(/\?\S*/, "").replace(/uploads\/[0-9a-f-]+/, "uploads/N"));
}

describe("a pulled image", () => {
  test.each([
    "busybox:latest",
    "busybox:zstd",
    "busybox:plain",
    "busybox:docker",
    "layers:latest",
    "layers:docker",
  ] as const)("%s goes to another registry, keeps its ID, and runs there with podman", async (name) => {
    const image = await file.current.pull(name);
    const target = `${other.host}/copy/${name}`;
    const digest = await file.current.ok("push", "-quiet", image, target);
    expect(digest).toBe(await digestOf(target));
    const [original, copy] = [await manifestOf(image), await manifestOf(target)];
    expect(copy.config).toEqual(original.config);
    expect(copy.mediaType).toBe(original.mediaType);
    if (name === "busybox:zstd") return;
    await podman.ok("pull", "--quiet", "--tls-verify=false", target);
    expect(await podman.sh(target, "head -n 1 /etc/passwd")).toBe("root:x:0:0:root:/root:/bin/sh");
    await podman.ok("rmi", target);
  });

  test("that the registry has already is not sent, and keeps its digest", async () => {
    const image = await file.current.pull("layers:latest");
    const before = await digestOf(image);
    await mustRun([
      "skopeo",
      "copy",
      "--preserve-digests",
      "--src-tls-verify=false",
      "--dest-tls-verify=false",
      `docker://${image}`,
      `docker://${other.host}/there:1`,
    ]);
    await requests(other);
    expect(await file.current.ok("push", "-quiet", image, `${other.host}/there:2`)).toBe(before);
    expect((await requests(other)).filter((line) => /^(PATCH|PUT .*uploads)/.test(line))).toEqual([]);
    expect(await digestOf(`${other.host}/there:2`)).toBe(before);
  });

  test("is taken from the repository that it came from", async () => {
    const image = await file.current.pull();
    const host = image.slice(0, image.indexOf("/"));
    expect(await file.current.ok("push", "-quiet", image, `${host}/next/door:1`)).toBe(await digestOf(image));
    await podman.ok("pull", "--quiet", "--tls-verify=false", `${host}/next/door:1`);
  });

  test("gets the same digest whenever it is sent", async () => {
    const image = await file.current.pull("layers:latest");
    const first = await file.current.ok("push", "-quiet", image, `${other.host}/once:1`);
    await using third = await startRegistry();
    expect(await file.current.ok("push", "-quiet", image, `${third.host}/twice:1`)).toBe(first);
  });

  test("is compressed and written as it is told", async () => {
    const image = await file.current.pull("layers:latest");
    await file.current.ok(
      "push",
      "-quiet",
      "-compression",
      "zstd",
      "-format",
      "oci",
      image,
      `${other.host}/zstd:1`,
    );
    const zstd = await manifestOf(`${other.host}/zstd:1`);
    expect(zstd.layers.map((layer) => layer.mediaType)).toEqual(
      Array(4).fill("application/vnd.oci.image.layer.v1.tar+zstd"),
    );
    await file.current.ok("push", "-quiet", "-format", "docker", image, `${other.host}/docker:1`);
    const docker = await manifestOf(`${other.host}/docker:1`);
    expect(docker.mediaType).toBe("application/vnd.docker.distribution.manifest.v2+json");
    expect(docker.layers[0]?.mediaType).toBe("application/vnd.docker.image.rootfs.diff.tar.gzip");
    const { code, stderr } = await file.current.run([
      "push",
      "-compression",
      "zstd",
      "-format",
      "docker",
      image,
      `${other.host}/x:1`,
    ]);
    expect([code, stderr]).toEqual([125, expect.stringContaining("no layers compressed with zstd")]);
    // What we sent, we can pull: into a store that knows none of it.
    await using again = await Currunt.create();
    await again.ok("pull", "-quiet", `${other.host}/zstd:1`);
    expect(
      await again.ok(
        "run",
        "-rm",
        "-attach",
        "-network",
        "none",
        "-image",
        `${other.host}/zstd:1`,
        "-cmd",
        "cat /data/gone",
      ),
    ).toBe("again");
  });
});

describe("an index", () => {
  test("keeps its other platforms under a new tag of its repository", async () => {
    const image = await file.current.pull("busybox:index");
    const retagged = image.replace(/:index$/, ":index-too");
    const digest = await file.current.ok("push", "-quiet", image, retagged);
    expect(await manifestOf(retagged)).toEqual(await manifestOf(image));
    expect(digest).toBe(await digestOf(image));
  });

  test("is left out, with a warning, where the other images are not", async () => {
    const image = await file.current.pull("busybox:index");
    const { code, stderr } = await file.current.run(["push", image, `${other.host}/single:1`]);
    expect([code, stderr]).toEqual([0, expect.stringContaining("only the image for linux/amd64 is pushed")]);
    expect((await manifestOf(`${other.host}/single:1`)).mediaType).toBe(
      "application/vnd.oci.image.manifest.v1+json",
    );
  });
});

describe("a committed image", () => {
  test("runs with podman, with whiteouts, links and owners as they were", async () => {
    const target = `${other.host}/committed:1`;
    await committed(
      target,
      "echo new > /new; ln /new /same; chown 5:6 /new; rm /not-executable; mv /home /casa; mkdir -m 711 /fresh",
      await file.current.pull(),
    );
    const digest = await file.current.ok("push", "-quiet", target);
    expect(digest).toBe(await digestOf(target));
    await podman.ok("pull", "--quiet", "--tls-verify=false", target);
    const script = "cat /new; stat -c '%u:%g %h' /new; ls /; stat -c %a /fresh; ls /casa";
    const ours = await file.current.ok(
      "run",
      "-rm",
      "-attach",
      "-network",
      "none",
      "-image",
      target,
      "-cmd",
      JSON.stringify(["sh", "-c", script]),
    );
    expect((await podman.sh(target, script)).replace("run\n", "")).toBe(ours);
    expect(ours).toContain("new\n5:6 2\n");
    expect(ours).not.toContain("not-executable");
  });

  test("sends its own layer only", async () => {
    const image = await file.current.pull("layers:latest");
    const host = image.slice(0, image.indexOf("/"));
    await committed(`${host}/mine:1`, "echo > /mine", image);
    const { stderr } = await file.current.run(["push", `${host}/mine:1`]);
    expect(stderr.match(/already there/g)).toHaveLength(4);
    expect(stderr.match(/compressing/g)).toHaveLength(1);
    await podman.ok("pull", "--quiet", "--tls-verify=false", `${host}/mine:1`);
  });
});

describe("credentials", () => {
  test.each(["basic", "token"] as const)(
    "%s: those of the flag are used, and asked for when there are none",
    async (auth) => {
      await using registry = await startRegistry({ auth });
      const image = await file.current.pull("layers:latest");
      const target = `${registry.host}/secret/layers:1`;
      const { code, stderr } = await file.current.run(["push", image, target]);
      expect([code, stderr]).toEqual([125, expect.stringMatching(/40[13]/)]);
      const credentials = `${registryUser.name}:${registryUser.password}`;
      await file.current.ok("push", "-quiet", "-creds", credentials, image, target);
      // Again, within the registry: a token for both repositories.
      await file.current.ok("tag", image, target);
      const digest = await file.current.ok(
        "push",
        "-quiet",
        "-creds",
        credentials,
        target,
        `${registry.host}/next/layers:2`,
      );
      const inspected = await mustRun([
        "skopeo",
        "inspect",
        "--tls-verify=false",
        "--creds",
        credentials,
        "--format",
        "{{.Digest}}",
        `docker://${registry.host}/next/layers:2`,
      ]);
      expect(inspected.trim()).toBe(digest);
      await file.current.ok("rmi", target);
    },
  );

  test("a password is in no error", async () => {
    const { stderr } = await file.current.run([
      "push",
      "-creds",
      "only-a-password",
      "busybox",
      "localhost:1/x",
    ]);
    expect(stderr).toContain("no user name before a colon");
    expect(stderr).not.toContain("only-a-password");
  });
});

describe("a registry with TLS", () => {
  test("behind a proxy that ends it takes what it is sent, though its addresses say otherwise", async () => {
    const image = await file.current.pull("layers:latest");
    await using registry = await startRegistry();
    using scratch = new Scratch();
    const { server } = await makeCertificates(scratch.path);
    // It ends TLS, and the registry behind it takes its own addresses for plain ones.
    using proxy = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      tls: { cert: Bun.file(server.cert), key: Bun.file(server.key) },
      fetch: (request) =>
        fetch(request.url.replace(/^https:\/\/[^/]+/, `http://${registry.host}`), {
          method: request.method,
          headers: request.headers,
          body: request.body,
          redirect: "manual",
          decompress: false,
        }),
    });
    const target = `127.0.0.1:${proxy.port}/behind:1`;
    const { code, stderr } = await file.current.run(["push", image, target]);
    expect([code, stderr]).toEqual([125, expect.stringMatching(/certificate|CERT|SELF_SIGNED/i)]);
    const digest = await file.current.ok("push", "-quiet", "-tls-verify=false", image, target);
    expect(await digestOf(`${registry.host}/behind:1`)).toBe(digest);
  });
});

describe("what cannot be pushed is refused", () => {
  test("an image that is not here, an ID without a destination, a digest as destination", async () => {
    const image = await file.current.pull();
    const { id } = { id: (await file.current.ok("images", "-quiet", "-no-trunc")).split("\n")[0] ?? "" };
    const failure = async (...args: string[]) => (await file.current.run(["push", ...args])).stderr;
    expect(await failure("nothing")).toContain('find image "nothing"');
    expect(await failure(id)).toContain("an ID says not where to");
    expect(await failure(image, `${other.host}/x@sha256:${"0".repeat(64)}`)).toContain(
      "a digest cannot be given away",
    );
    expect(await failure(image, "127.0.0.1:1/x")).toContain("ECONNREFUSED");
  });
});

test("a push that is interrupted leaves nothing, and its image can be pushed afterwards", async () => {
  const image = await file.current.pull("layers:latest");
  // It takes the connection and says nothing.
  using silent = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  const push = file.current.spawn(["push", "-compression", "zstd", image, `127.0.0.1:${silent.port}/x`]);
  while (
    (
      await Array.fromAsync(
        new Bun.Glob("work-*").scan({ cwd: `${file.current.directory}/data/staging`, onlyFiles: false }),
      )
    ).length === 0
  ) {
    await Bun.sleep(1);
  }
  push.kill("SIGINT");
  expect(await push.exited).toBe(130);
  expect(
    await Array.fromAsync(
      new Bun.Glob("*").scan({ cwd: `${file.current.directory}/data/staging`, onlyFiles: false }),
    ),
  ).toEqual([]);
  await file.current.ok("push", "-quiet", image, `${other.host}/after:1`);
});
