/** Draws the layers of a pull on a terminal, in place, however its window changes. */
import { humanSize, shortId } from "./human.ts";
import { timeLeft } from "./pull-pace.ts";
import type { LayerState } from "./pull-state.ts";

/** Where progress goes and how wide it may be. */
export interface Screen {
  /** Takes whole lines: the text ends in a newline. */
  readonly write: (text: string) => void;
  /** In characters; undefined when there is no terminal. */
  readonly size: () => { readonly rows: number; readonly columns: number } | undefined;
}

/** A layer as it is drawn. */
export interface ShownLayer {
  readonly digest: string;
  readonly state: LayerState;
  /** Bytes a second, where that is known. */
  readonly pace?: number | undefined;
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
  draw(above: string | undefined, layers: readonly ShownLayer[], bytesPerSecond?: number): void {
    const { rows, columns } = this.#screen.size() ?? { rows: 24, columns: 80 };
    const lines = fitting(layers, rows - 3).map(({ digest, state, pace }) =>
      layerLine(digest, state, columns - 1, pace),
    );
    // One layer is its own total.
    if (layers.length > 1) {
      const states = layers.map(({ state }) => state);
      lines.push(totalLine(states, columns - 1, bytesPerSecond));
    }
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
function fitting(layers: readonly ShownLayer[], rows: number): readonly ShownLayer[] {
  if (layers.length <= rows) return layers;
  const busy = layers.filter(({ state: { phase } }) => phase === "downloading" || phase === "unpacking");
  return [
    ...busy,
    ...layers.filter((layer) => !busy.includes(layer) && layer.state.phase === "waiting"),
  ].slice(0, Math.max(1, rows));
}

/** "4f2cdb6cf5a1 [=====>    ] 12.3 MB / 88.1 MB  4.1 MB/s, 19 s left", no wider than `width`. */
export function layerLine(digest: string, layer: LayerState, width: number, bytesPerSecond?: number): string {
  const { doneBytes, totalBytes, phase, unpackedBytes } = layer;
  const states: string[] = [words[phase]];
  if (phase === "downloading") states.unshift(...speeds(totalBytes - doneBytes, bytesPerSecond));
  if (phase === "unpacking") states.unshift(`unpacking, ${humanSize(unpackedBytes)}`);
  return line(shortId(digest), { doneBytes, totalBytes, states }, width);
}

/** The sum of all layers, in the same form. */
export function totalLine(layers: readonly LayerState[], width: number, bytesPerSecond?: number): string {
  const sum = (key: "doneBytes" | "totalBytes") => layers.reduce((all, layer) => all + layer[key], 0);
  const [doneBytes, totalBytes] = [sum("doneBytes"), sum("totalBytes")];
  const done = layers.filter(({ phase }) => phase === "done" || phase === "exists").length;
  const count = `${done}/${layers.length} layers`;
  const states = speeds(totalBytes - doneBytes, bytesPerSecond).map((speed) => `${speed}, ${count}`);
  return line("total", { doneBytes, totalBytes, states: [...states, count] }, width);
}

/** What may be said of the speed, the longest first. */
function speeds(restBytes: number, bytesPerSecond: number | undefined): string[] {
  if (bytesPerSecond === undefined) return [];
  const speed = `${humanSize(bytesPerSecond)}/s`;
  const left = restBytes > 0 ? timeLeft(restBytes, bytesPerSecond) : undefined;
  return left === undefined ? [speed] : [`${speed}, ${left}`, speed];
}

interface LineParts {
  readonly doneBytes: number;
  readonly totalBytes: number;
  /** What else to say: the first one that leaves room for a bar. */
  readonly states: readonly string[];
}

function line(name: string, { doneBytes, totalBytes, states }: LineParts, width: number): string {
  const sizes =
    totalBytes === 0 ? humanSize(doneBytes) : `${humanSize(doneBytes)} / ${humanSize(totalBytes)}`;
  const texts = states.map((state) => `${sizes.padEnd(19)} ${state}`);
  const roomFor = (text: string) => Math.min(30, width - nameWidth - text.length - 4);
  const text = texts.find((one) => roomFor(one) >= 8) ?? texts.at(-1) ?? "";
  const room = roomFor(text);
  const bar = room < 4 ? "" : `${barOf(totalBytes === 0 ? 0 : doneBytes / totalBytes, room)} `;
  return `${name.padEnd(nameWidth)} ${bar}${text}`.slice(0, Math.max(0, width)).trimEnd();
}

const nameWidth = 12;

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
