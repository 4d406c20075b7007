/** A plan in the making: its steps so far, and the next free slot. */
import type { Slot, Step } from "../../ffi/plan.ts";
import { CurruntError } from "../base/error.ts";

/** What the caller passes along with a plan, in the order of the slots. */
export type PlanInput = "terminal" | "rootfs" | "init" | "cgroup" | "fifo" | "failure" | "preserved";

export class Draft {
  readonly steps: Step[] = [];
  readonly inputs: PlanInput[] = [];
  #slots = 0;
  #taken = 0;

  /** A slot for a descriptor that the caller passes. All of these come before the first `slot()`. */
  input(name: PlanInput): Slot {
    if (this.inputs.length !== this.#slots)
      throw new CurruntError("internal", "a plan's input comes too late");
    this.inputs.push(name);
    return this.#slots++;
  }

  /** A slot for a descriptor that a step opens. */
  slot(): Slot {
    return this.#slots++;
  }

  /** The steps since the last call. */
  take(): Step[] {
    const steps = this.steps.slice(this.#taken);
    this.#taken = this.steps.length;
    return steps;
  }

  add(...steps: Step[]): void {
    this.steps.push(...steps);
  }

  /** Adds a step that opens, and returns its slot. */
  open(make: (slot: Slot) => Step): Slot {
    const slot = this.slot();
    this.add(make(slot));
    return slot;
  }
}
