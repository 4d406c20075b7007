/** Copies files between a container and the host, or an archive on the standard streams. */
import { CurruntError, wrap } from "../base/error.ts";
import { decompress } from "../image/decompress.ts";
import { TarParser } from "../image/tar.ts";
import { archiveEntry, archiveTree } from "../image/tree-archive.ts";
import { TreeWriter } from "../image/tree-writer.ts";
import { failedWith } from "../sys/error.ts";
import { duplicate } from "../sys/fd.ts";
import { openat, openInRoot, readSome } from "../sys/file.ts";
import { standardOutput } from "../sys/output-file.ts";
import { openFiles } from "./container-files.ts";
import type { Context } from "./context.ts";
import type { Files, Source } from "./copy-end.ts";
import { findSource, findTarget } from "./copy-end.ts";
import type { CopyEnd, CopyOptions } from "./file-options.ts";

/** Copies `from` to `to`; one of them is in a container. */
export async function copyFiles(
  context: Context,
  from: CopyEnd,
  to: CopyEnd,
  options: CopyOptions,
): Promise<void> {
  try {
    using held = new DisposableStack();
    if (from.kind === "stream") return await unpackStream(await open(context, to, held), to, options, held);
    const source = findSource(await open(context, from, held), pathOf(from), options.follow);
    held.use(source.directory);
    if (to.kind === "stream") return writeStream(archiveOf(source, source.title));
    const target = findTarget(await open(context, to, held), pathOf(to), source);
    using writer = new TreeWriter(held.use(target.directory), options);
    const parser = new TarParser(writer);
    for (const piece of archiveOf(source, target.name)) parser.push(piece);
    parser.end();
    writer.finish();
  } catch (error) {
    // Nobody reads it any more.
    if (failedWith(error, "EPIPE")) throw error;
    throw wrap(error, `copy ${describe(from)} to ${describe(to)}`);
  }
}

/** An archive of the source under a name, or of what is in it. */
function archiveOf({ directory, name }: Source, as: string | undefined): Generator<Buffer, void> {
  const isContent = as === undefined || as === "" || as === "." || as === "..";
  if (isContent && name === undefined) return archiveTree({ content: directory });
  return archiveEntry(directory, Buffer.from(name ?? "."), Buffer.from(as ?? name ?? "").toString("latin1"));
}

async function open(context: Context, end: CopyEnd, held: DisposableStack): Promise<Files> {
  if (end.kind !== "container") return { open: (path, flags) => openat(undefined, path, flags) };
  const { root } = held.use(await openFiles(context, context.containers.get(end.container)));
  return { open: (path, flags) => openInRoot(root, path, flags) };
}

function pathOf(end: CopyEnd): string {
  return end.kind === "stream" ? "" : end.path;
}

function writeStream(archive: Iterable<Uint8Array>): void {
  using output = standardOutput();
  for (const piece of archive) output.write(piece);
  output.finish();
}

async function unpackStream(
  files: Files,
  to: CopyEnd,
  options: CopyOptions,
  held: DisposableStack,
): Promise<void> {
  const target = findTarget(files, pathOf(to), { isDirectory: true, name: undefined, title: "" });
  held.use(target.directory);
  if (target.name !== undefined) {
    throw new CurruntError("not-found", `there is no directory ${JSON.stringify(pathOf(to))}`, {
      hint: "make it first",
    });
  }
  using writer = new TreeWriter(target.directory, options);
  const parser = new TarParser(writer);
  await decompress(standardInput(), (bytes) => parser.push(bytes));
  parser.end();
  writer.finish();
}

async function* standardInput(): AsyncGenerator<Uint8Array> {
  using input = duplicate(0);
  for (;;) {
    const buffer = new Uint8Array(1 << 16);
    const length = readSome(input, buffer);
    if (length === 0) return;
    yield buffer.subarray(0, length);
  }
}

function describe(end: CopyEnd): string {
  if (end.kind === "stream") return "the standard stream";
  return JSON.stringify(end.kind === "host" ? end.path : `${end.container}:${end.path}`);
}
