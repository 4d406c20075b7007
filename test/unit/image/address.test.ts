import { expect, test } from "bun:test";
import { isLoopback } from "../../../src/image/address.ts";

test("isLoopback() knows this machine only", () => {
  for (const host of ["localhost", "127.0.0.1", "127.8.9.1", "[::1]"]) expect(isLoopback(host)).toBe(true);
  for (const host of ["localhost.example", "127.example", "128.0.0.1", "[::2]", "0.0.0.0"])
    expect(isLoopback(host)).toBe(false);
});
