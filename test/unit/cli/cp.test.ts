/** Which end of a copy is in a container. */
import { expect, test } from "bun:test";
import { endOf } from "../../../src/cli/cp.ts";

test.each([
  ["-", { kind: "stream" }],
  ["file", { kind: "host", path: "file" }],
  ["./a:b", { kind: "host", path: "./a:b" }],
  ["/a:b", { kind: "host", path: "/a:b" }],
  [":x", { kind: "host", path: ":x" }],
  ["web:/etc/x", { kind: "container", container: "web", path: "/etc/x" }],
  ["web:etc/x:y", { kind: "container", container: "web", path: "/etc/x:y" }],
  ["web:", { kind: "container", container: "web", path: "/" }],
] as const)("endOf(%p)", (text, end) => expect(endOf(text)).toEqual(end));
