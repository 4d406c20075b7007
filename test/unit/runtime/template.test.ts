import { expect, test } from "bun:test";
import { features } from "../../../src/runtime/features.ts";
import { templateText } from "../../../src/runtime/template.ts";
import { validateSpec } from "../../../src/runtime/validate.ts";

test("templateText() is a spec without a fault", () => {
  for (const user of [undefined, { uid: 1000, gid: 1001 }]) {
    expect(validateSpec(JSON.parse(templateText(user))).warnings).toEqual([]);
  }
  expect(templateText({ uid: 1000, gid: 1001 })).toContain('"hostID": 1001');
});

test("features() say what containerd looks for", () => {
  expect(features()).toMatchObject({
    ociVersionMin: "1.0.0",
    ociVersionMax: "1.3.0",
    linux: { mountExtensions: { idmap: { enabled: true } }, namespaces: expect.arrayContaining(["user"]) },
  });
});
