/** Processes: their ends, their start times, signals by descriptor. */
import { describe, expect, test } from "bun:test";
import { failedWith } from "../../../src/sys/error.ts";
import {
  exitCodeOf,
  openProcess,
  readUmask,
  reap,
  sendSignal,
  startTimeOf,
} from "../../../src/sys/process.ts";

describe("exitCodeOf()", () => {
  test("gives the exit code, or 128 and the signal", () => {
    expect(exitCodeOf({ exitCode: 3 })).toBe(3);
    expect(exitCodeOf({ signal: 9 })).toBe(137);
  });
});

test("readUmask() tells the mask and leaves it alone", () => {
  const before = process.umask(0o027);
  try {
    expect(readUmask()).toBe(0o027);
    expect(readUmask()).toBe(0o027);
  } finally {
    process.umask(before);
  }
});

describe("startTimeOf()", () => {
  test("tells processes apart, whatever their names hold", async () => {
    using own = openProcess(process.pid);
    expect(own.number).toBeGreaterThan(2);
    const mine = startTimeOf(process.pid) ?? -1;
    expect(mine).toBeGreaterThan(0);
    const child = Bun.spawn(["sh", "-c", "printf ') R 1 (x' >/proc/self/comm; echo; exec 2>&-; read x"], {
      stdin: "pipe",
      stdout: "pipe",
    });
    await child.stdout.getReader().read();
    expect(startTimeOf(child.pid)).toBeGreaterThanOrEqual(mine);
    child.kill();
    await child.exited;
    expect(startTimeOf(child.pid)).toBeUndefined();
  });

  test("is undefined for a pid that nobody has", () => {
    expect(startTimeOf(2 ** 22 + 1)).toBeUndefined();
  });
});

describe("openProcess() and sendSignal()", () => {
  test("mean one process for ever, also when its pid is free again", async () => {
    const child = Bun.spawn(["sleep", "100"]);
    using pidfd = openProcess(child.pid);
    sendSignal(pidfd, 15);
    await child.exited;
    expect(child.signalCode).toBe("SIGTERM");
    let failure: unknown;
    try {
      sendSignal(pidfd, 0);
    } catch (error) {
      failure = error;
    }
    expect(failedWith(failure, "ESRCH")).toBe(true);
  });
});

test("reap() gives undefined for what is no child of ours", () => {
  expect(reap(1)).toBeUndefined();
});
