/**
 * Plays every case on currunt, and on runc where it is installed: a case that holds there holds of what engines know.
 * `CURRUNT_CONFORMANCE=/path/of/a/runtime bun test test/conformance` plays them on another runtime alone.
 */
import { afterAll, describe, test } from "bun:test";
import { existsSync } from "node:fs";
import type { Case, Need } from "./case.ts";
import { cgroupCases } from "./cgroup-cases.ts";
import { commandCases } from "./command-cases.ts";
import { hookCases } from "./hook-cases.ts";
import { invalidCases } from "./invalid-cases.ts";
import { lifecycleCases } from "./lifecycle-cases.ts";
import { linuxCases } from "./linux-cases.ts";
import { mountCases } from "./mount-cases.ts";
import { processCases } from "./process-cases.ts";
import { clearStage, play, runtimeAt } from "./stage.ts";

const groups: Readonly<Record<string, readonly Case[]>> = {
  "life cycle": lifecycleCases,
  process: processCases,
  mounts: mountCases,
  linux: linuxCases,
  hooks: hookCases,
  commands: commandCases,
  cgroups: cgroupCases,
  "valid values": invalidCases,
};

const needs: Readonly<Record<Need, boolean>> = {
  cgroup1: existsSync("/sys/fs/cgroup/memory/cgroup.procs"),
  "time-namespace": existsSync("/proc/self/ns/time"),
  numa: existsSync("/proc/self/numa_maps"),
};

const own = new URL("../../dist/currunt", import.meta.url).pathname;
const chosen = process.env["CURRUNT_CONFORMANCE"];
const runc = Bun.which("runc");
const paths = chosen !== undefined ? [chosen] : runc === null ? [own] : [own, runc];

afterAll(clearStage);

for (const runtime of paths.map(runtimeAt)) {
  for (const [group, cases] of Object.entries(groups)) {
    describe(`${runtime.name}: ${group}`, () => {
      for (const conformance of cases) {
        if (conformance.except?.[runtime.name] !== undefined) continue;
        const possible = (conformance.needs ?? []).every((need) => needs[need]);
        test.skipIf(!possible)(conformance.name, () => play(runtime, conformance));
      }
    });
  }
}
