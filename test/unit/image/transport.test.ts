import { expect, test } from "bun:test";
import { plain, retryAfterMs } from "../../../src/image/transport.ts";

test("retryAfterMs() reads seconds and dates", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  expect(retryAfterMs("120", now)).toBe(120_000);
  expect(retryAfterMs("Thu, 01 Jan 2026 00:00:05 GMT", now)).toBe(5_000);
  expect(retryAfterMs("Wed, 31 Dec 2025 00:00:05 GMT", now)).toBe(0);
  expect(retryAfterMs("soon", now)).toBeUndefined();
  expect(retryAfterMs(null, now)).toBeUndefined();
});

test("plain() shows no address, as a redirect's may carry a signature", () => {
  expect(plain(new Error("failed at https://cdn/x?signature=abc now"))).toBe("failed at URL now");
});
