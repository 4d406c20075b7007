/** What is shown of containers: lines of `ps`, the whole of `inspect`. */
import { containerPaths } from "../base/paths.ts";
import { isFrozen } from "../runtime/cgroup/freeze.ts";
import type { Container } from "./container.ts";
import type { Context } from "./context.ts";
import { readRunState } from "./run-state.ts";
import type { ContainerSummary } from "./summary.ts";

/** Newest first; only running ones unless `all`. */
export function listContainers(context: Context, { all }: { all: boolean }): ContainerSummary[] {
  return context.containers
    .list(all ? undefined : "running")
    .map((container) => summarize(context, container));
}

function summarize({ roots }: Context, container: Container): ContainerSummary {
  const { record, createdAt, status, startedAt, exitedAt, exitCode } = container;
  const { pid, cgroup } = (status === "running" && readRunState(containerPaths(roots, record.id))) || {};
  const ended = status === "exited";
  return {
    id: record.id,
    name: record.name,
    image: record.image?.reference ?? record.rootfs ?? "",
    command: record.spec.process?.args ?? [],
    createdAt,
    status,
    labels: record.labels,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(ended && exitCode !== undefined ? { exitCode } : {}),
    ...(ended && exitedAt !== undefined ? { exitedAt } : {}),
    ...(pid === undefined ? {} : { pid }),
    ...(cgroup !== undefined && isFrozen(cgroup) ? { paused: true } : {}),
  };
}

/** All that is known about a container, as JSON data. */
export function inspectContainer(context: Context, name: string): Record<string, unknown> {
  const container = context.containers.get(name);
  const { record } = container;
  const { status, startedAt, exitedAt, exitCode, pid, paused, ...summary } = summarize(context, container);
  const paths = containerPaths(context.roots, record.id);
  return {
    ...summary,
    ...(record.image === undefined ? {} : { imageID: record.image.id }),
    state: { status, startedAt, exitedAt, exitCode, pid, paused },
    config: {
      terminal: record.terminal,
      interactive: record.interactive,
      remove: record.remove,
      stopSignal: record.stopSignal,
      stopTimeoutSeconds: record.stopTimeoutSeconds,
      user: record.user,
      seccomp: typeof record.seccomp === "string" ? record.seccomp : "custom",
    },
    layers: record.layers,
    anonymousVolumes: record.anonymousVolumes,
    logPath: paths.log,
    directory: paths.directory,
    spec: record.spec,
  };
}

/** The state document of the runtime specification; of all containers without `name`. */
export function ociStates(context: Context, name?: string): Record<string, unknown>[] {
  const containers = name === undefined ? context.containers.list() : [context.containers.get(name)];
  return containers.map((container) => {
    const { id, status, paused, pid = 0, createdAt, labels } = summarize(context, container);
    return {
      ociVersion: container.record.spec.ociVersion,
      id,
      pid,
      status: paused === true ? "paused" : status === "exited" ? "stopped" : status,
      bundle: containerPaths(context.roots, id).directory,
      rootfs: "",
      created: new Date(createdAt).toISOString(),
      annotations: labels,
      owner: "root",
    };
  });
}
