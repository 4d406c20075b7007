/** What is needed to start a container. */
import type { Roots } from "../base/paths.ts";
import type { ImageMounts } from "../image/layer-mount.ts";
import type { Spec } from "../runtime/spec.ts";
import type { WindowSize } from "../sys/terminal.ts";
import type { ContainerRecord } from "./container.ts";

/** What the kernel and the monitor can begin with, before anything is known of the image. */
export interface Foreseen extends Pick<ContainerRecord, "id" | "interactive" | "remove"> {
  /** Its namespaces and whether it has a terminal; the rest of it is not looked at. */
  readonly spec: Spec;
}

/** A container whose root is to be mounted. */
export interface RootRequest {
  readonly roots: Roots;
  readonly record: ContainerRecord;
  /** Takes the mounts of layers that are images, which the caller closes. */
  readonly images?: ImageMounts | undefined;
  /** Window of the client's terminal. */
  readonly size?: WindowSize | undefined;
  /** Takes what the user should know before the program starts. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

/** One start of one container. */
export interface StartRequest extends Omit<RootRequest, "record" | "images"> {
  readonly foreseen: Foreseen;
  /** Makes or finds the container, while the kernel makes its namespaces. */
  readonly record: () => Promise<ContainerRecord>;
  /** The client stays and gets the output. */
  readonly attach: boolean;
  /** What the client has to do while the kernel makes the rest of the container. */
  readonly meanwhile?: ((record: ContainerRecord) => void) | undefined;
}
