/** The engine over the roots that the command line names. */
import type { Engine } from "../engine/engine.ts";
import type { Values } from "./flag.ts";
import type { globalFlags } from "./global.ts";
import { normalizePath } from "./volume.ts";

/** Loads the engine's code; nothing on disk is touched yet. */
export async function openEngine(flags: Values<typeof globalFlags>): Promise<Engine> {
  const { Engine } = await import("../engine/engine.ts");
  return new Engine({ data: absolute(flags["data-root"]), run: absolute(flags["run-root"]) });
}

function absolute(path: string): string {
  return path.startsWith("/") ? path : normalizePath(`${process.cwd()}/${path}`);
}
