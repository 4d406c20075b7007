import { describe, expect, test } from "bun:test";
import { defaultStateRoot, statePaths } from "../../../src/runtime/state-root.ts";

describe("defaultStateRoot()", () => {
  test("is the system's for root, whatever the environment says", () => {
    const environment = { XDG_RUNTIME_DIR: "/run/user/0" };
    expect(defaultStateRoot({ uid: 0, environment })).toBe("/run/currunt-oci");
  });

  test("is the user's own where there is a directory for it", () => {
    const environment = { XDG_RUNTIME_DIR: "/run/user/7" };
    expect(defaultStateRoot({ uid: 7, environment })).toBe("/run/user/7/currunt-oci");
    expect(defaultStateRoot({ uid: 7, environment: {} })).toBe("/run/currunt-oci");
    expect(defaultStateRoot({ uid: 7, environment: { XDG_RUNTIME_DIR: "relative" } })).toBe(
      "/run/currunt-oci",
    );
  });
});

describe("statePaths()", () => {
  test("lie in a directory of the container's name", () => {
    expect(statePaths("/r", "a.b_c+d-E1")).toMatchObject({
      directory: "/r/a.b_c+d-E1",
      fifo: "/r/a.b_c+d-E1/exec.fifo",
    });
  });

  test.each(["", ".", "..", "a/b", "/a", "a b", "a\n", "ä", "a\0", "x".repeat(256)])(
    "refuse the ID %j",
    (id) => {
      expect(() => statePaths("/r", id)).toThrow("invalid container ID format");
    },
  );
});
