/** What is wrong is said clearly, with a remedy and the right exit code, and leaves nothing behind. */
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Currunt, useCurrunt } from "../fixtures/currunt.ts";
import type { Misbehaviour, TarEntry } from "../fixtures/layout-server.ts";
import { serveLayers, writeTar } from "../fixtures/layout-server.ts";
import { run } from "../fixtures/process.ts";

const file = useCurrunt();

/** Fails with `code`, says what matches, prints nothing on standard output and no stack. */
async function expectRefused(args: string[], code: number, says: RegExp): Promise<void> {
  const refused = await file.current.run(args);
  expect(refused.stderr).toMatch(says);
  expect(refused.stderr).toStartWith("currunt: ");
  expect(refused.stderr).not.toMatch(/^\s+at /m);
  expect(refused.stdout).toBe("");
  expect(refused.code).toBe(code);
  expect(await file.current.leftovers()).toEqual([]);
}

describe("the command line", () => {
  const cases: [string, string[], RegExp][] = [
    ["an unknown command", ["rum"], /rum[\s\S]*run/],
    ["an unknown flag", ["run", "-imaeg", "x"], /imaeg[\s\S]*image/],
    ["a flag without its value", ["run", "-image"], /-image/],
    ["a value for a flag that takes none", ["run", "-rm=maybe", "x"], /rm/],
    ["run without an image", ["run", "-rm"], /image/],
    ["an image and a root directory", ["run", "-image", "x", "-rootfs", "/", "--", "true"], /rootfs/],
    ["an unknown network", ["run", "-network", "bridge", "x"], /bridge[\s\S]*(host|none)/],
    ["a published port", ["run", "-p", "80:80", "x"], /publish|bridge|network/],
    ["a wrong -pull", ["run", "-pull", "sometimes", "x"], /sometimes[\s\S]*always/],
    ["a limit that is no size", ["run", "-memory", "much", "x"], /-memory[\s\S]*much[\s\S]*64m/],
    ["a restart policy", ["run", "-restart", "always", "x"], /-restart/],
    [
      "an unclosed quote in -cmd",
      ["run", "-image", "x", "-cmd", "sh -c 'ls"],
      /cmd[\s\S]*quote|quote[\s\S]*cmd/,
    ],
    ["a JSON array of other things in -cmd", ["run", "-image", "x", "-cmd", "[1, 2]"], /cmd/],
    ["a host name of two lines", ["run", "-hostname", "a\nb", "x"], /-hostname[\s\S]*letters/],
    ["docker's -f, which filters", ["ps", "-f", "name=x"], /-f\b[\s\S]*-format/],
    ["docker's -filter", ["ps", "-filter", "name=x"], /-filter[\s\S]*version/],
    ["a monitor's command by hand", ["remove-ended"], /only currunt itself/],
    ["a relative -workdir", ["run", "-workdir", "here", "x"], /here/],
    ["an unreadable -env-file", ["run", "-env-file", "/no/such/file", "x"], /\/no\/such\/file/],
    ["a wrong variable", ["run", "-env", "=x", "x"], /=x/],
    ["an unknown capability", ["run", "-cap-add", "FLY", "x"], /FLY/],
    ["an unknown signal", ["run", "-stop-signal", "SIGNOPE", "x"], /SIGNOPE/],
    ["detach and attach together", ["run", "-detach", "-attach", "x"], /attach|detach/],
    ["a platform without an architecture", ["pull", "-platform", "linux", "x"], /linux/],
    ["logs of no container", ["logs"], /container/],
    ["a missing container", ["logs", "absent"], /absent/],
    ["a missing container to stop", ["stop", "absent"], /absent/],
  ];
  for (const [title, args, says] of cases) {
    test(title, async () => {
      await expectRefused(args, 125, says);
    });
  }

  for (const reference of [
    "",
    "UPPER/case",
    "a//b",
    "a:b:c",
    "a@sha256:short",
    "-x",
    "a b",
    "x".repeat(300),
    "a:tag with",
  ]) {
    test(`the reference ${JSON.stringify(reference).slice(0, 30)} is refused`, async () => {
      await expectRefused(["pull", "--", reference], 125, /reference|image|name|tag|digest/i);
    });
  }

  test("a missing container to inspect, by exit code 1", async () => {
    const { code, stdout, stderr } = await file.current.run(["inspect", "absent"]);
    expect(stderr).toMatch(/absent/);
    expect(stdout.trim()).toBe("[]");
    expect(code).toBe(1);
  });

  test("no root is said, with a remedy", async () => {
    const { home, program } = file.current;
    const command = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", program];
    await run(["chmod", "755", file.current.directory]);
    const env = { PATH: file.current.env["PATH"], HOME: home };
    const refused = await run([...command, "run", "-rm", "busybox", "true"], { env, cwd: "/" });
    expect(refused.code).toBe(125);
    expect(refused.stderr).toMatch(/root/);
    expect(refused.stderr).toMatch(/sudo|as root/);
  });

  test("errors are JSON lines with -log-format json", async () => {
    const { stderr } = await file.current.run(["-log-format", "json", "logs", "absent"]);
    expect(JSON.stringify(JSON.parse(stderr))).toContain("absent");
  });
});

/** Serves one layer made of `entries` and pulls it into fresh roots; nothing may be stored or left. */
async function expectLayerRefused(
  entries: TarEntry[],
  says: RegExp,
  misbehave?: Misbehaviour,
): Promise<void> {
  const scratch = await mkdtemp(join(tmpdir(), "currunt-layer-"));
  try {
    await using currunt = await Currunt.create();
    await using server = await serveLayers([await writeTar(join(scratch, "layer.tar"), entries)], misbehave);
    const { code, stderr } = await currunt.run(["pull", "-quiet", server.image], { timeoutMs: 60_000 });
    expect(stderr).toMatch(says);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(code).not.toBe(0);
    expect(readdirSync(join(currunt.data, "layers"))).toEqual([]);
    expect(await currunt.ok("images", "-quiet")).toBe("");
  } finally {
    await rm(scratch, { recursive: true });
  }
}

const honest: TarEntry[] = [{ name: "file", content: "content\n" }];

describe("registries that misbehave", () => {
  test("nothing listens", async () => {
    await expectRefused(["pull", "-quiet", "127.0.0.1:1/x"], 125, /127\.0\.0\.1:1/);
  }, 60_000);

  test("a missing image", async () => {
    const image = (await file.current.image()).replace("busybox", "absent");
    await expectRefused(["pull", "-quiet", image], 125, /absent/);
  });

  test("a missing tag", async () => {
    const image = (await file.current.image()).replace("latest", "absent");
    await expectRefused(["pull", "-quiet", image], 125, /absent/);
  });

  const answers: [string, number, RegExp][] = [
    ["401 without a challenge", 401, /401|unauthori[sz]ed|login|credentials/i],
    ["403", 403, /403|denied|forbidden/i],
    ["404", 404, /404|not found/i],
  ];
  for (const [title, status, says] of answers) {
    test(title, () => expectLayerRefused(honest, says, () => new Response("no", { status })));
  }

  test("a manifest that is no JSON", () =>
    expectLayerRefused(honest, /manifest/, ({ path }) =>
      path.includes("/manifests/")
        ? new Response("<html>hello</html>", { headers: { "content-type": "text/html" } })
        : undefined,
    ));

  test("a manifest of another shape", () =>
    expectLayerRefused(honest, /manifest/, ({ path }) =>
      path.includes("/manifests/")
        ? Response.json(
            { schemaVersion: 2, layers: "many" },
            { headers: { "content-type": "application/vnd.oci.image.manifest.v1+json" } },
          )
        : undefined,
    ));

  test("a manifest that is index and image at once (CVE-2021-41190)", () =>
    expectLayerRefused(honest, /manifest/, ({ path }) =>
      path.includes("/manifests/")
        ? Response.json(
            { schemaVersion: 2, manifests: [], layers: [], config: {} },
            { headers: { "content-type": "application/vnd.oci.image.manifest.v1+json" } },
          )
        : undefined,
    ));

  test("an endless manifest", () =>
    expectLayerRefused(
      honest,
      /manifest[\s\S]*(large|limit|more than|size)|(large|limit|more than|size)[\s\S]*manifest/i,
      ({ path }) =>
        path.includes("/manifests/")
          ? new Response("x".repeat(9_000_000), {
              headers: { "content-type": "application/vnd.oci.image.manifest.v1+json" },
            })
          : undefined,
    ));

  test("a blob with other bytes than its digest says", () =>
    expectLayerRefused(honest, /digest/, ({ path, content }) =>
      path.includes("/blobs/") && content !== undefined
        ? new Response(content.map((byte) => byte ^ 1))
        : undefined,
    ));

  test("a redirect without an end", () =>
    expectLayerRefused(honest, /redirect/i, ({ url, path }) =>
      path.includes("/blobs/") ? new Response(null, { status: 307, headers: { location: url } }) : undefined,
    ));

  test("a server that fails at first is tried again", async () => {
    const scratch = await mkdtemp(join(tmpdir(), "currunt-layer-"));
    try {
      await using currunt = await Currunt.create();
      const failed = new Set<string>();
      const layer = await writeTar(join(scratch, "layer.tar"), honest);
      await using server = await serveLayers([layer], ({ path }) => {
        if (failed.has(path)) return undefined;
        failed.add(path);
        return new Response("later", {
          status: path.includes("/manifests/") ? 429 : 503,
          headers: { "retry-after": "0" },
        });
      });
      expect((await currunt.run(["pull", "-quiet", server.image])).code).toBe(0);
      expect(await currunt.ok("images", "-quiet")).not.toBe("");
    } finally {
      await rm(scratch, { recursive: true });
    }
  });

  test("a download that is cut once goes on", async () => {
    const scratch = await mkdtemp(join(tmpdir(), "currunt-layer-"));
    try {
      await using currunt = await Currunt.create();
      const noise = Array.from({ length: 3_000_000 }, (_, index) =>
        String.fromCharCode(33 + ((index * 7919) % 90)),
      ).join("");
      const layer = await writeTar(join(scratch, "layer.tar"), [{ name: "big", content: noise }]);
      const cut = new Set<string>();
      await using server = await serveLayers([layer], ({ path, headers, content }) => {
        if (!path.includes("/blobs/") || content === undefined || cut.has(path) || headers.has("range"))
          return undefined;
        cut.add(path);
        return { bytes: content.subarray(0, content.length >> 1), length: content.length };
      });
      expect((await currunt.run(["pull", "-quiet", server.image])).code).toBe(0);
      expect(await currunt.ok("images", "-quiet")).not.toBe("");
    } finally {
      await rm(scratch, { recursive: true });
    }
  });
});

describe("layers that attack", () => {
  const outside = "/tmp/currunt-escaped";
  const attacks: [string, TarEntry[]][] = [
    ["a path that climbs out", [{ name: `../../../../../../..${outside}`, content: "x" }]],
    [
      "an absolute symlink, then a file through it",
      [
        { name: "out", type: "2", link: "/tmp" },
        { name: "out/currunt-escaped", content: "x" },
      ],
    ],
    [
      "a climbing symlink, then a file through it",
      [
        { name: "a/out", type: "2", link: "../../../../../../../../../../tmp" },
        { name: "a/out/currunt-escaped", content: "x" },
      ],
    ],
    [
      "a hard link to a file of the host",
      [{ name: "passwd", type: "1", link: "../../../../../../../../etc/passwd" }],
    ],
    [
      "a hard link through a symlink",
      [
        { name: "etc", type: "2", link: "/etc" },
        { name: "mine", type: "1", link: "etc/shadow" },
      ],
    ],
    [
      "a whiteout through a symlink",
      [{ name: "out", type: "2", link: "/tmp" }, { name: "out/.wh.currunt-precious" }],
    ],
    ["an absolute path", [{ name: outside, content: "x" }]],
  ];
  for (const [title, entries] of attacks) {
    test(`${title} stays inside or is refused`, async () => {
      const precious = "/tmp/currunt-precious";
      await Bun.write(precious, "precious");
      const scratch = await mkdtemp(join(tmpdir(), "currunt-layer-"));
      try {
        await using currunt = await Currunt.create();
        await using server = await serveLayers([await writeTar(join(scratch, "layer.tar"), entries)]);
        const { code, stderr } = await currunt.run(["pull", "-quiet", server.image]);
        expect(existsSync(outside)).toBe(false);
        expect(await Bun.file(precious).text()).toBe("precious");
        if (code !== 0) expect(stderr).toStartWith("currunt: ");
        for (const layer of readdirSync(join(currunt.data, "layers"))) {
          const { stdout } = await run([
            "find",
            join(currunt.data, "layers", layer),
            "-type",
            "f",
            "-links",
            "+1",
          ]);
          expect(stdout).toBe("");
        }
      } finally {
        await rm(scratch, { recursive: true });
        await rm(precious, { force: true });
        await rm(outside, { force: true });
      }
    });
  }

  const broken: [string, TarEntry[], RegExp][] = [
    [
      "an entry that is longer than the archive",
      [{ name: "file", content: "short", size: 1_000_000 }],
      /tar|archive|layer/,
    ],
    ["a size that is too large to be true", [{ name: "file", size: 8_589_934_591 }], /tar|archive|layer/],
    ["an empty name", [{ name: "", content: "x" }], /tar|archive|layer|name/],
  ];
  for (const [title, entries, says] of broken) {
    test(`${title} is refused`, () => expectLayerRefused(entries, says));
  }
});
