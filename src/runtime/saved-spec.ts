/** The spec of a container as it was when the container was created: what the bundle says later does not matter. */
import { readSmallFile, tryReadSmallFile, writeSmallFile } from "../sys/small-file.ts";
import type { Spec } from "./spec.ts";
import { parseWhole } from "./state.ts";
import type { StatePaths } from "./state-root.ts";

/** Writes the spec, which has been checked, before there is a state: nobody reads it until then. */
export function saveSpec(paths: StatePaths, spec: Spec): void {
  // Seccomp's 64-bit numbers are more than a double holds.
  const text = JSON.stringify(spec, (_, value) => (typeof value === "bigint" ? Number(value) : value));
  writeSmallFile(paths.spec, text, 0o600);
}

/** The spec that `saveSpec` wrote; undefined when the creation was broken off before. */
export function findSpec(paths: StatePaths): Spec | undefined {
  const text = tryReadSmallFile(paths.spec);
  return text === undefined ? undefined : parseWhole<Spec>(text);
}

/** The spec that `saveSpec` wrote. */
export function readSpec(paths: StatePaths): Spec {
  // Checked when it was written, and nobody else may write there.
  return JSON.parse(readSmallFile(paths.spec)) as Spec;
}
