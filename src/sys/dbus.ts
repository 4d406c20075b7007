/** A connection to a D-Bus message bus, or straight to a service: calls and signals, one after the other, blocking. */
import { POLLIN, pollfd } from "../../ffi/kernel.ts";
import { errno, libc } from "../../ffi/libc.ts";
import { CurruntError } from "../base/error.ts";
import type { BusMessage } from "./dbus-message.ts";
import { messageLength, messageTypes, packMessage, unpackMessage } from "./dbus-message.ts";
import type { BusValue } from "./dbus-value.ts";
import { check, SyscallError } from "./error.ts";
import type { Fd } from "./fd.ts";
import { writeAll } from "./file.ts";
import { connectUnix } from "./socket.ts";

const EINTR = 4;

/** Whom to call, and what. */
export interface BusCall {
  /** Well-known name of the service; left out on a connection that has no bus between. */
  readonly destination?: string | undefined;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  /** Types of the arguments. */
  readonly signature?: string;
  readonly body?: readonly BusValue[];
}

/** A call that the service answered with an error. */
export class BusError extends CurruntError {
  /** "org.freedesktop.systemd1.UnitExists". */
  readonly errorName: string;

  constructor(member: string, errorName: string, text: string) {
    const denied = /AccessDenied|InteractiveAuthorizationRequired/.test(errorName);
    super(denied ? "denied" : "internal", `${member}: ${errorName}: ${text}`);
    this.errorName = errorName;
  }
}

/** What is given up after this long: services answer within milliseconds. */
const patienceMs = 30_000;

export class BusConnection implements Disposable {
  readonly #socket: Fd;
  readonly #signals: BusMessage[] = [];
  #received = Buffer.alloc(0);
  #serial = 0;

  private constructor(socket: Fd) {
    this.#socket = socket;
  }

  /** Connects to the socket `directory`/`name`. The kernel says who we are (SASL EXTERNAL). `bus`: it is a message bus. */
  static connect(directory: string, name: string, { bus }: { readonly bus: boolean }): BusConnection {
    const connection = new BusConnection(connectUnix(directory, name));
    try {
      connection.#authenticate();
      if (bus) {
        connection.call({
          destination: "org.freedesktop.DBus",
          path: "/org/freedesktop/DBus",
          interface: "org.freedesktop.DBus",
          member: "Hello",
        });
      }
      return connection;
    } catch (error) {
      connection[Symbol.dispose]();
      throw error;
    }
  }

  /** Has the bus pass signals on that match the rule. */
  match(rule: string): void {
    this.call({
      destination: "org.freedesktop.DBus",
      path: "/org/freedesktop/DBus",
      interface: "org.freedesktop.DBus",
      member: "AddMatch",
      signature: "s",
      body: [rule],
    });
  }

  /** Calls and waits for the answer. Throws the service's BusError. */
  call(call: BusCall): readonly BusValue[] {
    const serial = ++this.#serial;
    const { signature = "", body = [], destination, path, interface: name, member } = call;
    const target = destination === undefined ? {} : { destination };
    const message = {
      type: messageTypes.call,
      serial,
      path,
      interface: name,
      member,
      signature,
      body,
      ...target,
    };
    writeAll(this.#socket, packMessage(message));
    const deadline = performance.now() + patienceMs;
    for (;;) {
      const answer = this.#next(deadline);
      if (answer === undefined) {
        throw new CurruntError("unavailable", `${member}: no answer within ${patienceMs / 1000} s`);
      }
      if (answer.answers !== serial) continue;
      if (answer.type === messageTypes.answer) return answer.body;
      throw new BusError(member, answer.errorName ?? "unknown", String(answer.body[0] ?? ""));
    }
  }

  /** The first signal that `wanted` picks, also among those that came during calls; undefined after `timeoutMs`. */
  waitForSignal(wanted: (signal: BusMessage) => boolean, timeoutMs: number): BusMessage | undefined {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const index = this.#signals.findIndex(wanted);
      if (index !== -1) return this.#signals.splice(index, 1)[0];
      this.#signals.length = 0;
      if (this.#next(deadline) === undefined) return undefined;
    }
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }

  /** All at once: nothing of it depends on an answer, and an identity that is left out is the one that the kernel tells. */
  #authenticate(): void {
    writeAll(this.#socket, Buffer.from("\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n"));
    const deadline = performance.now() + patienceMs;
    for (;;) {
      const end = this.#received.indexOf("\r\n");
      if (end === -1) {
        if (!this.#receive(deadline))
          throw new CurruntError("unavailable", "connect to D-Bus: it does not answer");
        continue;
      }
      const line = this.#received.subarray(0, end).toString();
      this.#received = this.#received.subarray(end + 2);
      if (line.startsWith("OK ")) return;
      if (line !== "DATA")
        throw new CurruntError("denied", `connect to D-Bus: it says ${JSON.stringify(line)}`);
    }
  }

  /** The next message; signals are kept as well. Undefined at the deadline. */
  #next(deadline: number): BusMessage | undefined {
    for (;;) {
      const length = this.#received.length < 16 ? Number.POSITIVE_INFINITY : messageLength(this.#received);
      if (this.#received.length >= length) {
        const message = unpackMessage(this.#received.subarray(0, length));
        this.#received = this.#received.subarray(length);
        if (message.type === messageTypes.signal) this.#signals.push(message);
        return message;
      }
      if (!this.#receive(deadline)) return undefined;
    }
  }

  /** Takes in what has come; false at the deadline. */
  #receive(deadline: number): boolean {
    const asked = pollfd.pack({ fd: this.#socket.number, events: POLLIN });
    const ready = libc.poll(asked, 1, Math.max(0, Math.ceil(deadline - performance.now())));
    if (ready === -1 && errno() === EINTR) return true;
    if (check(ready, "poll", "D-Bus") === 0) return false;
    const chunk = Buffer.allocUnsafe(65536);
    const count = check(libc.read(this.#socket.number, chunk, chunk.length), "read", "D-Bus");
    if (count === 0) throw new SyscallError("read", 104 /* ECONNRESET */, "D-Bus");
    this.#received = Buffer.concat([this.#received, chunk.subarray(0, count)]);
    return true;
  }
}
