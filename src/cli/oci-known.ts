/** Whether a name that both the engine and the OCI runtime could know is an OCI container's. */
import { defaultRoots } from "../base/paths.ts";
import { hasState, isFileThere } from "../runtime/state.ts";
import { stateRootOf } from "./oci-command.ts";

/** The engine is asked first; it need not be where it cannot know the name. */
export async function isOciContainer(id: string): Promise<boolean> {
  if (!hasState(stateRootOf({ root: undefined }), id)) return false;
  // An ID of 64 digits is random: not even the same caller uses it for both.
  if (/^[0-9a-f]{64}$/.test(id)) return true;
  const roots = {
    data: process.env["CURRUNT_DATA_ROOT"] ?? defaultRoots.data,
    run: process.env["CURRUNT_RUN_ROOT"] ?? defaultRoots.run,
  };
  if (!isFileThere(`${roots.data}/index.db`)) return true;
  const { Engine } = await import("../engine/engine.ts");
  return await new Engine(roots).inspect(id).then(
    () => false,
    () => true,
  );
}
