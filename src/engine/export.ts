/** All that a container sees, as an archive. */
import { wrap } from "../base/error.ts";
import { failedWith } from "../sys/error.ts";
import { openOutputFile, standardOutput } from "../sys/output-file.ts";
import type { Context } from "./context.ts";
import { openView } from "./view.ts";

/** Writes the files of a container, without what is mounted in it, to the file `output`, or ("-") to standard output. */
export async function exportContainer(context: Context, name: string, output: string): Promise<void> {
  const container = context.containers.get(name);
  const { archiveTree } = await import("../image/tree-archive.ts");
  try {
    using view = await openView(context, container);
    using target = output === "-" ? standardOutput() : openOutputFile(output);
    for (const piece of archiveTree({ content: view.now })) target.write(piece);
    target.finish();
  } catch (error) {
    // Nobody reads it any more.
    if (failedWith(error, "EPIPE")) throw error;
    throw wrap(error, `export container "${container.record.name}"`);
  }
}
