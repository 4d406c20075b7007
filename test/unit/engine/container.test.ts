/** Names, IDs, host files, stop signals and environments. */
import { describe, expect, test } from "bun:test";
import { checkName, newID } from "../../../src/engine/container.ts";
import { mergeEnvironment } from "../../../src/engine/environment.ts";
import { hostFiles } from "../../../src/engine/host-files.ts";
import { generateName } from "../../../src/engine/names.ts";
import { parseStopSignal } from "../../../src/engine/stop-signal.ts";

test("newID() gives 64 hexadecimal digits, never the same", () => {
  expect(newID()).toMatch(/^[0-9a-f]{64}$/);
  expect(newID()).not.toBe(newID());
});

test("generateName() gives valid names, with a number after some that were taken", () => {
  for (let i = 0; i < 200; i++) checkName(generateName());
  expect(generateName()).toMatch(/^[a-z]+_[a-z]+$/);
  expect(generateName(5)).toMatch(/^[a-z]+_[a-z]+_\d+$/);
});

test("checkName() refuses what could be a flag, a path or nothing", () => {
  for (const name of ["", "a", "-rm", "a/b", ".hidden", "a b", "x".repeat(129)]) {
    expect(() => checkName(name)).toThrow("not a valid name");
  }
  for (const name of ["web", "web.1_a-b", "0a"]) checkName(name);
});

test("mergeEnvironment() keeps places, the last value, and removes bare names", () => {
  expect(mergeEnvironment(["A=1", "B=1"], ["A=2=x", "C="], ["B"])).toEqual(["A=2=x", "C="]);
});

test("parseStopSignal() reads names, numbers and real-time signals", () => {
  const read = ["", "SIGQUIT", "quit", "9", "SIGRTMIN+3", "RTMAX-1"].map(parseStopSignal);
  expect(read).toEqual([15, 3, 3, 9, 37, 63]);
  for (const bad of ["SIGNO", "0", "65"]) expect(() => parseStopSignal(bad)).toThrow("unknown");
});

describe("hostFiles()", () => {
  const input = {
    hostname: "box",
    network: "none",
    extraHosts: [{ name: "db", address: "10.0.0.2" }],
    dns: [],
    host: {
      hosts: "127.0.0.1 localhost\n10.1.1.1 here\n",
      resolvConf: "nameserver 127.0.0.53\nsearch lan\n",
    },
  } as const;

  test("none: names of its own, no resolver of the host's loopback", () => {
    const files = hostFiles(input);
    expect(files.hostname).toBe("box\n");
    expect(files.hosts).toContain("127.0.1.1\tbox\n");
    expect(files.hosts).toContain("10.0.0.2\tdb\n");
    expect(files.hosts).not.toContain("here");
    expect(files["resolv.conf"]).toBe("search lan\n");
  });

  test("host: what the host has, and the container's name", () => {
    const files = hostFiles({ ...input, network: "host", hostname: "here" });
    expect(files.hosts).toContain("10.1.1.1 here\n");
    expect(files.hosts).not.toContain("127.0.1.1");
    expect(files["resolv.conf"]).toBe("nameserver 127.0.0.53\nsearch lan\n");
  });

  test("name servers that are given replace the host's", () => {
    expect(hostFiles({ ...input, dns: ["9.9.9.9"] })["resolv.conf"]).toBe("nameserver 9.9.9.9\nsearch lan\n");
  });
});
