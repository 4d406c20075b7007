/** Runs a plan: starts the shim, hands it the steps, serves its messages, and turns a failed step into an error. */
import { POLLIN, pollfd, SHUT_WR, SIGKILL } from "../../ffi/kernel.ts";
import { errno, libc } from "../../ffi/libc.ts";
import type { Slot, Step } from "../../ffi/plan.ts";
import type { Message } from "../../ffi/plan-record.ts";
import { messageTypes, pack, planConstants, unpackMessage } from "../../ffi/plan-record.ts";
import { CurruntError } from "../base/error.ts";
import { check, describeErrno, failedWith, SyscallError } from "./error.ts";
import type { Fd } from "./fd.ts";
import { sendSignal, takeDescriptor, waitForEnd } from "./process.ts";
import { receiveWithDescriptors, sendWithDescriptors } from "./rights.ts";
import { startShim } from "./shim-start.ts";
import type { SpawnOptions } from "./spawn.ts";

const EINTR = 4;

/** `init` resolves to the pid of the plan's program as soon as that is cloned, and serves sync points until then. */
export type PartMaker = (init: () => Promise<number>) => MadePart | Promise<MadePart>;

/** Steps, and where they bring descriptors along, the slot of the first. */
export type MadePart =
  | readonly Step[]
  | { readonly steps: readonly Step[]; readonly slot: Slot; readonly fds: readonly Fd[] };

export interface PlanOptions {
  /** Slots 0, 1 … of the plan. */
  readonly fds: readonly Fd[];
  /** What the shim can begin with: the clone takes the kernel a millisecond, time in which the rest can be made. */
  readonly steps: readonly Step[];
  /** Makes the rest, part by part: while the shim executes one, the next is made. */
  readonly rest?: readonly PartMaker[];
  /** What the caller has to do while the shim executes the last part. */
  readonly meanwhile?: ((init: () => Promise<number>) => void | Promise<void>) | undefined;
  readonly stdio: SpawnOptions["stdio"];
  /** Has another process start the shim, whose child the plan's program becomes then. */
  readonly spawn?: ((options: SpawnOptions) => void) | undefined;
  /** Does what belongs to a sync step; a failure ends the plan. */
  readonly onSync?: ((point: string, pid: number) => void | Promise<void>) | undefined;
  /** Takes the listener of a seccomp filter, which is closed when this has resolved; a failure ends the plan. */
  readonly onListener?: ((listener: Fd, pid: number) => void | Promise<void>) | undefined;
}

/** A process that a plan cloned, and that now is the plan's program. */
export interface Started {
  readonly pid: number;
  readonly pidfd: Fd;
}

/** A step that failed. */
export class StepError extends SyscallError {
  readonly step: Step | undefined;
  /** What the step was to do, in words that are not loaded before they are needed. */
  doing: string;

  /** `kernelText`: what the kernel said of it, often nothing. */
  constructor(step: Step | undefined, operation: string, number: number, kernelText: string) {
    super(operation, number, kernelText === "" ? undefined : kernelText);
    this.step = step;
    this.doing = step === undefined ? "receive the plan" : `do step "${step.op}" of the plan`;
  }

  /** The system call and why it failed, in the kernel's own words where it gave any. */
  get reason(): string {
    const detail = this.subject === undefined ? "" : ` (${this.subject})`;
    return `${this.operation}: ${describeErrno(this.errno)}${detail}`;
  }

  protected override describe(): string {
    return `${this.doing}: ${this.reason}`;
  }
}

/** Carries out the steps; resolves once the plan's program runs. On failure no process is left, and a StepError thrown. */
export async function runPlan(options: PlanOptions): Promise<Started> {
  const { pid: shim, socket } = await startShim(options);
  using ours = socket;
  const conversation = new Conversation(ours, options);
  try {
    const { fds, rest = [] } = options;
    let { steps } = options;
    tryToSend(() => sendPart(ours, { steps, fds, more: rest.length > 0 }));
    for (const [index, make] of rest.entries()) {
      const made = await make(() => conversation.untilCloned(steps));
      const { steps: part, ...passed } = "steps" in made ? made : { steps: made, fds: [] };
      tryToSend(() => sendPart(ours, { steps: part, ...passed, more: index < rest.length - 1 }));
      steps = [...steps, ...part];
      // An answer to the shim must not come behind steps that it has not asked for.
      if (part.some(({ op }) => op === "sync")) await conversation.untilSynced(steps);
    }
    await options.meanwhile?.(() => conversation.untilCloned(steps));
    await conversation.run(steps);
    return conversation.finish();
  } catch (error) {
    conversation.abort();
    throw error;
  } finally {
    // The half that does not become init has ended by now, or is about to.
    if (shim !== undefined) waitForEnd(shim);
  }
}

interface Part {
  readonly steps: readonly Step[];
  readonly slot?: Slot;
  readonly fds: readonly Fd[];
  readonly more: boolean;
}

/** Sends, unless the shim has ended: its last message, which can still be read, tells why. */
function tryToSend(send: () => void): void {
  try {
    send();
  } catch (error) {
    if (!failedWith(error, "EPIPE", "ECONNRESET")) throw error;
  }
}

function sendPart(socket: Fd, { steps, slot = 0, fds, more }: Part): void {
  const { header, records } = pack(steps, { more, slot });
  sendWithDescriptors(socket, header, fds);
  for (let sent = 0; sent < records.length; sent += planConstants.PLAN_CHUNK) {
    sendWithDescriptors(socket, records.subarray(sent, sent + planConstants.PLAN_CHUNK), []);
  }
}

/** How long to wait for a message in place: the shim takes a millisecond or two, less than the event loop's detours. */
const patienceMs = 100;

/** A message, and the descriptor that came with it. */
type Received = Message & { readonly fd: Fd | undefined };

/** What is said over the shim's socket, from the first step to the program's start. */
class Conversation {
  readonly #socket: Fd;
  readonly #options: PlanOptions;
  #steps: readonly Step[] = [];
  #init: Started | undefined;
  #failure: Message | undefined;
  #executing = false;
  /** A sync that came before the parent half had told the pid. */
  #waiting: Message | undefined;
  /** How many syncs have been answered. */
  #synced = 0;

  constructor(socket: Fd, options: PlanOptions) {
    this.#socket = socket;
    this.#options = options;
  }

  /** Serves messages until init exists; its pid. Throws when it came to nothing. */
  async untilCloned(steps: readonly Step[]): Promise<number> {
    this.#steps = steps;
    while (this.#init === undefined) {
      const message = this.#receiveNow(patienceMs) ?? (await this.#receiveLater());
      if (message === "closed") break;
      await this.#serve(message);
    }
    return this.#init?.pid ?? this.finish().pid;
  }

  /** Serves messages until every sync step so far has been answered, or the other side has closed. */
  async untilSynced(steps: readonly Step[]): Promise<void> {
    this.#steps = steps;
    const count = steps.filter(({ op }) => op === "sync").length;
    while (this.#synced < count) {
      const message = this.#receiveNow(patienceMs) ?? (await this.#receiveLater());
      if (message === "closed") return;
      await this.#serve(message);
    }
  }

  /** Serves messages until the other side closes: the program runs then, or all processes of the plan have ended. */
  async run(steps: readonly Step[]): Promise<void> {
    this.#steps = steps;
    for (;;) {
      const message = this.#receiveNow(patienceMs) ?? (await this.#receiveLater());
      if (message === "closed") return;
      await this.#serve(message);
    }
  }

  async #serve(message: Received): Promise<void> {
    if (message.type === messageTypes.CLONED) this.#meet(message);
    else if (message.type === messageTypes.SYNC || message.type === messageTypes.LISTENER)
      this.#waiting = message;
    else if (message.type === messageTypes.FAILED) this.#failure = message;
    else if (message.type === messageTypes.EXECUTING) this.#executing = true;

    if (this.#waiting !== undefined && this.#init !== undefined) {
      const { type, text, value } = this.#waiting;
      this.#waiting = undefined;
      if (type === messageTypes.LISTENER) await this.#passListener(value, this.#init);
      else {
        await this.#options.onSync?.(text, this.#init.pid);
        this.#synced += 1;
      }
      tryToSend(() => sendWithDescriptors(this.#socket, new Uint8Array(1), []));
    }
  }

  async #passListener(number: number, { pid, pidfd }: Started): Promise<void> {
    using listener = takeDescriptor(pidfd, number);
    await this.#options.onListener?.(listener, pid);
  }

  /** The descriptor comes from the clone itself: init may have ended, and been waited for, before its pid is read. */
  #meet({ value: pid, fd }: Received): void {
    if (fd === undefined) throw new CurruntError("internal", "the shim did not pass init's descriptor");
    this.#init = { pid, pidfd: fd };
  }

  /** The next message within `timeoutMs`, which blocks this thread; undefined when there is none. */
  #receiveNow(timeoutMs: number): Received | "closed" | undefined {
    const asked = pollfd.pack({ fd: this.#socket.number, events: POLLIN });
    const ready = libc.poll(asked, 1, timeoutMs);
    // The shim's first half ends while we wait, and SIGCHLD comes: that is no reason to stop waiting.
    if (ready === -1 && errno() === EINTR) return this.#receiveNow(timeoutMs);
    if (check(ready, "poll") === 0) return undefined;
    try {
      const { bytes, fds } = receiveWithDescriptors(this.#socket, 2048);
      return bytes.length === 0 ? "closed" : { ...unpackMessage(bytes), fd: fds[0] };
    } catch (error) {
      if (!failedWith(error, "ECONNRESET")) throw error;
      // It died before it had read all that was sent to it. The kernel says so first; what it said itself comes next.
      return this.#receiveNow(timeoutMs);
    }
  }

  /** The same without blocking: a step hangs, on a dead network filesystem perhaps, and the process must stay awake. */
  async #receiveLater(): Promise<Received | "closed"> {
    const { readable } = await import("./readiness.ts");
    for (;;) {
      await readable(this.#socket);
      const message = this.#receiveNow(0);
      if (message !== undefined) return message;
    }
  }

  /** The process that runs now, or the error that kept it from running. */
  finish(): Started {
    const failure = this.#failure;
    if (failure !== undefined) {
      const [operation = "", kernelText = ""] = failure.text.split("\n");
      throw new StepError(this.#steps[failure.step], operation, failure.value, kernelText);
    }
    if (this.#init === undefined || !this.#executing) {
      throw new CurruntError("internal", "the container's init was killed while it was set up", {
        hint: "the kernel log may tell why: a memory limit that is too low, for one",
      });
    }
    return this.#init;
  }

  /** Ends and reaps what the plan has cloned. */
  abort(): void {
    // Whoever waits for us sees an end, and ends; what has been said can still be read.
    libc.shutdown(this.#socket.number, SHUT_WR);
    while (this.#init === undefined) {
      const message = this.#receiveNow(patienceMs);
      if (message === undefined || message === "closed") return;
      if (message.type === messageTypes.CLONED) this.#meet(message);
    }
    using pidfd = this.#init.pidfd;
    try {
      sendSignal(pidfd, SIGKILL);
    } catch (error) {
      // Ended, and its parent, which need not be us, has waited for it.
      if (!failedWith(error, "ESRCH")) throw error;
    }
    waitForEnd(this.#init.pid);
  }
}
