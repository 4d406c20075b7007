/** `attach`: the caller's streams joined to a container that runs. */
import { CurruntError } from "../base/error.ts";
import { containerPaths } from "../base/paths.ts";
import type { Context } from "./context.ts";
import type { AttachOptions } from "./options.ts";
import { attachSession } from "./session.ts";
import type { SessionEnd } from "./summary.ts";

/** Stays until the container ends or the caller leaves. */
export async function attachTo(
  { roots, containers }: Context,
  name: string,
  { noStdin, detachKeys, signalProxy }: AttachOptions,
): Promise<SessionEnd> {
  const { record } = containers.get(name);
  const end = await attachSession(containerPaths(roots, record.id), {
    interactive: record.interactive && !noStdin,
    terminal: record.terminal,
    ...(detachKeys === undefined ? {} : { detachKeys }),
    signalProxy,
    redraw: true,
  });
  if (end !== undefined) return end;
  throw new CurruntError("conflict", `attach to container "${record.name}": it is not running`, {
    hint: `start it with "currunt start -attach ${record.name}"`,
  });
}
