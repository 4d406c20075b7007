/**
 * Builds currunt: the shim from C with the host's compiler, then the one executable, `dist/currunt`.
 *
 * What makes a compiled Bun start fast (Bun 1.4.5, x86-64):
 * - Few files, each with little that is not needed. A module behind `await import()` is run when it is first asked for, but
 *   a millisecond for each 80 KB of its file is spent before; with `splitting`, on the other hand, a `run` loads 56 chunks
 *   for 40 µs each. So `parts` (below) are bundled one by one. For a `run`: 38.8 ms in one file, 35.4 split, 30.4 in parts.
 * - `bytecode` halves the cost of what is loaded. `minify` then matters little.
 * - The first instructions (`ffi/entry/entry.c`) tell the engine not to compile at once: 20 %. `--smol` and profile-guided
 *   bytecode order make no difference that can be told from noise.
 * - Page faults, which some hypervisors make ten times dearer than others, are avoided by large pages: of the engine's memory
 *   (entry.c) and of the file, whose segments lie as the kernel must have them for that (`ffi/entry/align.ts`), and which is
 *   written in one piece (below). 1760 faults become 270; where one costs 10 µs, a `run` goes from 54 to 32 ms.
 *
 * A worker is `new Worker(new URL("./some-worker.ts", import.meta.url))`, from the sources and compiled: every
 * `src/**\/*-worker.ts` becomes an entry point, and all entry points lie in one folder of the executable.
 */
import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { BunPlugin } from "bun";
import type { Architecture } from "./ffi/compile.ts";
import { buildEntry, buildGunzip, buildShim, hostArchitecture, modified } from "./ffi/compile.ts";
import { alignSegments } from "./ffi/entry/align.ts";
import { installEntry } from "./ffi/entry/install.ts";
import manifest from "./package.json" with { type: "json" };
import { parts } from "./parts.ts";

const root = import.meta.dir;

interface Target {
  /** Bun's name for it. */
  bun: Bun.Build.CompileTarget;
  architecture: Architecture;
  /** The npm package that carries Bun for this target. */
  runtime: string;
}

const targets: Record<string, Target> = {
  "linux-x64": { bun: "bun-linux-x64", architecture: "x64", runtime: "bun-linux-x64" },
  "linux-arm64": { bun: "bun-linux-arm64", architecture: "arm64", runtime: "bun-linux-aarch64" },
  "linux-x64-musl": { bun: "bun-linux-x64-musl", architecture: "x64", runtime: "bun-linux-x64-musl" },
  "linux-arm64-musl": {
    bun: "bun-linux-arm64-musl",
    architecture: "arm64",
    runtime: "bun-linux-aarch64-musl",
  },
};

/** True when the Bun that runs this asks for musl's loader. */
function hostIsMusl(): boolean {
  const head = Buffer.alloc(4096);
  const file = openSync(process.execPath, "r");
  readSync(file, head);
  closeSync(file);
  return head.includes("/ld-musl-");
}

function run(action: string, command: string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync(command, { stdout: "pipe", stderr: "pipe" });
  if (exitCode !== 0) throw new Error(`${action}: exit code ${exitCode}\n${stderr}`);
  return stdout.toString().trim();
}

/** The commit that is built, with a plus when the tree differs from it. */
function commit(): string {
  const git = (...args: string[]) => Bun.spawnSync(["git", "-C", root, ...args], { stderr: "ignore" });
  if (Bun.which("git") === null) return "unknown";
  const head = git("rev-parse", "--short=12", "HEAD");
  if (head.exitCode !== 0) return "unknown";
  const changed = git("status", "--porcelain", "--untracked-files=no").stdout.length > 0;
  return `${head.stdout.toString().trim()}${changed ? "+" : ""}`;
}

/** Path of Bun's executable for another target: the npm package of the very version that runs here, kept in `dist`. */
function fetchRuntime(name: string): string {
  const folder = join(root, "dist/runtime", `${name}-${Bun.version}`);
  const path = join(folder, "package/bin/bun");
  if (modified(path) > 0) return path;
  const source = `@oven/${name}@${Bun.version}`;
  const temporary = `${folder}.${process.pid}`;
  mkdirSync(temporary, { recursive: true });
  try {
    const archive = run(`npm pack ${source}`, [
      "npm",
      "pack",
      "--silent",
      "--pack-destination",
      temporary,
      source,
    ]);
    run(`unpack ${archive}`, ["tar", "-xzf", join(temporary, archive), "-C", temporary]);
    rmSync(join(temporary, archive));
    rmSync(folder, { recursive: true, force: true });
    renameSync(temporary, folder);
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    throw new Error(
      `cannot get Bun ${Bun.version} for this target: it comes from the npm registry, which needs a network\n${error}`,
    );
  }
  return path;
}

/** The sources import `dist/shim`; a build for another target takes that target's. */
function useShim(path: string): BunPlugin {
  return {
    name: "shim",
    setup: (build) => {
      build.onResolve({ filter: /\/dist\/shim$/ }, () => ({ path }));
    },
  };
}

/** Has `import()` of a part load its file. */
const keepParts: BunPlugin = {
  name: "parts",
  setup: (build) => {
    build.onResolve({ filter: /^\..*\.ts$/ }, ({ path, importer, kind }) => {
      if (kind !== "dynamic-import" || !parts.includes(resolve(dirname(importer), path))) return undefined;
      // All entry points lie in one folder.
      return { path: `/$bunfs/root/${basename(path, ".ts")}.js`, external: true };
    });
  },
};

/**
 * What `seccomp-ready.ts` and `seccomp-foreseen.ts` have in stock: the default profile's filters for containers with the default
 * capabilities, one more, none or all. Compiling one takes as long as all else at a container's start.
 */
async function readyFilters(architecture: Architecture): Promise<Record<string, string>> {
  const [{ compileSeccomp }, { filterKey }, { defaultSeccompProfile }, capability] = await Promise.all([
    import("./src/runtime/seccomp.ts"),
    import("./src/runtime/seccomp-ready.ts"),
    import("./src/runtime/seccomp-profile.ts"),
    import("./src/runtime/capability.ts"),
  ]);
  const { adjustCapabilities, capabilityNames, defaultCapabilities } = capability;
  const sets = [
    adjustCapabilities({ add: [], drop: ["ALL"] }),
    adjustCapabilities({ add: ["ALL"], drop: [] }),
    ...capabilityNames.map((name) => adjustCapabilities({ add: [name], drop: [] })),
  ];
  const machine = architecture === "arm64" ? "aarch64" : "x86_64";
  const program = (names: readonly string[]) =>
    compileSeccomp(defaultSeccompProfile(names, machine), machine).toBase64();
  const usual = { key: filterKey(defaultCapabilities), program: program(defaultCapabilities) };
  const foreseen = Object.fromEntries(sets.map((names) => [filterKey(names), program(names)]));
  return {
    CURRUNT_DEFAULT_FILTER: JSON.stringify(usual),
    CURRUNT_FORESEEN_FILTERS: JSON.stringify(foreseen),
  };
}

/** Compiles `src/main.ts`, its workers and the shim into one executable at `outfile`. */
async function buildExecutable(name: string, outfile: string): Promise<void> {
  const target = targets[name];
  if (target === undefined)
    throw new Error(`unknown target "${name}": use one of ${Object.keys(targets).join(", ")}`);
  const native = name === hostTarget();
  const shim = native ? join(root, "dist/shim") : join(root, "dist/runtime", `shim-${target.architecture}`);
  buildShim(shim, target.architecture);
  const gunzip = native
    ? join(root, "dist/gunzip")
    : join(root, "dist/runtime", `gunzip-${target.architecture}`);
  buildGunzip(gunzip, target.architecture);
  const entry = buildEntry(target.architecture);
  const workers = [...new Bun.Glob("src/**/*-worker.ts").scanSync(root)].sort();
  const temporary = `${outfile}.${process.pid}`;
  await Bun.build({
    entrypoints: [join(root, "src/main.ts"), ...parts, ...workers.map((path) => join(root, path))],
    naming: { entry: "[name].[ext]" },
    target: "bun",
    format: "esm",
    minify: true,
    bytecode: true,
    sourcemap: "none",
    plugins: [useShim(shim), keepParts],
    define: {
      "process.arch": JSON.stringify(target.architecture),
      CURRUNT_VERSION: JSON.stringify(manifest.version),
      CURRUNT_GUNZIP: JSON.stringify(readFileSync(gunzip).toString("base64")),
      ...(await readyFilters(target.architecture)),
      CURRUNT_COMMIT: JSON.stringify(commit()),
    },
    compile: {
      outfile: temporary,
      target: target.bun,
      executablePath: native ? process.execPath : fetchRuntime(target.runtime),
      // A program that root runs must not take orders from files of the directory it is started in, nor run code
      // that is not part of it.
      autoloadDotenv: false,
      autoloadBunfig: false,
      autoloadTsconfig: false,
      autoloadPackageJson: false,
      execArgv: ["--disallow-code-generation-from-strings=strict", "--no-addons"],
    },
  });
  const program = installEntry(alignSegments(readFileSync(temporary)), entry, readFileSync(shim));
  rmSync(temporary);
  // In one piece: what is written in small ones is cached, and mapped, in small ones.
  writeFileSync(temporary, program, { mode: 0o755 });
  renameSync(temporary, outfile);
}

function hostTarget(): string {
  return `linux-${hostArchitecture()}${hostIsMusl() ? "-musl" : ""}`;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      shim: { type: "boolean", default: false },
      target: { type: "string", default: hostTarget() },
      outfile: { type: "string" },
    },
  });
  const suffix = values.target === hostTarget() ? "" : `-${values.target}`;
  if (values.shim) {
    buildShim();
    buildGunzip();
  } else await buildExecutable(values.target, values.outfile ?? join(root, `dist/currunt${suffix}`));
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    console.error(error instanceof AggregateError ? error.errors.map(String).join("\n") : String(error));
    process.exitCode = 1;
  }
}
