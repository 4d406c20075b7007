/** Follows a running container: when it is time to look again, when the kernel killed for want of memory, when it ends. */
import { O_RDONLY, POLLIN, POLLPRI } from "../../../ffi/kernel.ts";
import { tryOpen } from "../../sys/attempt.ts";
import { PollThread } from "../../sys/blocking.ts";
import type { Interest } from "../../sys/change.ts";
import { failedWith } from "../../sys/error.ts";
import { makeEventCounter, takeEvents } from "../../sys/event-counter.ts";
import { openProcess } from "../../sys/process.ts";
import { openCgroupDirectory, readAgain, writeCgroupFile } from "./file.ts";
import { readOomKills } from "./oom.ts";
import type { CgroupState } from "./state.ts";
import { directoryOfController, unifiedDirectory } from "./state.ts";

/** "tick": the interval has passed. "oom": at least one process was killed for want of memory. */
export type WatchEvent = "tick" | "oom";

export interface WatchOptions {
  /** The container's init. */
  readonly pid: number;
  readonly intervalMs: number;
}

/** Yields events until init has ended. */
export async function* watchContainer(
  state: CgroupState,
  { pid, intervalMs }: WatchOptions,
): AsyncGenerator<WatchEvent> {
  using stack = new DisposableStack();
  let init: Interest;
  try {
    init = { fd: stack.use(openProcess(pid)), events: POLLIN };
  } catch (error) {
    if (failedWith(error, "ESRCH")) return;
    throw error;
  }
  let source = openOomSource(state, stack);
  const thread = stack.use(new PollThread());
  let kills = readOomKills(state);
  let next = performance.now() + intervalMs;
  for (;;) {
    const interests = source === undefined ? [init] : [init, source.interest];
    const [ended, told] = await thread.wait(interests, Math.max(0, Math.ceil(next - performance.now())));
    if (told === true && source?.take() === false) source = undefined;
    const now = readOomKills(state);
    if (now > kills) yield "oom";
    kills = now;
    if (ended === true) return;
    if (performance.now() < next) continue;
    next += intervalMs;
    yield "tick";
  }
}

/** Where the kernel says that memory ran out. */
interface OomSource {
  readonly interest: Interest;
  /** To be done before the next wait; false: the cgroup is gone, and there will be no other. */
  take(): boolean;
}

function openOomSource(state: CgroupState, stack: DisposableStack): OomSource | undefined {
  const legacy = directoryOfController(state, "memory");
  const path = legacy ?? unifiedDirectory(state);
  const name = legacy === undefined ? "memory.events" : "memory.oom_control";
  const opened = path === undefined ? "ENOENT" : tryOpen(undefined, `${path}/${name}`, O_RDONLY, ["ENOENT"]);
  if (typeof opened === "string" || path === undefined) return undefined;
  const file = stack.use(opened);
  if (legacy === undefined) {
    readAgain(file);
    return { interest: { fd: file, events: POLLPRI }, take: () => readAgain(file) !== undefined };
  }
  // Documentation/admin-guide/cgroup-v1/memory.rst, "OOM Control".
  const counter = stack.use(makeEventCounter());
  using directory = openCgroupDirectory(path);
  writeCgroupFile(directory, "cgroup.event_control", `${counter.number} ${file.number}`);
  const take = () => {
    takeEvents(counter);
    return true;
  };
  return { interest: { fd: counter, events: POLLIN }, take };
}
