import { describe, expect, test } from "bun:test";
import { CurruntError } from "../../../src/base/error.ts";
import { familiarReference, formatReference, parseReference } from "../../../src/image/reference.ts";

const hex = "0123456789abcdef".repeat(4);
const digest = `sha256:${hex}`;

describe("parseReference()", () => {
  const good: [text: string, whole: string, familiar: string][] = [
    ["busybox", "docker.io/library/busybox:latest", "busybox:latest"],
    ["busybox:1.36", "docker.io/library/busybox:1.36", "busybox:1.36"],
    ["library/busybox", "docker.io/library/busybox:latest", "busybox:latest"],
    ["docker.io/busybox", "docker.io/library/busybox:latest", "busybox:latest"],
    ["index.docker.io/a/b", "docker.io/a/b:latest", "a/b:latest"],
    ["registry-1.docker.io/a/b", "docker.io/a/b:latest", "a/b:latest"],
    ["grafana/loki:3", "docker.io/grafana/loki:3", "grafana/loki:3"],
    ["quay.io/a/b/c/d", "quay.io/a/b/c/d:latest", "quay.io/a/b/c/d:latest"],
    ["localhost/a", "localhost/a:latest", "localhost/a:latest"],
    ["localhost:5000/a:b", "localhost:5000/a:b", "localhost:5000/a:b"],
    ["HOST/a", "HOST/a:latest", "HOST/a:latest"],
    ["[::1]:5000/a", "[::1]:5000/a:latest", "[::1]:5000/a:latest"],
    ["10.0.0.1:80/a__b-c.d/e--f", "10.0.0.1:80/a__b-c.d/e--f:latest", "10.0.0.1:80/a__b-c.d/e--f:latest"],
    // Without its registry or namespace it would be another one.
    ["docker.io/a.b/c", "docker.io/a.b/c:latest", "docker.io/a.b/c:latest"],
    [`library/${hex}`, `docker.io/library/${hex}:latest`, `library/${hex}:latest`],
    [`a@${digest}`, `docker.io/library/a@${digest}`, `a@${digest}`],
    [`quay.io/a/b:t@${digest}`, `quay.io/a/b:t@${digest}`, `quay.io/a/b:t@${digest}`],
    [`a:${"x".repeat(128)}`, `docker.io/library/a:${"x".repeat(128)}`, `a:${"x".repeat(128)}`],
    [hex.slice(1), `docker.io/library/${hex.slice(1)}:latest`, `${hex.slice(1)}:latest`],
  ];
  for (const [text, whole, familiar] of good) {
    test(`reads ${text.slice(0, 60)}`, () => {
      const reference = parseReference(text);
      expect(formatReference(reference)).toBe(whole);
      expect(familiarReference(reference)).toBe(familiar);
      expect(parseReference(whole)).toEqual(reference);
      expect(parseReference(familiar)).toEqual(reference);
    });
  }

  const bad: [text: string, message: RegExp, hint: RegExp][] = [
    ["", /empty/, /busybox/],
    ["https://quay.io/a", /looks like a URL/, /leave out "https:\/\/"/],
    ["Busybox", /upper-case letter in "Busybox"/, /try "busybox"/],
    ["quay.io/Team/app", /upper-case letter in "Team"/, /try "quay.io\/team\/app"/],
    ["a//b", /empty part/, /doubled slash/],
    ["/a", /empty part|bad/, /./],
    ["a/", /empty part/, /./],
    ["quay.io/", /empty part/, /./],
    ["a:", /bad tag ""/, /1 to 128/],
    ["a:b c", /bad tag "b c"/, /1 to 128/],
    ["a:-x", /bad tag/, /./],
    [`a:${"x".repeat(129)}`, /bad tag/, /./],
    ["a b", /bad repository part "a b"/, /./],
    ["a..b", /bad repository part/, /./],
    ["../etc", /bad/, /./],
    ["a@sha256:12", /digest "sha256:12"/, /64 lower-case/],
    [`a@sha256:${hex.toUpperCase()}`, /not a digest/, /./],
    [`a@md5:${hex}`, /unsupported algorithm/, /sha256/],
    [`a@sha256:${hex}@sha256:${hex}`, /not a digest/, /./],
    [hex, /image ID/, /./],
    ["quay.io:99999/a", /bad port/, /65535/],
    ["[a:b]/c", /bad registry host "\[a:b\]"/, /no address/],
    ["registry.5000/c", /bad registry host "registry.5000"/, /no address/],
    ["-x.io/a", /bad registry host "-x.io"/, /HOST/],
    [`quay.io/${"a/".repeat(130)}b`, /longer than 255/, /shorter/],
  ];
  for (const [text, message, hint] of bad) {
    test(`rejects ${JSON.stringify(text.slice(0, 40))} and says why`, () => {
      let error: unknown;
      try {
        parseReference(text);
      } catch (thrown) {
        error = thrown;
      }
      if (!(error instanceof CurruntError)) throw new Error("it was taken");
      expect(error.message).toMatch(message);
      expect(error.hint).toMatch(hint);
    });
  }
});
