/** Users are found in passwd and group texts as docker finds them. */
import { describe, expect, test } from "bun:test";
import { parseUser, resolveUser } from "../../../src/engine/user.ts";

const passwd = `# comment
root:x:0:0:root:/root:/bin/sh
joe:x:1000:1000:Joe:/home/joe:/bin/sh
nohome:x:1001:1001:::
broken
7:x:1007:1007::/seven:`;
const group = `root:x:0:
joe:x:1000:
wheel:x:10:root, joe
audio:x:29:joe
late:x:30:nobody,joe`;

describe("resolveUser()", () => {
  test("a name has its group, its supplementary groups and its home", () => {
    expect(resolveUser({ user: "joe" }, passwd, group)).toEqual({
      uid: 1000,
      gid: 1000,
      additionalGids: [1000, 10, 29, 30],
      home: "/home/joe",
    });
  });
  test("a number is looked up too", () => {
    expect(resolveUser({ user: "1000" }, passwd, group).additionalGids).toEqual([1000, 10, 29, 30]);
  });
  test("an unknown number has group 0 and no home", () => {
    expect(resolveUser({ user: "4321" }, passwd, group)).toEqual({
      uid: 4321,
      gid: 0,
      additionalGids: [0],
      home: "/",
    });
  });
  test("a group that is asked for is the only one", () => {
    expect(resolveUser({ user: "joe", group: "audio" }, passwd, group)).toMatchObject({
      gid: 29,
      additionalGids: [29],
    });
    expect(resolveUser({ user: "joe", group: "555" }, passwd, group).gid).toBe(555);
  });
  test("a name of digits wins over the number", () => {
    expect(resolveUser({ user: "7" }, passwd, group).uid).toBe(1007);
  });
  test("root works without any files", () => {
    expect(resolveUser({ user: "0" }, "", "").uid).toBe(0);
  });
  test("unknown names and numbers out of range are refused", () => {
    expect(() => resolveUser({ user: "eve" }, passwd, group)).toThrow('find user "eve": not in');
    expect(() => resolveUser({ user: "joe", group: "eves" }, passwd, group)).toThrow('find group "eves"');
    expect(() => resolveUser({ user: "4294967295" }, passwd, group)).toThrow("larger than");
  });
});

describe("parseUser()", () => {
  test("reads user and group; nothing is root", () => {
    expect(parseUser("")).toEqual({ user: "0" });
    expect(parseUser("joe")).toEqual({ user: "joe" });
    expect(parseUser("1:2")).toEqual({ user: "1", group: "2" });
    expect(parseUser(":2")).toEqual({ user: "0", group: "2" });
  });
});
