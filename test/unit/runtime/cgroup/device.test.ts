import { describe, expect, test } from "bun:test";
import { deviceProgram } from "../../../../src/runtime/cgroup/device-program.ts";
import {
  allowsEverything,
  defaultRules,
  deviceLines,
  rulesOf,
} from "../../../../src/runtime/cgroup/device-rule.ts";
import type { LinuxDeviceCgroup } from "../../../../src/runtime/spec.ts";
import { runDeviceProgram } from "../../../fixtures/ebpf.ts";

const accessBits: Readonly<Record<string, number>> = { m: 1, r: 2, w: 4 };

/** Whether the program lets "c 1:3 rw" happen. */
function allows(devices: readonly LinuxDeviceCgroup[], asked: string, defaults = false): boolean {
  const [type, numbers = "", access = ""] = asked.split(" ");
  const [major = 0, minor = 0] = numbers.split(":").map(Number);
  const bits = [...access].reduce((all, letter) => all | (accessBits[letter] ?? 0), 0);
  const program = deviceProgram([...rulesOf(devices), ...(defaults ? defaultRules : [])]);
  return runDeviceProgram(program, [(bits << 16) | (type === "b" ? 1 : 2), major, minor]) === 1;
}

const none: LinuxDeviceCgroup = { allow: false, access: "rwm" };
const all: LinuxDeviceCgroup = { allow: true, access: "rwm" };
const c = (
  major: number | undefined,
  minor: number | undefined,
  access: string,
  allow = true,
): LinuxDeviceCgroup => ({
  allow,
  type: "c",
  ...(major === undefined ? {} : { major }),
  ...(minor === undefined ? {} : { minor }),
  access,
});

describe("deviceProgram()", () => {
  const cases: readonly (readonly [rules: readonly LinuxDeviceCgroup[], asked: string, allowed: boolean])[] =
    [
      [[], "c 1:3 r", false],
      [[none], "c 1:3 r", false],
      [[all], "b 8:0 rwm", true],
      [[none, c(1, 3, "rw")], "c 1:3 rw", true],
      [[none, c(1, 3, "rw")], "c 1:3 rwm", false],
      [[none, c(1, 3, "rw")], "c 1:4 r", false],
      [[none, c(1, 3, "rw")], "c 2:3 r", false],
      [[none, c(1, 3, "rw")], "b 1:3 r", false],
      // What one rule allows and what another does add up.
      [[none, c(1, 3, "r"), c(1, undefined, "w")], "c 1:3 rw", true],
      [[none, c(undefined, undefined, "m")], "c 99:99 m", true],
      [[none, c(undefined, undefined, "m")], "c 99:99 rm", false],
      // The last rule that is about it decides, for each kind of access.
      [[all, c(1, 3, "w", false)], "c 1:3 r", true],
      [[all, c(1, 3, "w", false)], "c 1:3 rw", false],
      [[none, c(1, undefined, "rw"), c(1, 3, "rw", false)], "c 1:3 r", false],
      [[none, c(1, undefined, "rw"), c(1, 3, "rw", false)], "c 1:5 r", true],
      [[c(1, 3, "rw"), none], "c 1:3 r", false],
      [[none, { allow: true, type: "b", major: 8, access: "r" }], "b 8:16 r", true],
      [[none, c(4_294_967_295, 4_294_967_295, "r")], "c 4294967295:4294967295 r", true],
    ];
  for (const [rules, asked, allowed] of cases) {
    test(`${allowed ? "allows" : "denies"} ${asked} by ${JSON.stringify(rules)}`, () =>
      expect(allows(rules, asked)).toBe(allowed));
  }

  test("has the default devices behind those rules", () => {
    for (const asked of ["c 1:3 rwm", "c 136:7 rw", "c 5:2 rw", "c 10:200 rw", "b 7:0 m", "c 1:11 m"]) {
      expect([asked, allows([none], asked, true)]).toEqual([asked, true]);
    }
    for (const asked of ["c 1:1 r", "c 1:11 r", "b 8:0 r", "c 10:229 w"]) {
      expect([asked, allows([none], asked, true)]).toEqual([asked, false]);
    }
  });

  test("decides as the rules say, for every list of three out of a few", () => {
    const few = [
      none,
      all,
      c(1, 3, "r"),
      c(1, undefined, "rw", false),
      c(undefined, 3, "w"),
      c(1, 3, "m", false),
    ];
    const lists = few.flatMap((one) => few.flatMap((two) => few.map((three) => [one, two, three])));
    for (const list of lists) {
      for (const asked of ["c 1:3 r", "c 1:3 rw", "c 1:4 w", "c 2:3 wm", "b 1:3 r"]) {
        expect([list, asked, allows(list, asked)]).toEqual([list, asked, modelAllows(list, asked)]);
      }
    }
  });
});

/** The same in plain words: each letter on its own, the last rule about it. */
function modelAllows(devices: readonly LinuxDeviceCgroup[], asked: string): boolean {
  const [type, numbers = "", access = ""] = asked.split(" ");
  const [major, minor] = numbers.split(":").map(Number);
  return [...access].every(
    (letter) =>
      rulesOf(devices).findLast(
        (rule) =>
          rule.type === type &&
          (rule.major ?? major) === major &&
          (rule.minor ?? minor) === minor &&
          rule.access.includes(letter),
      )?.allow === true,
  );
}

describe("deviceLines()", () => {
  const own = (devices: readonly LinuxDeviceCgroup[]) =>
    deviceLines(devices)
      .slice(0, -defaultRules.length)
      .map(({ file, data }) => `${file.slice("devices.".length)} ${data}`);

  test("begins with nothing", () => {
    expect(own([])).toEqual(["deny a"]);
    expect(own([none])).toEqual(["deny a"]);
    expect(own([c(1, 3, "r")])).toEqual(["deny a", "allow c 1:3 r"]);
  });

  test("keeps the order, and makes two of a rule for both types", () => {
    expect(own([all, c(1, 3, "w", false), { allow: true, access: "m" }])).toEqual([
      "allow a",
      "deny c 1:3 w",
      "allow c *:* m",
      "allow b *:* m",
    ]);
  });

  test("ends with the devices that every container has", () => {
    expect(deviceLines([none]).map(({ file, data }) => `${file} ${data}`)).toEqual([
      "devices.deny a",
      "devices.allow c *:* m",
      "devices.allow b *:* m",
      "devices.allow c 1:3 rwm",
      "devices.allow c 1:5 rwm",
      "devices.allow c 1:7 rwm",
      "devices.allow c 1:8 rwm",
      "devices.allow c 1:9 rwm",
      "devices.allow c 5:0 rwm",
      "devices.allow c 5:2 rwm",
      "devices.allow c 136:* rwm",
      "devices.allow c 10:200 rwm",
    ]);
  });

  test("refuses what the kernel would silently ignore", () => {
    expect(() => deviceLines([none, c(1, undefined, "rw"), c(1, 3, "w", false)])).toThrow(
      'cgroup v1 cannot take "c 1:3 w" out of "c 1:* rw"',
    );
    expect(() => deviceLines([none, c(1, 3, "rw"), c(1, 3, "w", false)])).not.toThrow();
    expect(() => deviceLines([all, c(1, 3, "w", false)])).not.toThrow();
  });
});

test("rulesOf() refuses other letters and numbers", () => {
  expect(() => rulesOf([{ allow: true, access: "x" }])).toThrow('devices[0].access: "x"');
  expect(() => rulesOf([none, { allow: true, major: -2 }])).toThrow("devices[1].major: -2");
  expect(rulesOf([{ allow: true, type: "c", major: -1, minor: 3, access: "" }])).toEqual([
    { allow: true, type: "c", major: undefined, minor: 3, access: "rwm" },
  ]);
});

test("allowsEverything() tells rules that forbid nothing", () => {
  expect(allowsEverything([all])).toBe(true);
  expect(allowsEverything([c(1, 3, "r"), all])).toBe(true);
  expect(allowsEverything([])).toBe(false);
  expect(allowsEverything([none, all])).toBe(false);
  expect(allowsEverything([c(1, 3, "rwm")])).toBe(false);
});
