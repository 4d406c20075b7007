/** The record of a container follows from its image and the options by docker's rules. */
import { describe, expect, test } from "bun:test";
import { explain } from "../../../src/base/error.ts";
import type { GenerateInput } from "../../../src/engine/generate.ts";
import { commandOf, generate } from "../../../src/engine/generate.ts";
import type { RunOptions } from "../../../src/engine/options.ts";
import { defaultRunOptions } from "../../../src/engine/options.ts";
import type { ImageConfig } from "../../../src/image/manifest.ts";

type Config = NonNullable<ImageConfig["config"]>;

function record(options: Partial<RunOptions>, config: Config = {}) {
  let volumes = 0;
  const input: GenerateInput = {
    id: "a".repeat(64),
    name: "box",
    options: {
      ...defaultRunOptions,
      source: { kind: "image", reference: "busybox", pull: "missing" },
      command: ["true"],
      ...options,
    },
    image: {
      id: "sha256:1",
      layers: ["sha256:2", "sha256:3"],
      config: { architecture: "amd64", os: "linux", config, rootfs: { type: "layers", diff_ids: [] } },
    },
    hostname: "box",
    etc: "/etc-of-box",
    seccomp: "default",
    newVolume: () => ({ name: `v${++volumes}`, path: `/volumes/v${volumes}` }),
  };
  return generate(input);
}

describe("commandOf()", () => {
  const image = { Entrypoint: ["entry", "-x"], Cmd: ["default"] };
  const cases: [string, Pick<RunOptions, "entrypoint" | "command">, Config, string[]][] = [
    ["takes the image's entrypoint and command", {}, image, ["entry", "-x", "default"]],
    ["a command replaces the image's only", { command: ["mine"] }, image, ["entry", "-x", "mine"]],
    ["an entrypoint drops the image's command", { entrypoint: ["/bin/sh"] }, image, ["/bin/sh"]],
    ["both replace both", { entrypoint: ["a"], command: ["b"] }, image, ["a", "b"]],
    ["an empty entrypoint leaves the command alone", { entrypoint: [], command: ["b"] }, image, ["b"]],
    ["an empty command leaves the entrypoint alone", { command: [] }, image, ["entry", "-x"]],
    ["an image without entrypoint", {}, { Cmd: ["sh"] }, ["sh"]],
  ];
  for (const [title, options, config, expected] of cases) {
    test(title, () => expect(commandOf(options, config)).toEqual(expected));
  }

  test("nothing to run is an error with a remedy", () => {
    expect(() => commandOf({}, {})).toThrow("neither the image nor the caller gives one");
    expect(() => commandOf({ entrypoint: [] }, image)).toThrow("find the command to run");
  });
});

describe("generate()", () => {
  test("environment: defaults, then the image's, then what was asked for; a name alone removes", () => {
    const { spec } = record(
      { env: ["A=2", "GONE"], terminal: true },
      { Env: ["PATH=/image", "A=1", "GONE=1", "B=3"] },
    );
    expect(spec.process?.env).toEqual(["PATH=/image", "HOSTNAME=box", "TERM=xterm", "A=2", "B=3"]);
  });

  test("user, workdir, stop signal and labels of the image, unless given", () => {
    const config = {
      User: "joe:staff",
      WorkingDir: "/srv",
      StopSignal: "SIGQUIT",
      Labels: { a: "1", b: "1" },
    };
    const own = record({}, config);
    expect(own.user).toEqual({ user: "joe", group: "staff" });
    expect(own.spec.process?.cwd).toBe("/srv");
    expect(own.stopSignal).toBe(3);
    const given = record({ user: { user: "7" }, workdir: "sub", stopSignal: 9, labels: { b: "2" } }, config);
    expect(given.user).toEqual({ user: "7" });
    expect(given.spec.process?.cwd).toBe("/srv/sub");
    expect(given.stopSignal).toBe(9);
    expect(given.labels).toEqual({ a: "1", b: "2" });
  });

  test("the image's volumes are anonymous ones, except where something else is mounted", () => {
    const { spec, anonymousVolumes } = record(
      {
        volumes: [{ source: "/host", target: "/data/", readOnly: true, options: [], noCopy: false }],
        tmpfs: [{ target: "/scratch", options: ["size=1m"] }],
      },
      { Volumes: { "/data": {}, "/scratch": {}, "/var/lib/db": {} } },
    );
    expect(anonymousVolumes).toEqual([{ name: "v1", target: "/var/lib/db", copy: true }]);
    const mounted = Object.fromEntries((spec.mounts ?? []).map((mount) => [mount.destination, mount]));
    expect(mounted["/data/"]).toMatchObject({ source: "/host", options: ["rbind", "rprivate", "ro"] });
    expect(mounted["/scratch"]?.type).toBe("tmpfs");
    expect(mounted["/var/lib/db"]?.source).toBe("/volumes/v1");
  });

  test("mounts of the user come after the container's own, parents first", () => {
    const volume = (target: string) => ({
      source: "/x",
      target,
      readOnly: false,
      options: [],
      noCopy: false,
    });
    const { spec } = record({ volumes: [volume("/a/b/c"), volume("/a"), volume("/etc/hosts")] });
    const order = (spec.mounts ?? []).map(({ destination }) => destination);
    expect(order.slice(-3)).toEqual(["/a", "/etc/hosts", "/a/b/c"]);
    expect(order.filter((path) => path === "/etc/hosts")).toHaveLength(1);
  });

  test("a place that is given twice is refused by name", () => {
    const twice = { target: "/t/", options: [] };
    let problem: unknown;
    try {
      record({ tmpfs: [twice, { ...twice, target: "/t" }] });
    } catch (error) {
      problem = error;
    }
    expect(explain(problem)).toBe('mount on "/t": given twice');
  });

  test("privileged has all capabilities, and nothing is hidden", () => {
    const { spec } = record({ privileged: true });
    expect(spec.process?.capabilities?.bounding).toContain("CAP_SYS_ADMIN");
    expect(spec.linux?.maskedPaths).toBeUndefined();
    expect(record({}).spec.process?.capabilities?.bounding).not.toContain("CAP_SYS_ADMIN");
  });

  test("the network namespace is the container's own with none only", () => {
    const types = (network: "host" | "none") =>
      record({ network }).spec.linux?.namespaces?.map(({ type }) => type);
    expect(types("none")).toContain("network");
    expect(types("host")).not.toContain("network");
  });
});
