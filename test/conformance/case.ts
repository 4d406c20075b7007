/** What a conformance case is: a bundle, commands to any OCI runtime, and what the specification has them do. */
import type { Spec } from "../../src/runtime/spec.ts";
import type { SpecChange } from "../fixtures/bundle.ts";
import type { Tree } from "../fixtures/tree.ts";

/** Text must be equal but for white space at its ends; every expression of a list must match. */
export type Match = string | RegExp | readonly RegExp[];

/** Where a case takes place: a bundle and an ID of its own. */
export interface Place {
  readonly id: string;
  readonly bundle: string;
  readonly rootfs: string;
  /** An empty directory of the host's, outside the bundle. */
  readonly host: string;
}

/** One thing that is done, and what must come of it. */
export type Step =
  /** A command to the runtime. Exit code 0 unless another is told; a container's output counts as the command's. */
  | {
      readonly run: readonly string[];
      readonly exit?: number | "failure";
      readonly stdout?: Match;
      readonly stderr?: Match;
      readonly stdin?: string;
      readonly env?: Readonly<Record<string, string>>;
      /** What runs the runtime: its arguments follow behind these words. */
      readonly under?: readonly string[];
    }
  /** Fields that `state` must tell. */
  | { readonly state: Readonly<Record<string, unknown>> }
  /** Waits until init has ended. */
  | { readonly ended: true }
  /** What the program of the last `create` or `run` has written, once init has ended. */
  | { readonly output: Match }
  /** A file of the host's must be there with this content, or must be absent. */
  | { readonly file: string; readonly holds?: Match; readonly absent?: true }
  /** A script of the host's shell must succeed; `$PID` is init's pid. */
  | { readonly shell: string; readonly stdout?: Match };

/** What a host must have for a case to say anything. */
export type Need = "cgroup1" | "time-namespace" | "numa";

/** A case: what it rests on, what it does. Without `steps` the bundle is run in the foreground. */
export interface Case {
  readonly name: string;
  /** The sentence of the runtime specification (or of what engines take for granted) that the case rests on. */
  readonly rule: string;
  /** Changes to a spec as docker makes it. */
  readonly change?: SpecChange | ((place: Place) => SpecChange);
  /** The last word about config.json: also values that no type allows. */
  readonly raw?: (spec: Spec, place: Place) => unknown;
  /** Files that lie in the root besides busybox. */
  readonly files?: Tree;
  /** The container's program, as a shell script. */
  readonly script?: string;
  /** What a foreground run must print. */
  readonly stdout?: Match;
  readonly stderr?: Match;
  readonly exit?: number | "failure";
  readonly steps?: (place: Place) => readonly Step[];
  readonly needs?: readonly Need[];
  /** Runtimes that are known to do otherwise: how. */
  readonly except?: Readonly<Record<string, string>>;
}

/** The usual start of a case about a container that exists. */
export const create = ({ id, bundle }: Place): Step => ({ run: ["create", "--bundle", bundle, id] });

/** Creates and starts. */
export function started(place: Place): readonly Step[] {
  return [create(place), { run: ["start", place.id] }];
}

/** Ends what `started` began. */
export function killed({ id }: Place): readonly Step[] {
  return [{ run: ["kill", id, "KILL"] }, { ended: true }, { run: ["delete", id] }];
}
