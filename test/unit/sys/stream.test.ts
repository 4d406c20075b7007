/** Streams over real pipes, sockets and ptys: data, ends, and back-pressure. */
import { afterAll, expect, test } from "bun:test";
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipe } from "../../../src/sys/fd.ts";
import { connectUnix, socketPair } from "../../../src/sys/socket.ts";
import { Reader, Writer } from "../../../src/sys/stream.ts";
import { isTerminal, rawMode, setWindowSize, windowSize } from "../../../src/sys/terminal.ts";
import { openPty } from "../../fixtures/pty.ts";

const directory = mkdtempSync(join(tmpdir(), "currunt-stream-"));
afterAll(() => rmSync(directory, { recursive: true }));

/** Everything that can be read until the end. */
function collect(fd: ConstructorParameters<typeof Reader>[0]): Promise<Buffer> {
  const chunks: Buffer[] = [];
  return new Promise((resolve) => {
    const reader = new Reader(fd, {
      onData: (bytes) => chunks.push(Buffer.from(bytes)),
      onEnd: () => resolve(Buffer.concat(chunks)),
    });
    reader.resume();
  });
}

test("Reader gives all that a process writes, and its end", async () => {
  const { reader, writer } = pipe();
  const child = Bun.spawn(["sh", "-c", "echo one; sleep 0.05; echo two; seq 1 50000"], {
    stdio: ["ignore", writer.number, "ignore"],
  });
  writer.close();
  const text = (await collect(reader)).toString();
  expect(text.startsWith("one\ntwo\n1\n2\n")).toBe(true);
  expect(text.endsWith("\n50000\n")).toBe(true);
  await child.exited;
});

test("Reader that is paused reads nothing until it is resumed", async () => {
  const { reader, writer } = pipe();
  let got = "";
  const { promise, resolve } = Promise.withResolvers<void>();
  const stream = new Reader(reader, {
    onData(bytes) {
      got += Buffer.from(bytes).toString();
      stream.pause();
    },
    onEnd: resolve,
  });
  const output = new Writer(writer, () => {});
  output.write(Buffer.from("first"));
  await Bun.sleep(20);
  expect(got).toBe("");
  stream.resume();
  await Bun.sleep(20);
  expect(got).toBe("first");
  output.write(Buffer.from(" second"));
  await Bun.sleep(20);
  expect(got).toBe("first");
  stream.resume();
  await Bun.sleep(20);
  expect(got).toBe("first second");
  output[Symbol.dispose]();
  writer.close();
  stream.resume();
  await promise;
});

test("Writer keeps what a full pipe does not take, in order", async () => {
  const { reader, writer } = pipe();
  const { promise, resolve } = Promise.withResolvers<void>();
  const output = new Writer(writer, resolve);
  const sent = Buffer.alloc(1_000_000, "0123456789");
  expect(output.write(sent.subarray(0, 600_000))).toBe(false);
  expect(output.write(sent.subarray(600_000))).toBe(false);
  const received = collect(reader);
  await promise;
  expect(output.drained).toBe(true);
  output[Symbol.dispose]();
  writer.close();
  expect((await received).equals(sent)).toBe(true);
});

test("Writer whose reader has gone is broken and takes everything", () => {
  const [ours, theirs] = socketPair();
  theirs.close();
  using output = new Writer(ours, () => {});
  expect(output.write(Buffer.from("x"))).toBe(true);
  expect(output.broken).toBe(true);
  ours.close();
});

test("connectUnix() reaches a path longer than an address", async () => {
  const deep = join(directory, "d".repeat(100), "e".repeat(100));
  mkdirSync(deep, { recursive: true });
  const number = openSync(deep, "r");
  const { promise, resolve } = Promise.withResolvers<void>();
  const unix = `/proc/self/fd/${number}/attach.sock`;
  const server = Bun.listen({ unix, socket: { open: () => resolve(), data: () => {} } });
  using client = connectUnix(deep, "attach.sock");
  await promise;
  expect(client.closed).toBe(false);
  expect(() => connectUnix(deep, "other.sock")).toThrow("ENOENT");
  server.stop(true);
  closeSync(number);
});

test("setWindowSize() and rawMode() work on a pty", async () => {
  const { master, terminal } = openPty();
  expect(isTerminal(terminal.number)).toBe(true);
  expect(windowSize(terminal.number)).toBeUndefined();
  setWindowSize(master, { rows: 33, columns: 99 });
  expect(windowSize(terminal.number)).toEqual({ rows: 33, columns: 99 });
  const stty = async () => {
    const child = Bun.spawn(["stty", "-a"], { stdio: [terminal.number, "pipe", "inherit"] });
    const text = await child.stdout.text();
    // Until it has ended it holds the terminal open.
    await child.exited;
    return text;
  };
  const before = await stty();
  expect(before).toMatch(/(^|\s)echo\s/);
  const raw = rawMode(terminal.number);
  expect(await stty()).toMatch(/(^|\s)-echo\s/);
  raw[Symbol.dispose]();
  expect(await stty()).toBe(before);
  terminal.close();
  // The master's end is EIO, which is an end like any other.
  expect((await collect(master)).length).toBe(0);
  master.close();
});

test("isTerminal() and windowSize() of a pipe say no", () => {
  const { reader, writer } = pipe();
  expect(isTerminal(reader.number)).toBe(false);
  expect(windowSize(writer.number)).toBeUndefined();
  reader.close();
  writer.close();
});
