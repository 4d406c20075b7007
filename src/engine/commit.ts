/** Makes an image of a container. */

import { CurruntError, wrap } from "../base/error.ts";
import { containerPaths } from "../base/paths.ts";
import type { Settings } from "../image/config-change.ts";
import type { Image } from "../image/image-row.ts";
import { readImage } from "../image/image-row.ts";
import type { Container, ContainerRecord } from "./container.ts";
import type { Context } from "./context.ts";
import { defaultPath } from "./default-spec.ts";
import type { CommitOptions } from "./file-options.ts";
import { imageStore } from "./image.ts";
import type { PullWatch } from "./options.ts";
import { readRunState } from "./run-state.ts";
import { parseStopSignal } from "./stop-signal.ts";
import { parseUser } from "./user.ts";
import { openView } from "./view.ts";

/** Resolves to the ID of the new image. */
export async function commitContainer(
  context: Context,
  name: string,
  { reference, changes, pause, author, message, layerFormat }: CommitOptions,
  { onWarning }: PullWatch,
): Promise<string> {
  const container = context.containers.get(name);
  const { record } = container;
  const action = `commit container "${record.name}"`;
  if (record.image === undefined) {
    throw new CurruntError("unsupported", `${action}: it was not made from an image`, {
      hint: `"currunt export ${record.name}" gives all its files as an archive`,
    });
  }
  const [{ archiveTree }, { commitImage }, { applyChanges }, { parseReference }] = await Promise.all([
    import("../image/tree-archive.ts"),
    import("../image/commit.ts"),
    import("../image/config-change.ts"),
    import("../image/reference.ts"),
  ]);
  // What is wrong with the name is said before all the work.
  const parsed = reference === undefined ? undefined : parseReference(reference);
  if (parsed?.digest !== undefined) {
    throw new CurruntError(
      "invalid",
      `${action}: ${JSON.stringify(reference)} names content, which is not known yet`,
      {
        hint: "write NAME:TAG",
      },
    );
  }
  const store = imageStore(context);
  // Also one that was removed by force: it stays as long as the container.
  const base = readImage(context.database, record.image.id) ?? store.get(record.image.id);
  try {
    await using _still = pause ? await standStill(context, container) : undefined;
    using view = await openView(context, container);
    const source = { content: view.now, changes: view.upper };
    const image = await commitImage({
      store,
      base,
      archive: archiveTree(source, { omit: view.mountPoints, warn: onWarning }),
      settings: applyChanges(settingsOf(record, base), changes),
      author,
      message,
      createdBy: record.spec.process?.args.join(" ") ?? "",
      reference: parsed,
      layerFormat,
    });
    return image.id;
  } catch (error) {
    throw wrap(error, action);
  }
}

/** Stops a container's programs until this is disposed of; one that does not run, or stands still already, is left as it is. */
async function standStill(context: Context, { record }: Container): Promise<AsyncDisposable | undefined> {
  const state = readRunState(containerPaths(context.roots, record.id));
  if (state === undefined) return undefined;
  const [{ pause, unpause }, { isFrozen }] = await Promise.all([
    import("./cgroup.ts"),
    import("../runtime/cgroup/freeze.ts"),
  ]);
  if (state.cgroup !== undefined && isFrozen(state.cgroup)) return undefined;
  await pause(context, record.id);
  return { [Symbol.asyncDispose]: () => unpause(context, record.id) };
}

/** How the container was run: what its image says, and what was asked for instead. */
export function settingsOf(record: ContainerRecord, { config }: Pick<Image, "config">): Settings {
  const image = config.config ?? {};
  const { process, hostname } = record.spec;
  const entrypoint = image.Entrypoint ?? [];
  const args = process?.args ?? [];
  const keepsEntrypoint = entrypoint.every((word, index) => word === args[index]);
  // Every container has these of us, whatever its image says.
  const ours = new Set([
    `PATH=${defaultPath}`,
    `HOSTNAME=${hostname}`,
    ...(record.terminal ? ["TERM=xterm"] : []),
  ]);
  const env = (process?.env ?? []).filter((entry) => !ours.has(entry) || image.Env?.includes(entry) === true);
  const cwd = process?.cwd ?? "/";
  const { user, group } = record.user;
  const sameUser = JSON.stringify(parseUser(image.User ?? "")) === JSON.stringify(record.user);
  return {
    ...image,
    Entrypoint: keepsEntrypoint ? image.Entrypoint : null,
    Cmd: keepsEntrypoint ? args.slice(entrypoint.length) : [...args],
    Env: env,
    ...(sameUser ? {} : { User: group === undefined ? user : `${user}:${group}` }),
    ...(cwd === (image.WorkingDir || "/") ? {} : { WorkingDir: cwd }),
    Labels: record.labels,
    ...(record.stopSignal === parseStopSignal(image.StopSignal ?? "")
      ? {}
      : { StopSignal: `${record.stopSignal}` }),
    Volumes: {
      ...image.Volumes,
      ...Object.fromEntries(record.anonymousVolumes.map(({ target }) => [target, {}])),
    },
  };
}
