/** Where a file has data and where it has holes. */
import { SEEK_DATA, SEEK_HOLE, SEEK_SET } from "../../ffi/kernel.ts";
import { libc } from "../../ffi/libc.ts";
import { check, failureOf } from "./error.ts";
import type { Fd } from "./fd.ts";

/** A run of data within a file; what lies between runs is a hole. */
export interface Extent {
  readonly offset: number;
  readonly length: number;
}

/** The data within the first `sizeBytes` of an open file; all of it where the file system knows no holes. Moves its position. */
export function dataExtents(file: Fd, sizeBytes: number): Extent[] {
  const extents: Extent[] = [];
  for (let end = 0; end < sizeBytes; ) {
    const offset = seekData(file, end);
    if (offset === undefined || offset >= sizeBytes) break;
    end = Math.min(sizeBytes, check(libc.lseek(file.number, offset, SEEK_HOLE), "lseek"));
    // Somebody has cut the file off meanwhile.
    if (end <= offset) break;
    extents.push({ offset, length: end - offset });
  }
  return extents;
}

/** Where data begins from `offset` on; undefined when a hole reaches to the end. */
function seekData(file: Fd, offset: number): number | undefined {
  const found = libc.lseek(file.number, offset, SEEK_DATA);
  const failure = failureOf(found, { operation: "lseek", subject: () => "", expected: ["ENXIO"] });
  return failure === undefined ? found : undefined;
}

/** Sets the position of an open file. */
export function seek(file: Fd, offset: number): void {
  check(libc.lseek(file.number, offset, SEEK_SET), "lseek");
}
