import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseReference } from "../../../src/image/reference.ts";
import {
  loadRegistriesConf,
  parseRegistriesConf,
  relocate,
  ruleFor,
} from "../../../src/image/registries-conf.ts";

const root = mkdtempSync(join(tmpdir(), "currunt-registries-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let home = "";
let serial = 0;
beforeEach(() => {
  home = join(root, String(serial++));
});
const load = (env: Record<string, string> = {}) =>
  loadRegistriesConf({ env: { CURRUNT_ETC: join(home, "etc"), ...env }, home });
function write(path: string, text: string): string {
  mkdirSync(dirname(join(home, path)), { recursive: true });
  writeFileSync(join(home, path), text);
  return join(home, path);
}

describe("loadRegistriesConf()", () => {
  test("finds nothing where there is nothing", () => {
    expect(load()).toEqual({
      rules: [],
      searchRegistries: undefined,
      shortNameMode: "permissive",
      aliases: new Map(),
    });
  });

  test("takes drop-ins in their order over the main file, the user's last; an empty alias takes one away", () => {
    write(
      "etc/containers/registries.conf",
      'unqualified-search-registries = ["a.io"]\n[aliases]\nx = "a.io/x"\ny = "a.io/y"\n[[registry]]\nlocation = "q.io"\n',
    );
    write("etc/containers/registries.conf.d/2.conf", 'unqualified-search-registries = ["b.io"]\n');
    write(
      "etc/containers/registries.conf.d/1.conf",
      '[aliases]\nx = ""\n[[registry]]\nlocation = "q.io"\nblocked = true\n',
    );
    write("etc/containers/registries.conf.d/3.off", "not TOML at all [");
    write(".config/containers/registries.conf.d/0.conf", 'short-name-mode = "enforcing"\n');
    const { rules, searchRegistries, aliases, shortNameMode } = load();
    expect(searchRegistries).toEqual(["b.io"]);
    expect(shortNameMode).toBe("enforcing");
    expect([...aliases]).toEqual([["y", "a.io/y"]]);
    expect(rules.map(({ prefix, blocked }) => [prefix, blocked])).toEqual([["q.io", true]]);
  });

  test("takes the user's main file instead of the system's, and the one that the environment names instead of both", () => {
    write("etc/containers/registries.conf", 'unqualified-search-registries = ["system.io"]\n');
    write(".config/containers/registries.conf", 'unqualified-search-registries = ["user.io"]\n');
    expect(load().searchRegistries).toEqual(["user.io"]);
    const path = write("other.conf", "");
    expect(load({ CONTAINERS_REGISTRIES_CONF: path }).searchRegistries).toBeUndefined();
    const directory = dirname(write("drop/1.conf", 'unqualified-search-registries = ["drop.io"]\n'));
    expect(load({ CONTAINERS_REGISTRIES_CONF_DIR: directory }).searchRegistries).toEqual(["drop.io"]);
  });

  test("understands version 1", () => {
    write(
      "etc/containers/registries.conf",
      "[registries.search]\nregistries = ['a.io']\n[registries.insecure]\nregistries = ['b.io']\n[registries.block]\nregistries = ['c.io']\n",
    );
    const { rules, searchRegistries } = load();
    expect(searchRegistries).toEqual(["a.io"]);
    expect(rules.map(({ prefix, insecure, blocked }) => ({ prefix, insecure, blocked }))).toEqual([
      { prefix: "b.io", insecure: true, blocked: false },
      { prefix: "c.io", insecure: false, blocked: true },
    ]);
  });

  test.each([
    ["[[registry]]\ninsecure = true\n", "no prefix and no location"],
    ['[[registry]]\nlocation = "a.io"\ninsecure = "yes"\n', "registry.0.insecure"],
    [
      '[[registry]]\nlocation = "a.io"\n[[registry.mirror]]\nlocation = "b"\npull-from-mirror = "often"\n',
      "pull-from-mirror",
    ],
    ["registry = [", "not TOML"],
  ])("refuses %j and says where", (text, message) => {
    const path = write("etc/containers/registries.conf", text);
    expect(() => load()).toThrow(message);
    expect(() => load()).toThrow(path);
  });
});

test("parseRegistriesConf() takes every key of the format that it has no use for", () => {
  const text =
    'credential-helpers = ["x"]\nadditional-layer-store-auth-helper = "y"\n[[registry]]\nlocation = "a.io"\n';
  expect(parseRegistriesConf(text, "f").registry.length).toBe(1);
});

describe("ruleFor()", () => {
  const conf = (...prefixes: string[]) => {
    write(
      "etc/containers/registries.conf",
      prefixes.map((prefix) => `[[registry]]\nprefix = "${prefix}"\nlocation = "x"\n`).join(""),
    );
    return load();
  };
  const prefixFor = (name: string, ...prefixes: string[]) =>
    ruleFor(conf(...prefixes), parseReference(name))?.prefix;

  test.each([
    ["a.io/b/c", "a.io/b"],
    ["a.io/bc/d", "a.io"],
    ["a.io/b:1", "a.io/b:1"],
    ["a.io/b:2", "a.io/b"],
    ["b.a.io/x", "*.a.io"],
    ["a.io:5000/x", undefined],
    ["busybox", "docker.io/library"],
    ["docker.io/user/x", "docker.io"],
  ])("%s has the rule of %s", (name, prefix) => {
    expect(prefixFor(name, "a.io", "a.io/b", "a.io/b:1", "*.a.io", "docker.io", "docker.io/library")).toBe(
      prefix,
    );
  });
});

test.each([
  ["a.io/team/app", "a.io", "m.io/copy", "m.io/copy/team/app"],
  ["a.io/team/app", "a.io/team", "m.io", "m.io/app"],
  ["a.io/team/app", "a.io/team/app", "m.io/x", "m.io/x"],
  ["b.a.io/app", "*.a.io", "m.io", "m.io/app"],
  ["b.a.io/app", "*.a.io", "", "b.a.io/app"],
  ["a.io/app:1", "a.io/app:1", "m.io/x", "m.io/x"],
])("relocate() puts %s, by the rule of %s to %j, at %s", (name, prefix, location, place) => {
  expect(relocate(parseReference(name), prefix, location)).toBe(place);
});
