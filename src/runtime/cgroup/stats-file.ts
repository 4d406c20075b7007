/** Reads counts, lists and pressure from the files of a cgroup, for statistics. */
import type { Fd } from "../../sys/fd.ts";
import { tryOpenCgroup, tryReadCgroupFile } from "./file.ts";
import type { Count, MemoryEntry, Pressure, PressureStats } from "./stats.ts";

/** The files of one cgroup; all of them are missing when the cgroup is. */
export class StatFiles implements Disposable {
  readonly #directory: Fd | undefined;

  constructor(path: string | undefined) {
    this.#directory = path === undefined ? undefined : tryOpenCgroup(path);
  }

  get there(): boolean {
    return this.#directory !== undefined;
  }

  /** Undefined: there is no such file. */
  text(name: string): string | undefined {
    return this.#directory === undefined ? undefined : tryReadCgroupFile(this.#directory, name);
  }

  /** A file with one number. */
  count(name: string): Count | undefined {
    const text = this.text(name);
    return text === undefined ? undefined : parseCount(text);
  }

  number(name: string): number {
    return Number(this.count(name) ?? 0);
  }

  lines(name: string): string[] {
    return (this.text(name) ?? "").split("\n").filter((line) => line !== "");
  }

  /** A file of lines "key number". */
  counts(name: string): Record<string, Count> {
    const pairs = this.lines(name).flatMap((line): [string, Count][] => {
      const [key = "", value] = line.split(" ");
      return value === undefined ? [] : [[key, parseCount(value)]];
    });
    return Object.fromEntries(pairs);
  }

  pressure(name: string): PressureStats | undefined {
    const text = this.text(name);
    return text === undefined ? undefined : parsePressure(text);
  }

  [Symbol.dispose](): void {
    this.#directory?.close();
  }
}

/** What callers of runc know as "no limit": all bits of a u64. */
export const unlimited = 0xffff_ffff_ffff_ffffn;

/** A number of 64 bits; "max" is all bits. */
export function parseCount(text: string): Count {
  const word = text.trim();
  if (word === "max") return unlimited;
  if (!/^-?\d+$/.test(word)) return 0;
  const number = Number(word);
  return Number.isSafeInteger(number) ? number : BigInt(word);
}

/** Lines "some avg10=0.00 avg60=0.00 avg300=0.00 total=0" (Documentation/accounting/psi.rst). */
export function parsePressure(text: string): PressureStats {
  const parsed: { some?: Pressure; full?: Pressure } = {};
  for (const line of text.split("\n")) {
    const found = /^(some|full) avg10=([\d.]+) avg60=([\d.]+) avg300=([\d.]+) total=(\d+)/.exec(line);
    if (found === null) continue;
    const [, kind, avg10, avg60, avg300, total = "0"] = found;
    const pressure = {
      avg10: Number(avg10),
      avg60: Number(avg60),
      avg300: Number(avg300),
      total: parseCount(total),
    };
    if (kind === "some") parsed.some = pressure;
    else parsed.full = pressure;
  }
  return parsed;
}

/** The numbers of a list such as "0-3,7". */
export function parseList(text: string): number[] {
  return text
    .trim()
    .split(",")
    .filter((part) => part !== "")
    .flatMap((part) => {
      const [first = 0, last = first] = part.split("-").map(Number);
      return Array.from({ length: last - first + 1 }, (_, index) => first + index);
    });
}

/** An object of those properties that are neither missing nor zero. */
export function nonZero<K extends string>(values: Record<K, Count | undefined>): { [P in K]?: Count } {
  const entries = Object.entries<Count | undefined>(values).filter(
    ([, value]) => value !== undefined && BigInt(value) !== 0n,
  );
  return Object.fromEntries(entries) as { [P in K]?: Count };
}

/** An entry of the memory statistics; limit and failures are always told. */
export function memoryEntry(values: {
  readonly limit?: Count | undefined;
  readonly failcnt?: Count | undefined;
  readonly usage?: Count | undefined;
  readonly max?: Count | undefined;
}): MemoryEntry {
  const { limit = 0, failcnt = 0, usage, max } = values;
  return { limit, ...nonZero({ usage, max }), failcnt };
}
