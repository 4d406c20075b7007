/** What is needed to start a container. */
import type { Roots } from "../base/paths.ts";
import type { WindowSize } from "../sys/terminal.ts";
import type { ContainerRecord } from "./container.ts";

/** One start of one container. */
export interface StartRequest {
  readonly roots: Roots;
  readonly record: ContainerRecord;
  /** The client stays and gets the output. */
  readonly attach: boolean;
  /** Window of the client's terminal. */
  readonly size?: WindowSize;
  /** What the client has to do while the kernel makes the container. */
  readonly meanwhile?: (() => void) | undefined;
  /** Takes what the user should know before the program starts. */
  readonly onWarning?: ((message: string) => void) | undefined;
}
