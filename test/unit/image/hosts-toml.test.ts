import { describe, expect, test } from "bun:test";
import { containerdDirectories, parseHostsFile } from "../../../src/image/hosts-toml.ts";

const parse = (text: string) => parseHostsFile(text, "/c/hosts.toml", "/c");

describe("parseHostsFile()", () => {
  test("reads the example of containerd's documentation", () => {
    const { server, mirrors } = parse(`
server = "https://registry-1.docker.io"

[host."https://mirror.registry"]
  capabilities = ["pull"]
  ca = "/etc/certs/mirror.pem"
  skip_verify = false
  [host."https://mirror.registry".header]
    x-custom-2 = ["value1", "value2"]

[host."https://mirror-bak.registry/us"]
  capabilities = ["pull", "resolve"]
  skip_verify = true
  client = [["client.cert", "client.key"], "/all.pem"]

[host."http://non-compliant-mirror.registry/v2/upstream"]
  capabilities = ["push"]
  override_path = true
`);
    expect(server?.base.href).toBe("https://registry-1.docker.io/v2/");
    expect(mirrors.map(({ base, ...rest }) => ({ base: base.href, ...rest }))).toEqual([
      {
        base: "https://mirror.registry/v2/",
        pulls: true,
        resolves: false,
        skipVerify: false,
        headers: { "x-custom-2": "value1, value2" },
        ca: ["/etc/certs/mirror.pem"],
        client: [],
      },
      {
        base: "https://mirror-bak.registry/us/v2/",
        pulls: true,
        resolves: true,
        skipVerify: true,
        headers: {},
        ca: [],
        client: [
          ["/c/client.cert", "/c/client.key"],
          ["/all.pem", "/all.pem"],
        ],
      },
      {
        base: "http://non-compliant-mirror.registry/v2/upstream/",
        pulls: false,
        resolves: false,
        skipVerify: false,
        headers: {},
        ca: [],
        client: [],
      },
    ]);
  });

  test("lets a host without capabilities do everything", () => {
    expect(parse('[host."https://m"]\n').mirrors[0]).toMatchObject({ pulls: true, resolves: true });
  });

  test("refuses what it cannot mean", () => {
    expect(() => parse('server = "ftp://x"')).toThrow("no web address");
    expect(() => parse('[host."https://m"]\ncapabilities = ["fly"]')).toThrow("capabilities");
    expect(() => parse("server = ")).toThrow('read "/c/hosts.toml": not TOML');
  });
});

test("containerdDirectories() has the port in both spellings, and the default last", () => {
  expect(containerdDirectories("a.io:5000", { env: { CURRUNT_ETC: "/e" } })).toEqual([
    "/e/containerd/certs.d/a.io_5000_",
    "/e/containerd/certs.d/a.io:5000",
    "/e/containerd/certs.d/_default",
  ]);
});
