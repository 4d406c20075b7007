/** The error chain: kinds, hints and what people read. */
import { describe, expect, test } from "bun:test";
import { CurruntError, explain, hintOf, wrap } from "../../../src/base/error.ts";

/** What `using` throws when both the block and the cleanup failed. */
function suppressedError(first: unknown, cleanup: unknown): unknown {
  try {
    using stack = new DisposableStack();
    stack.defer(() => {
      throw cleanup;
    });
    throw first;
  } catch (error) {
    return error;
  }
}

describe("wrap()", () => {
  test("keeps kind, hint and exit code of the inner error", () => {
    const inner = new CurruntError("not-found", 'find image "x"', { hint: "pull it first", exitCode: 127 });
    const outer = wrap(inner, "run container");
    expect(outer).toMatchObject({ kind: "not-found", hint: "pull it first", exitCode: 127, cause: inner });
    expect(outer.message).toBe("run container");
  });

  test("makes a foreign error internal", () => {
    expect(wrap(new TypeError("x is not a function"), "parse").kind).toBe("internal");
    expect(wrap("text", "parse").kind).toBe("internal");
  });

  test("takes the kind of the first failure when the cleanup failed too", () => {
    const both = suppressedError(new CurruntError("denied", "mount"), new Error("unmount"));
    expect(wrap(both, "create").kind).toBe("denied");
  });
});

describe("explain()", () => {
  test("joins the chain from the outermost action to the first failure", () => {
    const error = wrap(wrap(new Error("EBUSY"), 'umount2 "/run/x"'), 'delete container "web"');
    expect(explain(error)).toBe('delete container "web": umount2 "/run/x": EBUSY');
  });

  test("names an error without a message by its type", () => {
    expect(explain(wrap(new RangeError(), "read"))).toBe("read: RangeError");
  });

  test("prints what is not an error as it is", () => {
    expect(explain("cut")).toBe("cut");
    expect(explain(wrap(undefined, "read"))).toBe("read");
  });

  test("tells the first failure before the failed cleanup", () => {
    expect(explain(suppressedError(new Error("no space"), new Error("busy")))).toBe(
      "no space (cleaning up failed too: busy)",
    );
    const wrapped = wrap(suppressedError(new Error("no space"), new Error("busy")), "create");
    expect(explain(wrapped)).toBe("create: no space (cleaning up failed too: busy)");
  });
});

describe("hintOf()", () => {
  test("finds the hint behind wraps and failed cleanups", () => {
    const error = new CurruntError("denied", "mount", { hint: "run it as root" });
    expect(hintOf(wrap(wrap(error, "a"), "b"))).toBe("run it as root");
    expect(hintOf(suppressedError(wrap(error, "a"), new Error("busy")))).toBe("run it as root");
  });

  test("is undefined for other errors", () => {
    expect(hintOf(new Error("x"))).toBeUndefined();
    expect(hintOf(undefined)).toBeUndefined();
  });
});
