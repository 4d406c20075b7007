import { describe, expect, test } from "bun:test";
import type { ProcessChanges } from "../../../src/runtime/exec-request.ts";
import { changedProcess } from "../../../src/runtime/exec-request.ts";
import type { Process } from "../../../src/runtime/spec.ts";

const own: Process = {
  terminal: true,
  user: { uid: 5, gid: 6, additionalGids: [7], umask: 0o27 },
  args: ["init"],
  env: ["A=1"],
  cwd: "/work",
  capabilities: { bounding: ["CAP_KILL"], effective: [], permitted: [] },
};
const none: ProcessChanges = {
  args: ["ls"],
  terminal: false,
  env: [],
  additionalGids: [],
  capabilities: [],
  noNewPrivileges: false,
};
const change = (changes: Partial<ProcessChanges>, process: Process = own) =>
  changedProcess({ ociVersion: "1.3.0", process }, { ...none, ...changes });

describe("changedProcess()", () => {
  test("keeps what is not changed, but for the terminal", () => {
    expect(change({})).toEqual({ ...own, terminal: false, args: ["ls"], noNewPrivileges: false });
  });

  test("adds variables and groups", () => {
    const changed = change({ env: ["B=2"], additionalGids: [9] });
    expect(changed.env).toEqual(["A=1", "B=2"]);
    expect(changed.user).toEqual({ uid: 5, gid: 6, additionalGids: [7, 9], umask: 0o27 });
  });

  test("reads users strictly", () => {
    expect(change({ user: "1" }).user).toMatchObject({ uid: 1, gid: 6 });
    expect(change({ user: "0:0" }).user).toMatchObject({ uid: 0, gid: 0 });
    for (const user of ["", "root", "1 ", "+1", "1:", ":1", "1:b", "4294967295", "99999999999"]) {
      expect(() => change({ user })).toThrow("-user");
    }
  });

  test("never adds inheritable capabilities, and ambient ones only to a container that inherits", () => {
    expect(change({ capabilities: ["chown"] }).capabilities).toEqual({
      bounding: ["CAP_KILL", "CAP_CHOWN"],
      effective: ["CAP_CHOWN"],
      permitted: ["CAP_CHOWN"],
    });
    const inheriting = { ...own, capabilities: { inheritable: ["CAP_KILL"] } };
    expect(change({ capabilities: ["CAP_CHOWN"] }, inheriting).capabilities).toMatchObject({
      inheritable: ["CAP_KILL"],
      ambient: ["CAP_CHOWN"],
    });
  });

  test("needs a process to change", () => {
    expect(() => changedProcess({ ociVersion: "1.3.0" }, none)).toThrow("-process");
  });
});
