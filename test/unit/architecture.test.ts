/** Who may import whom, and what the tree may look like: design rules that a reader can rely on, because this fails otherwise. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

const root = join(import.meta.dir, "../..");

/** A folder may import itself and these. Nothing imports `test`. */
const mayImport: Record<string, readonly string[]> = {
  "src/main.ts": ["src/cli", "src/cri", "src/base"],
  "src/cli": ["src/engine", "src/base"],
  "src/cri": ["src/engine", "src/base"],
  "src/engine": ["src/image", "src/network", "src/runtime", "src/sys", "src/base"],
  "src/image": ["src/sys", "src/base"],
  "src/network": ["src/sys", "src/base"],
  "src/runtime": ["src/sys", "src/base"],
  "src/sys": ["ffi", "src/base"],
  "src/base": [],
  ffi: [],
};

/** Edges beside the table, by file: pattern of the importer, pattern of the imported, and why. */
const exceptions: readonly (readonly [from: RegExp, to: RegExp, reason: string])[] = [
  [/^src\/cli\/oci/, /^src\/runtime\//, "the OCI commands are the runtime's own command line"],
  [
    /^src\/(runtime|image|network|engine)\//,
    /^ffi\/kernel\.ts$/,
    "constants and layouts: nothing in it calls",
  ],
  [/^src\/runtime\//, /^ffi\/plan(-text)?\.ts$/, "the runtime's product, plain data"],
];

/** Tables, which may be longer than 300 lines. */
const tables = new Set([
  "src/cli/commands.ts",
  "ffi/kernel.ts",
  "ffi/libc.ts",
  "ffi/shim/types.h",
  "src/runtime/syscalls.ts",
  "src/cri/schema.ts",
]);

const topLevel = new Set(
  "package.json package-lock.json tsconfig.json bunfig.toml src ffi test build.ts parts.ts README.md LICENSE".split(
    " ",
  ),
);

type Files = ReadonlyMap<string, string>;

/** Everything that git tracks or would track. */
function listFiles(): string[] {
  const git = Bun.spawnSync(["git", "ls-files", "--cached", "--others", "--exclude-standard"], { cwd: root });
  return git.stdout.toString().trim().split("\n");
}

function readSources(): Files {
  const paths = listFiles().filter((path) => /^(src|ffi)\/.*\.(ts|c|h)$/.test(path));
  return new Map(
    paths.flatMap((path): [string, string][] => {
      try {
        return [[path, readFileSync(join(root, path), "utf8")]];
      } catch {
        // Deleted in the work tree, and not yet in the index.
        return [];
      }
    }),
  );
}

/** The modules that `source` names when it is loaded: static, type-only, side-effect imports and re-exports. */
function staticImportsOf(source: string): string[] {
  const patterns = [/^(?:import|export)\b[^;"']*?\bfrom\s*"([^"]+)"/gm, /^import\s*"([^"]+)"/gm];
  return patterns.flatMap((pattern) => [...source.matchAll(pattern)].map((match) => match[1] ?? ""));
}

/** Those, and the modules that it loads later. */
function importsOf(source: string): string[] {
  const later = [...source.matchAll(/\bimport\(\s*"([^"]+)"/g)].map((match) => match[1] ?? "");
  return [...staticImportsOf(source), ...later];
}

/** Of the modules that `path` names, our own files, as paths from the root. */
function ownFiles(path: string, modules: string[]): string[] {
  return modules.filter((name) => name.startsWith(".")).map((name) => normalize(join(dirname(path), name)));
}

function folderOf(path: string): string {
  if (path === "src/main.ts") return path;
  return path.startsWith("src/") ? path.split("/").slice(0, 2).join("/") : (path.split("/")[0] ?? "");
}

function forbiddenImports(files: Files): string[] {
  return [...files].flatMap(([path, source]) => {
    const from = folderOf(path);
    const allowed = [from, ...(mayImport[from] ?? [])];
    const isExcepted = (to: string) => exceptions.some(([a, b]) => a.test(path) && b.test(to));
    return ownFiles(path, importsOf(source))
      .filter((to) => /^(src|ffi|test)\/|^[^/]+\.ts$/.test(to))
      .filter((to) => !allowed.includes(folderOf(to)) && !isExcepted(to))
      .map((to) => `${path} imports ${to}: ${from} may import ${allowed.join(", ")}`);
  });
}

function ffiOutside(files: Files): string[] {
  return [...files].flatMap(([path, source]) =>
    importsOf(source).includes("bun:ffi") && !path.startsWith("ffi/") ? [`${path} imports bun:ffi`] : [],
  );
}

/** Each cycle once, as a chain of files. What is loaded later ends a chain: a table of commands names what uses it. */
function cycles(files: Files): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, chain: string[]): void => {
    const start = chain.indexOf(path);
    if (start >= 0) found.push([...chain.slice(start), path].join(" -> "));
    if (start >= 0 || done.has(path)) return;
    for (const next of ownFiles(path, staticImportsOf(files.get(path) ?? ""))) visit(next, [...chain, path]);
    done.add(path);
  };
  for (const path of files.keys()) visit(path, []);
  return found;
}

function barrels(files: Files): string[] {
  return [...files].flatMap(([path, source]) => [
    ...(/(^|\/)index\.ts$/.test(path) ? [`${path} is a barrel by its name`] : []),
    ...[...source.matchAll(/^export\b[^;"'=(]*\bfrom\s*"[^"]+"/gm)].map(
      ([text]) => `${path} passes on another file: ${text}`,
    ),
  ]);
}

function forbiddenNames(paths: Iterable<string>): string[] {
  return [...paths].filter((path) => /(^|[/_.-])(utils?|helpers?|common|managers?)([/_.-]|$)/i.test(path));
}

function tooLong(files: Files): string[] {
  return [...files].flatMap(([path, source]) => {
    const lines = source.split("\n").length - 1;
    return lines > 300 && !tables.has(path)
      ? [`${path} has ${lines} lines: 300 at most, or it has two jobs`]
      : [];
  });
}

/** A source must open by saying what the file is. */
function withoutOpening(files: Files): string[] {
  return [...files].filter(([, source]) => !/^(\/\*\*|\/\/|\/\*)\s*\S?/.test(source)).map(([path]) => path);
}

describe("the checks find", () => {
  const tree = (sources: Record<string, string>): Files => new Map(Object.entries(sources));

  test("an import against the table, also of a type, and of a module that is loaded later", () => {
    const files = tree({
      "src/image/a.ts": 'import type {\n  Spec,\n} from "../runtime/spec.ts";',
      "src/cli/b.ts": 'const x = await import("../sys/fd.ts");',
      "src/sys/c.ts": 'import "../engine/engine.ts";\nimport { libc } from "../../ffi/libc.ts";',
      "src/runtime/d.ts":
        'import { libc } from "../../ffi/libc.ts";\nimport { X } from "../../ffi/kernel.ts";',
      "ffi/e.ts": 'import { wrap } from "../src/base/error.ts";',
      "src/cli/oci.ts": 'import { create } from "../runtime/create.ts";',
      "src/base/f.ts":
        'import { x } from "../../test/fixtures/x.ts";\nimport { buildShim } from "../../build.ts";',
    });
    expect(forbiddenImports(files).map((text) => text.replace(/:.*/, ""))).toEqual([
      "src/image/a.ts imports src/runtime/spec.ts",
      "src/cli/b.ts imports src/sys/fd.ts",
      "src/sys/c.ts imports src/engine/engine.ts",
      "src/runtime/d.ts imports ffi/libc.ts",
      "ffi/e.ts imports src/base/error.ts",
      "src/base/f.ts imports test/fixtures/x.ts",
      "src/base/f.ts imports build.ts",
    ]);
  });

  test("bun:ffi outside ffi", () => {
    const files = tree({
      "src/sys/a.ts": 'import { ptr } from "bun:ffi";',
      "ffi/b.ts": 'import { ptr } from "bun:ffi";',
    });
    expect(ffiOutside(files)).toEqual(["src/sys/a.ts imports bun:ffi"]);
  });

  test("a cycle", () => {
    const files = tree({
      "src/sys/a.ts": 'import { b } from "./b.ts";',
      "src/sys/b.ts": 'import type { C } from "./c.ts";',
      "src/sys/c.ts": 'import { a } from "./b.ts";\nconst later = () => import("./a.ts");',
    });
    expect(cycles(files)).toEqual(["src/sys/b.ts -> src/sys/c.ts -> src/sys/b.ts"]);
  });

  test("barrels", () => {
    const files = tree({
      "src/sys/index.ts": "",
      "src/sys/a.ts": 'export { b } from "./b.ts";\nexport * from "./c.ts";\nexport const text = "from";',
    });
    expect(barrels(files)).toHaveLength(3);
  });

  test("words that name nothing", () => {
    const paths = [
      "src/utils.ts",
      "src/sys/fd-helper.ts",
      "src/common/x.ts",
      "src/engine/manager.ts",
      "src/image/pull.ts",
    ];
    expect(forbiddenNames(paths)).toEqual(paths.slice(0, 4));
  });

  test("files that are too long", () => {
    expect(tooLong(tree({ "src/a.ts": "\n".repeat(301), "src/b.ts": "\n".repeat(300) }))).toHaveLength(1);
  });
});

describe("the tree", () => {
  const files = readSources();

  test("imports in one direction only", () => expect(forbiddenImports(files)).toEqual([]));
  test("imports bun:ffi in ffi only", () => expect(ffiOutside(files)).toEqual([]));
  test("has no import cycles", () => expect(cycles(files)).toEqual([]));
  test("has no barrels", () => expect(barrels(files)).toEqual([]));
  test("has no file longer than 300 lines but tables", () => expect(tooLong(files)).toEqual([]));
  test("says in each file what it is", () => expect(withoutOpening(files)).toEqual([]));
  test("has no names that mean nothing", () => expect(forbiddenNames(listFiles())).toEqual([]));
  test("has nothing else at its top", () => {
    const names = new Set(listFiles().map((path) => path.split("/")[0] ?? ""));
    expect([...names].filter((name) => !name.startsWith(".") && !topLevel.has(name))).toEqual([]);
  });
  test("knows every folder of the sources", () => {
    expect([...new Set([...files.keys()].map(folderOf))].filter((name) => !(name in mayImport))).toEqual([]);
  });
});
