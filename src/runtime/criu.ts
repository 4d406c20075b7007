/** Talks to the host's criu: `criu swrk` answers requests on a socket that it inherits. */
import { O_RDWR } from "../../ffi/kernel.ts";
import { CurruntError } from "../base/error.ts";
import type { Fd } from "../sys/fd.ts";
import { openat } from "../sys/file.ts";
import { waitForEnd } from "../sys/process.ts";
import { receiveWithDescriptors, sendWithDescriptors } from "../sys/rights.ts";
import { findProgram } from "../sys/run-program.ts";
import { tryReadSmallFile } from "../sys/small-file.ts";
import { packetPair } from "../sys/socket.ts";
import { spawn } from "../sys/spawn.ts";
import type { CriuRequest, CriuResponse } from "./criu-message.ts";
import { request, requestTypes, response } from "./criu-message.ts";
import { decode, encode } from "./protobuf.ts";

/** The first version that is known to have all that is asked of it. */
const oldest = { major: 3, minor: 12 };

/** More than any of its answers. */
const largestAnswer = 65536;

/** Tells of a point that criu has come to; a descriptor may come with it. What it throws ends the request. */
export type OnNotify = (script: string, pid: number, fd: Fd | undefined) => Promise<void>;

export interface CriuCall {
  /** Made when criu has been started. */
  readonly request: () => CriuRequest;
  readonly onNotify?: OnNotify;
  /** Become descriptors 4, 5 … of criu's. */
  readonly passed?: readonly Fd[];
  /** True: its streams are ours, for processes that it makes; else they lead nowhere. */
  readonly sharesStreams?: true;
  /** Does what `start` does where criu shall be started. */
  readonly within?: ((start: () => number) => number) | undefined;
  /** Called with criu's pid before it is asked. */
  readonly onSpawned?: ((pid: number) => Promise<void>) | undefined;
}

/** Where criu is. Throws "unsupported" where it is not installed, or too old. */
export async function findCriu(): Promise<string> {
  const path = findProgram("criu");
  if (path === undefined) {
    throw new CurruntError("unsupported", "criu is not installed", {
      hint: "checkpoints are made by criu (criu.org): install the host's package",
    });
  }
  const { success, version } = await callCriu(path, { request: () => ({ type: requestTypes.VERSION }) });
  const { major_number: major = 0, minor_number: minor = 0 } = version ?? {};
  const isOld = major < oldest.major || (major === oldest.major && minor < oldest.minor);
  if (success !== true || isOld) {
    const found = major === 0 ? "" : ` ${major}.${minor}`;
    throw new CurruntError(
      "unsupported",
      `${path}${found} is too old: ${oldest.major}.${oldest.minor} is needed`,
    );
  }
  return path;
}

/** Asks criu one thing, and serves it until it has answered. Resolves to the answer, a failure included. */
export async function callCriu(path: string, call: CriuCall): Promise<CriuResponse> {
  const [near, far] = packetPair();
  using socket = near;
  let pid: number;
  {
    using theirs = far;
    using nowhere = openat(undefined, "/dev/null", O_RDWR);
    const { within = (start) => start(), passed = [], sharesStreams } = call;
    const stream = sharesStreams === true ? undefined : nowhere;
    pid = within(() => start(path, [stream, stream, stream, theirs, ...passed]));
  }
  try {
    await call.onSpawned?.(pid);
    send(socket, call.request());
    return await serve(socket, call);
  } finally {
    // It ends when it has nobody to talk to.
    socket.close();
    waitForEnd(pid);
  }
}

function start(path: string, descriptors: readonly (Fd | undefined)[]): number {
  return spawn({
    path,
    args: ["criu", "swrk", "3"],
    // It runs tar, ip and iptables.
    environment: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
    descriptors,
  });
}

function send(socket: Fd, values: CriuRequest): void {
  sendWithDescriptors(socket, encode(request, values), []);
}

async function serve(socket: Fd, { onNotify }: CriuCall): Promise<CriuResponse> {
  let failure: unknown;
  for (;;) {
    const { bytes, fds } = receiveWithDescriptors(socket, largestAnswer);
    if (bytes.length === 0) throw failure ?? new CurruntError("unavailable", "criu ended without an answer");
    const answer = decode(response, bytes);
    if (answer.type !== requestTypes.NOTIFY) {
      if (failure !== undefined) throw failure;
      return answer;
    }
    const { script = "", pid = 0 } = answer.notify ?? {};
    await onNotify?.(script, pid, fds[0]).catch((error) => {
      failure ??= error;
    });
    send(socket, { type: requestTypes.NOTIFY, notify_success: failure === undefined });
  }
}

/** The error of a request that came to nothing, with what criu wrote into its log last. */
export function criuFailure(what: string, answer: CriuResponse, log: string): CurruntError {
  const lines = (tryReadSmallFile(log) ?? "").split("\n").filter((line) => line.includes("Error ("));
  const said = lines.slice(-3).map((line) => line.replace(/^\([\d.]+\)\s*/, "").trim());
  const { cr_errmsg: message = "", cr_errno: errno = 0 } = answer;
  const reason = said.length > 0 ? said.join("; ") : message.trim() || `error ${errno}`;
  return new CurruntError("unavailable", `${what}: criu: ${reason}`, {
    hint: `all that it did is in ${log}`,
  });
}
