/** Draws the layers of a pull on a terminal, in place, however its window changes. */
import { humanSize, shortId } from "./human.ts";
import type { LayerState } from "./pull-state.ts";

/** Where progress goes and how wide it may be. */
export interface Screen {
  /** Takes whole lines: the text ends in a newline. */
  readonly write: (text: string) => void;
  /** In characters; undefined when there is no terminal. */
  readonly size: () => { readonly rows: number; readonly columns: number } | undefined;
}

/** The block of lines above the cursor that the next frame replaces. */
export class PullFrame {
  readonly #screen: Screen;
  /** Widths of the lines that stand there now. */
  #drawn: number[] = [];

  constructor(screen: Screen) {
    this.#screen = screen;
  }

  /** Replaces the block by `layers`; `above` is a line that stays, before it. One write, so that it does not flicker. */
  draw(above: string | undefined, layers: readonly (readonly [string, LayerState])[]): void {
    const { rows, columns } = this.#screen.size() ?? { rows: 24, columns: 80 };
    const lines = fitting(layers, rows - 2).map(([digest, layer]) => layerLine(digest, layer, columns - 1));
    if (above === undefined && lines.length === 0) return;
    const kept = above === undefined ? "" : `${above}\n`;
    this.#screen.write(this.#clear(columns) + kept + lines.map((line) => `${line}\n`).join(""));
    this.#drawn = lines.map((line) => line.length);
  }

  /** Goes up over what was drawn and clears from there on. A window that became narrower has folded the lines. */
  #clear(columns: number): string {
    const height = this.#drawn.reduce((sum, width) => sum + Math.max(1, Math.ceil(width / columns)), 0);
    return height === 0 ? "" : `\x1b[${height}A\r\x1b[J`;
  }
}

/** At most `rows` of the layers: those that are not done come first, in their order. */
function fitting<T extends readonly [string, LayerState]>(layers: readonly T[], rows: number): readonly T[] {
  if (layers.length <= rows) return layers;
  const busy = layers.filter(([, { phase }]) => phase === "downloading" || phase === "unpacking");
  return [...busy, ...layers.filter((layer) => !busy.includes(layer) && layer[1].phase === "waiting")].slice(
    0,
    Math.max(1, rows),
  );
}

/** "4f2cdb6cf5a1 [=====>    ] 12.3 MB / 88.1 MB downloading", no wider than `width`. */
export function layerLine(digest: string, layer: LayerState, width: number): string {
  const { doneBytes, totalBytes, phase } = layer;
  const sizes =
    totalBytes === 0 ? humanSize(doneBytes) : `${humanSize(doneBytes)} / ${humanSize(totalBytes)}`;
  const text = `${sizes.padEnd(19)} ${words[phase]}`;
  const room = Math.min(30, width - 12 - text.length - 4);
  const bar = room < 4 ? "" : `${barOf(totalBytes === 0 ? 0 : doneBytes / totalBytes, room)} `;
  return `${shortId(digest)} ${bar}${text}`.slice(0, Math.max(0, width)).trimEnd();
}

const words = {
  waiting: "waiting",
  downloading: "downloading",
  unpacking: "unpacking",
  done: "done",
  exists: "already here",
} as const satisfies Record<LayerState["phase"], string>;

function barOf(fraction: number, room: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, fraction)) * room);
  const tip = filled > 0 && filled < room ? ">" : "";
  return `[${("=".repeat(filled - tip.length) + tip).padEnd(room)}]`;
}
