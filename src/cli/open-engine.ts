/** The engine over the roots that the command line names. */
import { CurruntError } from "../base/error.ts";
import type { Engine } from "../engine/engine.ts";
import type { Values } from "./flag.ts";
import type { globalFlags } from "./global.ts";
import { printable, tell } from "./output.ts";
import { normalizePath } from "./volume.ts";

/** Loads the engine's code; nothing on disk is touched yet. Throws "denied" for whoever is not root. */
export async function openEngine(flags: Values<typeof globalFlags>): Promise<Engine> {
  if (process.geteuid?.() !== 0) {
    throw new CurruntError("denied", "containers and images belong to root in this version", {
      hint: "run it as root, as with sudo",
    });
  }
  const { Engine } = await import("../engine/engine.ts");
  const roots = { data: absolute(flags["data-root"]), run: absolute(flags["run-root"]) };
  return new Engine(roots, (message) => tell(printable(`warning: ${message}`)));
}

function absolute(path: string): string {
  return path.startsWith("/") ? path : normalizePath(`${process.cwd()}/${path}`);
}
