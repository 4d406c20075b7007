/** Whose container a name means that both the engine and the OCI runtime could know. */
import { defaultRoots } from "../base/paths.ts";
import type { Engine } from "../engine/engine.ts";
import { hasState, isFileThere } from "../runtime/state.ts";
import { stateRootOf } from "./oci-command.ts";
import { printable, tell } from "./output.ts";

/** The engine is asked first; it need not be where it cannot know the name. */
export async function isOciContainer(id: string): Promise<boolean> {
  if (!hasState(stateRootOf({ root: undefined }), id)) return false;
  // An ID of 64 digits is random: not even the same caller uses it for both.
  if (/^[0-9a-f]{64}$/.test(id)) return true;
  return (await engineWith(id)) === undefined;
}

/** The engine, when it has a container of that name. */
export async function engineWith(id: string): Promise<Engine | undefined> {
  const engine = await openEngine();
  return (await engine?.knows(id)) === true ? engine : undefined;
}

/** Undefined for an ordinary user, and where the engine has never been. */
export async function openEngine(): Promise<Engine | undefined> {
  const roots = {
    data: process.env["CURRUNT_DATA_ROOT"] ?? defaultRoots.data,
    run: process.env["CURRUNT_RUN_ROOT"] ?? defaultRoots.run,
  };
  if (process.geteuid?.() !== 0 || !isFileThere(`${roots.data}/index.db`)) return undefined;
  const { Engine } = await import("../engine/engine.ts");
  return new Engine(roots, (message) => tell(printable(`warning: ${message}`)));
}
