/** What surrounds a pull on the command line: its progress on standard error, and Ctrl-C. */
import type { PullListener, PullProgress } from "../engine/options.ts";
import { Interruption } from "./interruption.ts";
import type { PullDisplay } from "./progress.ts";

/** Of every command that may pull. */
export const progressFlag = {
  type: "string",
  choices: ["auto", "bar", "plain", "json", "none"],
  default: "auto",
  help: "how a pull is shown: bars on a terminal, else lines",
} as const;

/** Of every command that may pull. */
export const layerFormatFlag = {
  type: "string",
  choices: ["directory", "erofs"],
  default: "directory",
  env: "CURRUNT_LAYER_FORMAT",
  help: "how new layers are stored: as directories, or as a file each, which pulls faster",
} as const;

export interface PullFlags {
  readonly quiet: boolean;
  readonly progress: (typeof progressFlag.choices)[number];
}

/** What the engine is given to tell about a pull, and to be told to stop. */
export interface PullWatch {
  readonly onEvent: PullListener;
  readonly signal: AbortSignal;
}

/**
 * Runs `act` with a watch. Nothing is set up before a pull begins, and all is taken back when it ends: a program that is
 * attached afterwards finds the terminal and the signals as they were.
 */
export async function pullWatch<T>(flags: PullFlags, act: (watch: PullWatch) => Promise<T>): Promise<T> {
  using interruption = new Interruption();
  let waiting: PullProgress[] = [];
  let show: PullListener = (event) => waiting.push(event);
  let display: PullDisplay | undefined;
  let loading: Promise<void> | undefined;
  const load = async () => {
    const { pullDisplay } = await import("./progress.ts");
    display = await pullDisplay(flags.quiet ? "none" : flags.progress);
    ({ show } = display);
    for (const event of waiting) show(event);
    waiting = [];
  };
  const onEvent: PullListener = (event) => {
    loading ??= load();
    show(event);
    if (event.type === "done" || event.type === "up-to-date") interruption[Symbol.dispose]();
    else interruption.arm();
  };
  try {
    return await act({ onEvent, signal: interruption.signal });
  } finally {
    await loading;
    display?.close();
  }
}
