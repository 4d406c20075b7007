/** Shows a push on standard error: a line a change, or JSON lines. */
import type { PushProgress } from "../engine/image-options.ts";
import { humanSize, shortId } from "./human.ts";
import { printable, tell } from "./output.ts";

/** How a push is shown. */
export const pushProgressFlag = {
  type: "string",
  choices: ["auto", "plain", "json", "none"],
  default: "auto",
  help: "how the push is shown: as lines, as JSON or not at all",
} as const;

/** The listener of a style. */
export function pushListener(
  style: (typeof pushProgressFlag.choices)[number],
): (event: PushProgress) => void {
  if (style === "json") return (event) => tell(JSON.stringify(event));
  const tenths = new Map<string, number>();
  return (event) => {
    // Even a quiet push tells what went wrong on the way.
    if (style === "none" && event.type !== "warning") return;
    const line = pushLine(event, tenths);
    if (line !== undefined) tell(line);
  };
}

/** What an event is worth saying; of a layer's transfer, each tenth of it once. */
export function pushLine(event: PushProgress, tenths: Map<string, number>): string | undefined {
  switch (event.type) {
    case "layer-exists":
      return `layer ${shortId(event.digest)}: already there`;
    case "layer-compress":
      return `layer ${shortId(event.digest)}: compressing`;
    case "layer-progress": {
      const tenth = Math.floor((event.doneBytes / Math.max(1, event.totalBytes)) * 10);
      if (tenth <= (tenths.get(event.digest) ?? 0)) return undefined;
      tenths.set(event.digest, tenth);
      return `layer ${shortId(event.digest)}: ${tenth * 10} % of ${humanSize(event.totalBytes)}`;
    }
    case "layer-done":
      return `layer ${shortId(event.digest)}: done`;
    case "warning":
      return printable(`warning: ${event.message}`);
    case "done":
      return `${event.reference}: ${event.digest} in ${(event.durationMs / 1000).toFixed(1)} s`;
  }
}
