/** Compiles the C that belongs to the executable, with the host's compiler: the shim, and the code before Bun's own. */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { flatCode } from "./entry/install.ts";

const root = join(import.meta.dir, "..");

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

/** Code that runs wherever it is put, its constants right behind it: one segment. */
const entryFlags = ["-fpie", "-fvisibility=hidden", "-Wl,-N"];

export type Architecture = "x64" | "arm64";

/** Compiles `ffi/shim/*.c` into `out`, unless `out` is newer than every source. Returns whether it compiled. */
export function buildShim(out: string = join(root, "dist/shim"), architecture = hostArchitecture()): boolean {
  const folder = join(root, "ffi/shim");
  const sources = readdirSync(folder).map((name) => join(folder, name));
  const newest = Math.max(...[...sources, import.meta.path].map(modified));
  if (modified(out) > newest) return false;
  const units = sources.filter((path) => path.endsWith(".c"));
  compileC(units, out, architecture);
  return true;
}

/**
 * Compiles freestanding C sources into a static executable, or what `flags` say; its place is taken by a rename, never
 * half-written.
 */
export function compileC(
  sources: string[],
  out: string,
  architecture = hostArchitecture(),
  flags: readonly string[] = [],
): void {
  const compiler = findCompiler(architecture);
  mkdirSync(dirname(out), { recursive: true });
  const temporary = `${out}.${process.pid}`;
  const command = [compiler, ...shimFlags, ...flags, "-o", temporary, ...sources];
  const { exitCode, stderr } = Bun.spawnSync(command, { stdout: "ignore", stderr: "pipe" });
  if (exitCode !== 0) throw new Error(`compile C with "${compiler}": exit code ${exitCode}\n${stderr}`);
  renameSync(temporary, out);
}

/** `CC`, or the usual names; a cross compiler when the target is not this machine's architecture. */
function findCompiler(architecture: Architecture): string {
  const cross = architecture === "arm64" ? "aarch64-linux-gnu-gcc" : "x86_64-linux-gnu-gcc";
  const native = architecture === hostArchitecture();
  const names = native ? [process.env["CC"] ?? "cc", "gcc", "clang"] : [cross];
  for (const name of names) {
    const path = Bun.which(name, { PATH: process.env["PATH"] ?? "" });
    if (path !== null) return path;
  }
  const debian = native ? "gcc" : `gcc-${cross.slice(0, -"-gcc".length).replaceAll("_", "-")}`;
  throw new Error(
    `no C compiler for ${architecture} found (looked for ${names.join(", ")})\ninstall one with: apt-get install -y ${debian}`,
  );
}

/** What this machine is. */
export function hostArchitecture(): Architecture {
  return process.arch === "arm64" ? "arm64" : "x64";
}

/** The code that runs before Bun's own (`ffi/entry/entry.c`), which must not depend on the `address` it is linked for. */
export function buildEntry(architecture = hostArchitecture(), address = 0): Buffer {
  const out = join(root, "dist", `entry-${architecture}.${process.pid}`);
  // entry.c first: the code begins with its first instruction.
  const names = ["entry.c", "settle.c", "shim.c", "command.c", "brief.c", "text.c", "pages.c"].map(
    (name) => `ffi/entry/${name}`,
  );
  const sources = [...names, "ffi/shim/memory.c"].map((path) => join(root, path));
  compileC(sources, out, architecture, [...entryFlags, `-Wl,-Ttext=0x${address.toString(16)}`]);
  const program = readFileSync(out);
  rmSync(out);
  return flatCode(program);
}

/**
 * Compiles `ffi/gunzip/*.c` into the flat code `out`, for speed, unless that is newer than every source. It must not depend on the
 * `address` it is linked for.
 */
export function buildGunzip(
  out: string = join(root, "dist/gunzip"),
  architecture = hostArchitecture(),
  address = 0,
): void {
  const folder = join(root, "ffi/gunzip");
  const sources = readdirSync(folder).map((name) => join(folder, name));
  const newest = Math.max(...[...sources, import.meta.path].map(modified));
  if (modified(out) > newest) return;
  const program = `${out}.elf.${process.pid}`;
  const units = sources.filter((path) => path.endsWith(".c"));
  // The compiler's own functions for atomic steps are not there.
  const own = architecture === "arm64" ? ["-mno-outline-atomics"] : [];
  compileC(units, program, architecture, [
    ...entryFlags,
    ...own,
    `-Wl,-Ttext=0x${address.toString(16)}`,
    "-O2",
  ]);
  const code = flatCode(readFileSync(program));
  rmSync(program);
  writeFileSync(`${out}.${process.pid}`, code);
  renameSync(`${out}.${process.pid}`, out);
}

/** Modification time in milliseconds; a missing file is older than all. */
export function modified(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
