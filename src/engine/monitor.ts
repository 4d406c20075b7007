/** The monitor: one process a container, its parent, which holds its streams, writes its log and records its end. */

import { exitNow } from "../sys/exit.ts";
import type { Fd } from "../sys/fd.ts";
import { detachSelf, readBlocking } from "../sys/self.ts";
import type { StartRequest } from "./start-request.ts";

/**
 * What the hidden command `monitor` runs, without arguments. Descriptor 3 is the socket to the creating client, 4 the
 * container's lock, which this process holds for its whole life. Ends the process.
 */
export async function runMonitor(): Promise<never> {
  const [client, lock] = detachSelf(2);
  if (client === undefined || lock === undefined)
    throw new Error("unreachable: two descriptors were asked for");
  process.chdir("/");
  process.umask(0o022);
  // While the client still finds out what to start: loading is most of a monitor's start.
  const { Supervisor } = await import("./supervise.ts");
  const request = await receiveRequest(client);
  // The client gave up before there was anything to start; it cleans up itself, or the next command does.
  if (request === undefined) exitNow(0);
  const supervisor = new Supervisor(request, client, lock);
  await supervisor.run();
  exitNow(0);
}

/** Blocks: there is nothing else to do yet. Undefined: the client has gone. */
async function receiveRequest(client: Fd): Promise<StartRequest | undefined> {
  const { FrameDecoder } = await import("./attach-protocol.ts");
  const decoder = new FrameDecoder();
  let request: StartRequest | undefined;
  while (request === undefined) {
    const bytes = readBlocking(client);
    if (bytes.length === 0) return undefined;
    decoder.push(bytes, (type, payload) => {
      // The client waits for the answer before it sends more. It is this very program: its JSON needs no check.
      if (type === "start") request = JSON.parse(Buffer.from(payload).toString());
    });
  }
  return request;
}
