/** A monitor that is told nonsense ends, and says why where it can: it believes no length. */
import { expect, test } from "bun:test";
import { resolve } from "node:path";
import { chargeHeader, packCharge } from "../../../ffi/charge.ts";
import { messageTypes, unpackMessage } from "../../../ffi/plan-record.ts";
import type { Fd } from "../../../src/sys/fd.ts";
import { pipe } from "../../../src/sys/fd.ts";
import { receiveWithDescriptors, sendWithDescriptors } from "../../../src/sys/rights.ts";
import { packetPair, socketPair } from "../../../src/sys/socket.ts";

const shim = resolve(import.meta.dir, "../../../dist/shim");

interface Sent {
  readonly packet: Uint8Array;
  /** How many descriptors come along; the second is the plan's socket. */
  readonly descriptors?: number;
}

/** How a monitor ends that gets `packet` from a client that closes then, and the last it said about the plan. */
async function tell({ packet, descriptors = 2 }: Sent) {
  const [ours, theirs] = socketPair();
  const [near, far] = packetPair();
  const { reader, writer } = pipe();
  const monitor = Bun.spawn([shim, "monitor", "test"], {
    stdio: ["ignore", "ignore", "ignore", theirs.number],
  });
  theirs.close();
  const fds: Fd[] = [writer, far, reader, reader, reader].slice(0, descriptors);
  sendWithDescriptors(ours, packet, fds);
  for (const fd of [far, reader, writer, ours]) fd.close();
  const exitCode = await monitor.exited;
  const { bytes } = receiveWithDescriptors(near, 2048);
  near.close();
  const said = bytes.length === 0 ? undefined : unpackMessage(bytes);
  return { exitCode, signal: monitor.signalCode, said };
}

const whole = packCharge([], ["/nowhere/container", "/nowhere/run"]);

function changed(field: "magic" | "version" | "size" | "flags", value: number): Uint8Array {
  const header = chargeHeader.pack({ ...chargeHeader.unpack(whole), [field]: value });
  return Buffer.concat([header, whole.subarray(header.length)]);
}

const silent: [title: string, sent: Sent][] = [
  ["half a header", { packet: whole.subarray(0, 7) }],
  ["another magic", { packet: changed("magic", 1) }],
  ["another version", { packet: changed("version", 2) }],
  ["a size beyond its room", { packet: changed("size", 0xffffffff) }],
  ["a size below what came", { packet: changed("size", 3) }],
  ["a size of nothing", { packet: changed("size", 0).subarray(0, chargeHeader.size) }],
  ["a text that never comes", { packet: whole.subarray(0, whole.length - 3) }],
  ["a text without an end", { packet: Buffer.concat([whole.subarray(0, -1), Buffer.from("x")]) }],
  ["no descriptors", { packet: whole, descriptors: 0 }],
  ["a descriptor too few", { packet: changed("flags", 1) }],
  ["a descriptor too many", { packet: whole, descriptors: 5 }],
];
for (const [title, sent] of silent) {
  test(`a monitor ends at ${title}`, async () => {
    expect(await tell(sent)).toEqual({ exitCode: 1, signal: null, said: undefined });
  });
}

test("a monitor says what it could not prepare as a failure of the plan", async () => {
  const gone = await tell({ packet: whole });
  expect(gone).toMatchObject({ exitCode: 1, said: { type: messageTypes.FAILED, step: -1, text: "openat" } });
  const short = await tell({ packet: packCharge([], ["/tmp"]) });
  expect(short).toMatchObject({ exitCode: 1, said: { type: messageTypes.FAILED, text: "charge" } });
});
