/** Shows a pull on standard error: a bar a layer on a terminal, a line a change elsewhere, or JSON lines. */
import type { PullListener, PullProgress } from "../engine/options.ts";
import { humanSize, shortId } from "./human.ts";
import { printable, tell } from "./output.ts";
import type { Screen } from "./pull-frame.ts";
import { PullFrame } from "./pull-frame.ts";
import { Pace } from "./pull-pace.ts";
import type { LayerState } from "./pull-state.ts";
import { applyEvent } from "./pull-state.ts";

export type ProgressStyle = "auto" | "bar" | "plain" | "json" | "none";

/** What shows a pull. */
export interface PullDisplay {
  readonly show: PullListener;
  /** Nothing is drawn from then on: something else is to be said. */
  readonly close: () => void;
}

/** The display of a style, writing to standard error. Nothing has colours: NO_COLOR has nothing to switch off. */
export async function pullDisplay(style: ProgressStyle): Promise<PullDisplay> {
  const lines = (show: PullListener): PullDisplay => ({ show, close: () => undefined });
  if (style === "none") return lines(warningsOnly);
  if (style === "json") return lines((event) => tell(JSON.stringify(event)));
  if (style === "plain") return lines(plainListener(tell));
  const { isStreamTerminal, streamWindow } = await import("../engine/terminal.ts");
  const canMove = isStreamTerminal("stderr") && process.env["TERM"] !== "dumb";
  if (style === "auto" && !canMove) return lines(plainListener(tell));
  // Not Bun's writer: its rejections would be unhandled when the terminal goes away. tell() adds the last newline.
  const write = (text: string) => tell(text.slice(0, -1));
  return barDisplay({ write, size: () => streamWindow("stderr") });
}

/** Even a quiet pull tells what went wrong on the way. */
function warningsOnly(event: PullProgress): void {
  if (event.type === "warning") tell(printable(`warning: ${event.message}`));
}

/** One line a state change of a layer, and one at each tenth of its transfer. */
export function plainListener(write: (line: string) => void): PullListener {
  const layers = new Map<string, LayerState>();
  const tenths = new Map<string, number>();
  return (event) => {
    applyEvent(layers, event);
    if (isRepetition(layers, event)) return;
    const line =
      "digest" in event && event.type === "layer-progress" ? tenthLine(event.digest) : plainLine(event);
    if (line !== undefined) write(line);
  };

  function tenthLine(digest: string): string | undefined {
    const layer = layers.get(digest);
    if (layer === undefined || layer.totalBytes === 0) return undefined;
    const tenth = Math.floor((layer.doneBytes / layer.totalBytes) * 10);
    if (tenth <= (tenths.get(digest) ?? 0)) return undefined;
    tenths.set(digest, tenth);
    return `layer ${shortId(digest)}: ${tenth * 10} % of ${humanSize(layer.totalBytes)}`;
  }
}

/** "Up to date" has said it all: the end of a pull of nothing is no news. */
function isRepetition(layers: ReadonlyMap<string, LayerState>, event: PullProgress): boolean {
  return event.type === "done" && layers.size === 0 && event.transferredBytes === 0;
}

/** What a single event is worth saying; undefined when nothing. */
export function plainLine(event: PullProgress): string | undefined {
  switch (event.type) {
    case "resolved":
      return `${event.reference}: ${counted(event.layers.length)}, ${humanSize(event.totalBytes)}, ${event.digest}`;
    case "up-to-date":
      return `${event.reference}: up to date, ${event.digest}`;
    case "layer-exists":
      return `layer ${shortId(event.digest)}: already here`;
    case "layer-wait":
      return `layer ${shortId(event.digest)}: waiting for another process that gets it`;
    case "layer-resume":
      return `layer ${shortId(event.digest)}: going on after ${humanSize(event.keptBytes)}`;
    case "layer-done":
      return `layer ${shortId(event.digest)}: done`;
    case "warning":
      return printable(`warning: ${event.message}`);
    case "done":
      return `${event.reference}: ${humanSize(event.transferredBytes)} in ${(event.durationMs / 1000).toFixed(1)} s`;
    default:
      return undefined;
  }
}

function counted(layers: number): string {
  return layers === 1 ? "1 layer" : `${layers} layers`;
}

/** Milliseconds between two frames. */
const frameInterval = 80;
/** Also when nothing comes, the speed falls and the window may change. */
const idleInterval = 250;

/**
 * Bars that are drawn anew in place. The cursor is never hidden and rests below the bars, so that there is nothing to restore
 * however the program ends.
 */
export function barDisplay(screen: Screen, now: () => number = () => performance.now()): PullDisplay {
  const layers = new Map<string, LayerState>();
  const paces = new Map<string, Pace>();
  const frame = new PullFrame(screen);
  let drawnAt = Number.NEGATIVE_INFINITY;
  let ticking: Timer | undefined;
  const close = () => clearInterval(ticking);
  return { show, close };

  function show(event: PullProgress): void {
    applyEvent(layers, event);
    if (isRepetition(layers, event)) return;
    if (event.type === "done") close();
    else if (ticking === undefined && event.type === "resolved") {
      ticking = setInterval(() => draw(undefined), idleInterval);
      ticking.unref();
    }
    const line = event.type.startsWith("layer-") ? undefined : plainLine(event);
    if (line === undefined && event.type !== "layer-done" && now() - drawnAt < frameInterval) return;
    if (event.type === "done") layers.clear();
    draw(line);
  }

  function draw(above: string | undefined): void {
    drawnAt = now();
    const shown = [...layers.entries()].map(([digest, state]) => ({
      digest,
      state,
      pace: paceOf(digest, state.doneBytes),
    }));
    const moved = shown.filter(({ state }) => state.phase !== "exists" && state.phase !== "waiting");
    const arrived = moved.reduce((sum, { state }) => sum + state.doneBytes, 0);
    frame.draw(above, shown, paceOf("total", arrived));
  }

  function paceOf(key: string, bytes: number): number | undefined {
    const pace = paces.get(key);
    if (pace === undefined) paces.set(key, new Pace(bytes, now()));
    else pace.update(bytes, now());
    return pace?.bytesPerSecond;
  }
}
