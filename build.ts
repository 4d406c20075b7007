/** Builds currunt: the shim from C with the host's compiler, then the one executable, `dist/currunt`. */
import { mkdirSync, readdirSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import manifest from "./package.json" with { type: "json" };

const root = import.meta.dir;
const shimSources = join(root, "ffi/shim");

/**
 * Static, without libc, without anything that costs a page: the shim is copied into memory at each start of a
 * container. `-fno-tree-loop-distribute-patterns` keeps the compiler from turning our own memset into a call of itself.
 */
const shimFlags = [
  ...["-std=gnu11", "-Os", "-Wall", "-Wextra", "-Werror"],
  ...["-ffreestanding", "-nostdlib", "-static", "-fno-pie", "-no-pie"],
  ...["-fno-stack-protector", "-fno-asynchronous-unwind-tables", "-fno-unwind-tables", "-fno-ident"],
  ...["-fno-tree-loop-distribute-patterns", "-ffunction-sections", "-fdata-sections", "-fomit-frame-pointer"],
  ...["-Wl,--gc-sections", "-Wl,--build-id=none", "-Wl,-z,noseparate-code", "-Wl,-z,noexecstack", "-s"],
];

type Architecture = "x64" | "arm64";

/** Compiles `ffi/shim/*.c` into `out`, unless `out` is newer than every source. Returns whether it compiled. */
export function buildShim(out: string = join(root, "dist/shim"), architecture = hostArchitecture()): boolean {
  const sources = readdirSync(shimSources).map((name) => join(shimSources, name));
  const newest = Math.max(...[...sources, import.meta.path].map(modified));
  if (modified(out) > newest) return false;
  compileC(
    sources.filter((path) => path.endsWith(".c")),
    out,
    architecture,
  );
  return true;
}

/** Compiles freestanding C sources into a static executable; its place is taken by a rename, never half-written. */
export function compileC(sources: string[], out: string, architecture = hostArchitecture()): void {
  const compiler = findCompiler(architecture);
  mkdirSync(join(out, ".."), { recursive: true });
  const temporary = `${out}.${process.pid}`;
  const { exitCode, stderr } = Bun.spawnSync([compiler, ...shimFlags, "-o", temporary, ...sources], {
    stderr: "pipe",
  });
  if (exitCode !== 0)
    throw new Error(`compile the shim with "${compiler}": exit code ${exitCode}\n${stderr}`);
  renameSync(temporary, out);
}

/** `CC`, or the usual names; a cross compiler when the target is not this machine's architecture. */
function findCompiler(architecture: Architecture): string {
  const cross = architecture === "arm64" ? "aarch64-linux-gnu-gcc" : "x86_64-linux-gnu-gcc";
  const native = architecture === hostArchitecture();
  const names = native ? [process.env["CC"] ?? "cc", "gcc", "clang"] : [cross];
  for (const name of names) {
    const path = Bun.which(name);
    if (path !== null) return path;
  }
  const debian = native ? "gcc" : `gcc-${cross.slice(0, -"-gcc".length).replaceAll("_", "-")}`;
  throw new Error(
    `no C compiler for ${architecture} found (looked for ${names.join(", ")})\ninstall one with: apt-get install -y ${debian}`,
  );
}

function hostArchitecture(): Architecture {
  return process.arch === "arm64" ? "arm64" : "x64";
}

/** Modification time in milliseconds; a missing file is older than all. */
function modified(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** The commit that is built, with a plus when the tree differs from it. */
function commit(): string {
  const git = (...args: string[]) => Bun.spawnSync(["git", "-C", root, ...args], { stderr: "ignore" });
  const head = git("rev-parse", "--short=12", "HEAD");
  if (head.exitCode !== 0) return "unknown";
  const changed = git("status", "--porcelain", "--untracked-files=no").stdout.length > 0;
  return `${head.stdout.toString().trim()}${changed ? "+" : ""}`;
}

async function buildExecutable(outfile: string): Promise<void> {
  buildShim();
  await Bun.build({
    entrypoints: [join(root, "src/main.ts")],
    target: "bun",
    format: "esm",
    minify: true,
    bytecode: true,
    sourcemap: "none",
    define: {
      CURRUNT_VERSION: JSON.stringify(manifest.version),
      "process.arch": JSON.stringify(hostArchitecture()),
      CURRUNT_COMMIT: JSON.stringify(commit()),
    },
    compile: {
      outfile,
      // A program that root runs must not take orders from files of the directory it is started in.
      autoloadDotenv: false,
      autoloadBunfig: false,
      autoloadTsconfig: false,
      autoloadPackageJson: false,
    },
  });
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      shim: { type: "boolean", default: false },
      outfile: { type: "string", default: join(root, "dist/currunt") },
    },
  });
  if (values.shim) buildShim();
  else await buildExecutable(values.outfile);
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    console.error(error instanceof AggregateError ? error.errors.map(String).join("\n") : String(error));
    process.exitCode = 1;
  }
}
