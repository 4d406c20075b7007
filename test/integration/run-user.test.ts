/** `-user`: names and numbers resolved in the container's passwd and group, with supplementary groups. */
import { describe, expect, test } from "bun:test";
import { useCurrunt } from "../fixtures/currunt.ts";

const file = useCurrunt();
const show = 'echo "$(id -u) $(id -g) $(id -G) $HOME"';

describe("run -user", () => {
  const cases: [string, string][] = [
    ["alice", "1000 1000 1000 10 29 /home/alice"],
    ["1000", "1000 1000 1000 10 29 /home/alice"],
    ["bob", "1001 100 100 10 /home/bob"],
    ["alice:wheel", "1000 10 10 /home/alice"],
    ["alice:29", "1000 29 29 /home/alice"],
    ["1000:1000", "1000 1000 1000 /home/alice"],
    ["0", "0 0 0 /root"],
    ["root:audio", "0 29 29 /root"],
    ["4242", "4242 0 0 /"],
    ["4242:4343", "4242 4343 4343 /"],
  ];
  for (const [user, expected] of cases) {
    test(`${user} is ${expected}`, async () => {
      const { stdout, stderr } = await file.current.inside(show, "-user", user);
      expect(stderr).toBe("");
      expect(stdout.trim()).toBe(expected);
    });
  }

  test("the capabilities of a user other than root are not effective", async () => {
    const { stdout } = await file.current.inside(
      "grep -E 'Cap(Eff|Bnd)' /proc/self/status",
      "-user",
      "alice",
    );
    expect(stdout).toContain("CapEff:\t0000000000000000");
    expect(stdout).toContain("CapBnd:\t00000000a80425fb");
  });

  test("a user without rights cannot read what root owns", async () => {
    const { code } = await file.current.inside("ls /root", "-user", "alice");
    expect(code).not.toBe(0);
  });

  for (const user of ["nobody-here", "alice:nogroup-here", "4294967296", "-1", "a:b:c"]) {
    test(`${user} is refused by name`, async () => {
      const { code, stderr } = await file.current.inside("true", "-user", user);
      expect(code).toBe(125);
      expect(stderr).toContain(user.split(":").find((part) => part.includes("here")) ?? user);
    });
  }
});
