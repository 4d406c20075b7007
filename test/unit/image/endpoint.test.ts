import { describe, expect, test } from "bun:test";
import { endpointsFor } from "../../../src/image/endpoint.ts";
import { parseReference } from "../../../src/image/reference.ts";
import type { RegistriesConf } from "../../../src/image/registries-conf.ts";

const places = { env: { CURRUNT_ETC: "/nonexistent" }, home: "/nonexistent" };
const empty: RegistriesConf = {
  rules: [],
  searchRegistries: undefined,
  shortNameMode: "permissive",
  aliases: new Map(),
};
const addresses = (name: string, verifyTls?: boolean) =>
  endpointsFor(parseReference(name), { conf: empty, verifyTls, places }).flatMap(({ bases }) =>
    bases.map(String),
  );

describe("endpointsFor()", () => {
  test.each([
    ["a.io/x", ["https://a.io/v2/"]],
    ["busybox", ["https://registry-1.docker.io/v2/"]],
    ["localhost:5000/x", ["http://localhost:5000/v2/", "https://localhost:5000/v2/"]],
    ["localhost/x", ["https://localhost/v2/"]],
    ["10.0.0.1:5000/x", ["https://10.0.0.1:5000/v2/"]],
  ])("%s is asked at %j", (name, expected) => {
    expect(addresses(name)).toEqual(expected);
  });

  test("without verification TLS is tried first all the same", () => {
    expect(addresses("a.io:5000/x", false)).toEqual(["https://a.io:5000/v2/", "http://a.io:5000/v2/"]);
  });

  test("-tls-verify=false is for the named registry, not for its mirrors", () => {
    const mirror = { location: "m.io", insecure: false, pulls: "all" } as const;
    const rule = {
      prefix: "a.io",
      location: "a.io",
      insecure: false,
      blocked: false,
      mirrors: [mirror],
      path: "f",
    };
    const found = endpointsFor(parseReference("a.io/x"), {
      conf: { ...empty, rules: [rule] },
      verifyTls: false,
      places,
    });
    expect(found.map(({ host, insecure, mirror: isMirror }) => ({ host, insecure, isMirror }))).toEqual([
      { host: "m.io", insecure: false, isMirror: true },
      { host: "a.io", insecure: true, isMirror: false },
    ]);
  });
});
