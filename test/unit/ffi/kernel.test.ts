/** Compiles C that prints every constant, size and offset of `ffi/kernel.ts`, and compares. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as kernel from "../../../ffi/kernel.ts";

const scratch = mkdtempSync(join(tmpdir(), "currunt-kernel-"));
afterAll(() => rmSync(scratch, { recursive: true }));

/** Newer than the headers of the oldest distribution that builds currunt: compared where the headers have them. */
const newerThanHeaders = new Set([
  "MOVE_MOUNT_BENEATH",
  "FSCONFIG_CMD_CREATE_EXCL",
  "F_SEAL_EXEC",
  "MFD_NOEXEC_SEAL",
  "MFD_EXEC",
  "MPOL_WEIGHTED_INTERLEAVE",
]);

/** Names by the header whose section they stand in. */
function namesByHeader(): Map<string, string[]> {
  const source = readFileSync(join(import.meta.dir, "../../../ffi/kernel.ts"), "utf8");
  const sections = new Map<string, string[]>();
  let names: string[] | undefined;
  for (const [, header, name] of source.matchAll(/^(?:\/\/ <(.+)>|export const (\w+) = )/gm)) {
    if (header !== undefined) {
      names = sections.get(header) ?? [];
      sections.set(header, names);
    } else if (name !== undefined) names?.push(name);
  }
  return sections;
}

interface StructShape {
  readonly name: string;
  readonly size: number;
  readonly offsets: Readonly<Record<string, number>>;
}

function isStruct(value: unknown): value is StructShape {
  return typeof value === "object" && value !== null && "offsets" in value;
}

/** What C must print for `name`: one line a constant, a size, an offset. */
function expected(name: string, value: unknown): [key: string, value: string][] {
  if (!isStruct(value)) return [[name, String(value)]];
  const offsets = Object.entries(value.offsets).filter(([field]) => !field.startsWith("__"));
  return [
    [`sizeof ${name}`, String(value.size)],
    ...offsets.map(([field, offset]): [string, string] => [`offsetof ${name}.${field}`, String(offset)]),
  ];
}

/** The C statements that print it. */
function statements(name: string, value: unknown): string {
  if (isStruct(value)) {
    const type = name.endsWith("_t") ? name : `struct ${name}`;
    return expected(name, value)
      .map(([key]) => {
        const field = key.startsWith("offsetof") ? key.slice(key.indexOf(".") + 1) : undefined;
        const size = field === undefined ? `sizeof(${type})` : `offsetof(${type}, ${field})`;
        return `printf("${key} %zu\\n", ${size});`;
      })
      .join("\n");
  }
  const print = `printf((${name}) < 0 ? "${name} %lld\\n" : "${name} %llu\\n", (long long)(${name}));`;
  return newerThanHeaders.has(name) ? `#ifdef ${name}\n${print}\n#endif` : print;
}

function compileAndRun(label: string, headers: string[], body: string): Map<string, string> {
  const [source, program] = [join(scratch, `${label}.c`), join(scratch, label)];
  const includes = ["stddef.h", "stdio.h", ...headers].map((header) => `#include <${header}>`).join("\n");
  writeFileSync(source, `#define _GNU_SOURCE\n${includes}\nint main(void) {\n${body}\nreturn 0;\n}\n`);
  const compiler = Bun.spawnSync(["cc", "-w", "-o", program, source]);
  expect(compiler.stderr.toString()).toBe("");
  const lines = Bun.spawnSync([program]).stdout.toString().trimEnd().split("\n");
  return new Map(
    lines.map((line): [string, string] => {
      const space = line.lastIndexOf(" ");
      return [line.slice(0, space), line.slice(space + 1)];
    }),
  );
}

describe("kernel.ts", () => {
  const sections = namesByHeader();
  const values = new Map<string, unknown>(Object.entries(kernel));

  test("puts every export in the section of a header", () => {
    expect([...sections.values()].flat().sort()).toEqual([...values.keys()].sort());
  });

  // The kernel's headers and the C library's define the same names: each kind is compiled by itself.
  const kinds = [
    {
      label: "kernel",
      first: ["sys/types.h", "linux/fcntl.h"],
      own: (header: string) => header.startsWith("linux/"),
    },
    { label: "library", first: [], own: (header: string) => !header.startsWith("linux/") },
  ];
  for (const { label, first, own } of kinds) {
    test(`agrees with the ${label} headers`, () => {
      const headers = [...sections.keys()].filter(own);
      const names = headers.flatMap((header) => sections.get(header) ?? []);
      const printed = compileAndRun(
        label,
        [...first, ...headers],
        names.map((name) => statements(name, values.get(name))).join("\n"),
      );
      const ours = new Map(names.flatMap((name) => expected(name, values.get(name))));
      for (const name of newerThanHeaders) if (!printed.has(name)) ours.delete(name);
      expect(Object.fromEntries(printed)).toEqual(Object.fromEntries(ours));
      expect(printed.size).toBeGreaterThan(200);
    });
  }
});
