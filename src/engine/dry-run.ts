/** What `run` would have the kernel do, told instead of done. */
import { containerPaths } from "../base/paths.ts";
import { mountSnapshot } from "../image/snapshot.ts";
import { compileOptions } from "../runtime/create.ts";
import { describePlan } from "../runtime/plan.ts";
import type { Context } from "./context.ts";
import { previewContainer } from "./create.ts";
import type { RunOptions } from "./options.ts";
import { completeSpec, lowersOf } from "./prepare.ts";

const SIGKILL = 9;

/** The plan, a line a step. The image must be here: to look at a plan is no reason to pull. */
export async function describeRun(context: Context, options: RunOptions): Promise<string[]> {
  const { source } = options;
  const local: RunOptions =
    source.kind === "image" ? { ...options, source: { ...source, pull: "never" } } : options;
  const record = await previewContainer(context, local);
  // Read-only: the users are looked up in it, nothing else.
  using root = mountSnapshot({ lowers: lowersOf(context.roots, record) });
  const spec = completeSpec(root, record);
  const bundle = containerPaths(context.roots, record.id).directory;
  const defaultSeccomp = record.seccomp === "default";
  return describePlan(
    await compileOptions({ id: record.id, spec, bundle, rootfs: root, defaultSeccomp, deathSignal: SIGKILL }),
  );
}
