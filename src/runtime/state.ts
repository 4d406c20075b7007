/** A container's state.json: written when init runs, read by every later command, true after any crash. */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as valibot from "valibot";
import { CurruntError, wrap } from "../base/error.ts";
import { startTimeOf } from "../sys/process.ts";
import type { ContainerStatus, State } from "./spec.ts";

const schema = valibot.object({
  ociVersion: valibot.string(),
  id: valibot.string(),
  pid: valibot.pipe(valibot.number(), valibot.integer()),
  startTime: valibot.pipe(valibot.number(), valibot.integer()),
  bundle: valibot.string(),
  rootfs: valibot.string(),
  created: valibot.string(),
  owner: valibot.string(),
  annotations: valibot.record(valibot.string(), valibot.string()),
});

/** What state.json holds. */
export interface StateRecord {
  readonly ociVersion: string;
  readonly id: string;
  /** Init, as the host sees it. */
  readonly pid: number;
  /** Of init, in clock ticks since boot (field 22 of /proc/PID/stat): tells a reused pid apart. */
  readonly startTime: number;
  readonly bundle: string;
  readonly rootfs: string;
  /** RFC 3339. */
  readonly created: string;
  /** Name of the user who made the container. */
  readonly owner: string;
  readonly annotations: Readonly<Record<string, string>>;
}

/** `<run root>/<id>/state.json`. */
export function statePath(runRoot: string, id: string): string {
  return join(runRoot, id, "state.json");
}

/** Writes the record so that a reader sees the old one or the new one, never a part. */
export function writeState(runRoot: string, record: StateRecord): void {
  const path = statePath(runRoot, record.id);
  mkdirSync(join(runRoot, record.id), { recursive: true, mode: 0o700 });
  writeFileSync(`${path}.new`, JSON.stringify(record), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** The record of container `id`, or undefined when it has none: it never ran, or its run has been cleaned up. */
export function readState(runRoot: string, id: string): StateRecord | undefined {
  const path = statePath(runRoot, id);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw wrap(error, `read the state of container "${id}"`);
  }
  const parsed = valibot.safeParse(schema, parseJSON(text, path));
  if (!parsed.success) {
    throw new CurruntError("internal", `read "${path}": ${parsed.issues.map((i) => i.message).join(", ")}`);
  }
  return parsed.output;
}

function parseJSON(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw wrap(error, `read "${path}"`);
  }
}

/** Forgets that container `id` ran. */
export function removeState(runRoot: string, id: string): void {
  rmSync(join(runRoot, id), { recursive: true, force: true });
}

/** Whether init still is the process that the record means: not gone, not a zombie, not another with its pid. */
export function statusOf(record: StateRecord): ContainerStatus {
  return startTimeOf(record.pid) === record.startTime ? "running" : "stopped";
}

/** The specification's view of the record. */
export function stateOf(record: StateRecord): State {
  const status = statusOf(record);
  const { ociVersion, id, bundle, annotations } = record;
  return { ociVersion, id, status, pid: status === "stopped" ? 0 : record.pid, bundle, annotations };
}
