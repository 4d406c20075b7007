/** linux.netDevices: interfaces that move into a container, with their addresses; in a network namespace that plays the host's. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { Bundle } from "../fixtures/bundle.ts";

let bundle: Bundle;
beforeAll(async () => {
  bundle = await Bundle.make();
});
afterAll(() => bundle[Symbol.asyncDispose]());

const makeDevices =
  "ip link add v0 type veth peer name v1; ip link set v0 up; ip link set v1 up; ip addr add 10.9.8.7/24 broadcast + dev v0; " +
  "ip addr add 10.9.9.1/16 dev v0; ip -6 addr add fd00:9::7/64 dev v0 nodad";

/** Runs a script in a container that gets `netDevices`, started from a namespace with a pair of interfaces v0 and v1. */
function run(netDevices: object, script: string, after = ""): { stdout: string; stderr: string } {
  const fixture = join(import.meta.dir, "../fixtures/run-bundle.ts");
  const namespaces = ["mount", "pid", "network"].map((type) => ({ type }));
  const change = { linux: { netDevices, namespaces }, process: { args: ["sh", "-c", script] } };
  const command = `${makeDevices}; "$0" "$1" "$2" --change "$3"; ${after}`;
  const words = [process.execPath, fixture, bundle.directory, JSON.stringify(change)];
  const { stdout, stderr } = Bun.spawnSync(["unshare", "-n", "sh", "-c", command, ...words], {
    stderr: "pipe",
  });
  return { stdout: stdout.toString(), stderr: stderr.toString() };
}

const addresses =
  "ip -o addr show | sed -n 's/.* \\(inet6*\\) \\([^ ]*\\) .*/\\2/p' | grep -v '^fe80\\|^127\\|^::1' | sort";

describe("linux.netDevices", () => {
  test("moves an interface with its addresses, and switches it on", () => {
    const { stdout, stderr } = run({ v0: {} }, `ip -o link show v0; ${addresses}`, "ip -o link show v0");
    const [link, ...lines] = stdout.trim().split("\n");
    expect(link).toMatch(/<.*\bUP\b.*>/);
    expect(lines).toEqual(["10.9.8.7/24", "10.9.9.1/16", "fd00:9::7/64"]);
    expect(stderr).toContain('"v0" does not exist');
  });

  test("renames it, by a template too", () => {
    const renamed = run(
      { v0: { name: "lan0" }, v1: { name: "eth%d" } },
      "ls /sys/class/net; ip -o addr show lan0 | grep -v fe80 | grep -c inet",
    );
    expect(renamed).toEqual({ stdout: "eth0\nlan0\nlo\n3\n", stderr: "" });
  });

  test("refuses names that are missing on the host or taken in the container, and moves nothing then", () => {
    const check = "ip -o link show v0 | wc -l";
    const missing = run({ none: {} }, "true", check);
    expect(missing.stderr).toContain('move "none" into the container as "none": there is no such interface');
    const taken = run({ v0: { name: "lo" } }, "true", check);
    expect(taken.stderr).toContain("there is an interface of that name in the container");
    expect(taken.stdout).toBe("1\n");
  });
});
