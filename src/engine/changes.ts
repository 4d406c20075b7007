/** What a container has changed. */
import { wrap } from "../base/error.ts";
import type { Context } from "./context.ts";
import type { FileChange } from "./file-options.ts";
import { openView } from "./view.ts";

/** The changes of a container's files, in the order of their paths. */
export async function changesOf(context: Context, name: string): Promise<FileChange[]> {
  const container = context.containers.get(name);
  const { listChanges } = await import("../image/changes.ts");
  try {
    using view = await openView(context, container);
    return listChanges(view, view.mountPoints).map(({ kind, path }) => ({
      kind,
      path: `/${Buffer.from(path, "latin1").toString()}`,
    }));
  } catch (error) {
    throw wrap(error, `compare container "${container.record.name}" with its image`);
  }
}
