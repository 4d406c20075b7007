import { expect, test } from "bun:test";
import { features } from "../../../src/runtime/features.ts";
import { templateText } from "../../../src/runtime/template.ts";
import { validateSpec } from "../../../src/runtime/validate.ts";

test("templateText() is a spec without a fault", () => {
  for (const rootless of [undefined, { uid: 1000, gid: 1001 }]) {
    for (const cgroupVersion of [1, 2] as const) {
      const text = templateText({ rootless, cgroupVersion });
      expect(validateSpec(JSON.parse(text)).warnings).toEqual([]);
      expect(text.includes('{\n        "type": "cgroup"\n      }')).toBe(cgroupVersion === 2);
      expect(text.includes('"hostID": 1001')).toBe(rootless !== undefined);
    }
  }
});

test("features() say what containerd looks for", () => {
  expect(features()).toMatchObject({
    ociVersionMin: "1.0.0",
    ociVersionMax: "1.3.0",
    linux: { mountExtensions: { idmap: { enabled: true } }, namespaces: expect.arrayContaining(["user"]) },
  });
});
