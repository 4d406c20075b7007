/** The monitor: one process a container, its parent, which holds its streams, writes its log and records its end. */
import { explain } from "../base/error.ts";
import { exitNow } from "../sys/exit.ts";
import type { Fd } from "../sys/fd.ts";
import { becomeSubreaper } from "../sys/process.ts";
import { receiveWithDescriptors } from "../sys/rights.ts";
import { detachSelf } from "../sys/self.ts";
import { spawnImage } from "../sys/spawn.ts";
import type { FrameType } from "./attach-protocol.ts";
import { FrameDecoder } from "./attach-protocol.ts";
import type { Charge, Started } from "./charge.ts";
import { readDescriptors } from "./charge.ts";
import { Supervisor } from "./supervise.ts";

/**
 * What the hidden command `monitor` runs, without arguments. Descriptor 3 is the socket to the creating client, which is
 * told by its end when this process dies, and tells by its end that it gave up. Ends the process.
 */
export async function runMonitor(): Promise<never> {
  const { client, charge, fds } = meetClient();
  const { lock, shim, ours } = readDescriptors(fds);
  spawnImage(shim);
  for (const fd of [shim.image, shim.socket]) fd.close();
  if (shim.stdio !== "inherit") for (const fd of Object.values(shim.stdio)) fd.close();
  const supervisor = new Supervisor(charge, { client, lock });
  const { message: started, fds: terminal } = receive<Started>(client, "started");
  const [master] = terminal;
  const ends = ours ?? (master === undefined ? undefined : { stdin: master, stdout: master });
  if (ends === undefined) throw new Error("unreachable: a program has pipes or a terminal");
  await supervisor.run(started.pid, ends);
  exitNow(0);
}

interface Beginning {
  readonly client: Fd;
  readonly charge: Charge;
  readonly fds: Fd[];
}

function meetClient(): Beginning {
  try {
    const [client] = detachSelf(1);
    if (client === undefined) throw new Error("unreachable: a descriptor was asked for");
    process.chdir("/");
    process.umask(0o022);
    becomeSubreaper();
    // Imported statically: loading is most of a monitor's start, and goes on while the client finds out what to run.
    const { message: charge, fds } = receive<Charge>(client, "begin");
    return { client, charge, fds };
  } catch (error) {
    console.error(`currunt: monitor: only currunt itself can start it: ${explain(error)}`);
    exitNow(125);
  }
}

/**
 * Blocks until the client's next message is here: there is nothing else to do yet. When the client has gone, so does this
 * process, and init with it, which has asked the kernel for that.
 */
function receive<T>(client: Fd, wanted: FrameType): { message: T; fds: Fd[] } {
  const decoder = new FrameDecoder();
  const fds: Fd[] = [];
  for (;;) {
    const received = receiveWithDescriptors(client, 64 * 1024);
    if (received.bytes.length === 0) exitNow(0);
    fds.push(...received.fds);
    let message: T | undefined;
    decoder.push(received.bytes, (type, payload) => {
      // From this very program, so its JSON needs no check.
      if (type === wanted) message = JSON.parse(Buffer.from(payload).toString());
    });
    if (message !== undefined) return { message, fds };
  }
}
