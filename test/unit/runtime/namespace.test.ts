/** Namespaces of a plan: what is joined before init is cloned, what it is cloned into, what comes behind. */
import { describe, expect, test } from "bun:test";
import { begin } from "../../../src/runtime/begin.ts";
import { Draft } from "../../../src/runtime/draft.ts";
import type { CloneOptions } from "../../../src/runtime/namespace.ts";
import { cloneSteps, enterCgroups, hostIdOf, namespacesOf } from "../../../src/runtime/namespace.ts";
import type { LinuxNamespace } from "../../../src/runtime/spec.ts";

/** The steps up to the clone and behind it, in short words. */
function planOf(namespaces: readonly LinuxNamespace[], options: Partial<CloneOptions> = {}): string[] {
  const draft = new Draft();
  const spec = { ociVersion: "1.2.0", linux: { namespaces } };
  const inside = enterCgroups(draft, options.cgroup);
  const late = cloneSteps(draft, namespacesOf(spec), { deathSignal: 0, inside, ...options });
  return [...draft.steps, ...late].map((step) => {
    if (step.op === "setns") return ["setns", step.namespaces.join(), step.when ?? ""].join(" ").trim();
    if (step.op === "unshare") return `unshare ${step.namespaces.join()}`;
    if (step.op === "clone") return `clone ${step.namespaces.join()}${step.apart === true ? " apart" : ""}`;
    if (step.op === "write") return `write ${step.path} ${JSON.stringify(step.data)}`;
    return step.op === "open" ? `open ${step.path}` : step.op;
  });
}

describe("cloneSteps()", () => {
  test("clones init into all that is made", () => {
    expect(planOf([{ type: "mount" }, { type: "user" }, { type: "pid", path: "" }])).toEqual([
      "clone mount,user,pid apart",
    ]);
  });

  test("lets init have the memory of the half that it leaves, unless it may have to join namespaces that want one process", () => {
    expect(planOf([{ type: "mount" }, { type: "pid" }, { type: "network" }])).toEqual([
      "clone mount,pid,network",
    ]);
  });

  test("opens all before it joins one", () => {
    const joined = [
      { type: "mount", path: "/m" },
      { type: "network", path: "/n" },
    ] as const;
    expect(planOf(joined)).toEqual(["open /m", "open /n", "setns mount", "setns network", "clone "]);
  });

  test("joins a user namespace behind those that the host may join, and before those that it owns", () => {
    const joined = [{ type: "user", path: "/u" }, { type: "pid", path: "/p" }, { type: "mount" }] as const;
    expect(planOf(joined)).toEqual([
      ...["open /u", "open /p", "setns pid try", "setns user", "setns pid rest"],
      "clone mount apart",
    ]);
  });

  test("sets the clocks of a time namespace before anybody is in it", () => {
    const timeOffsets = { monotonic: { secs: -5, nanosecs: 7 }, boottime: { secs: 2 } };
    expect(planOf([{ type: "mount" }, { type: "time" }], { timeOffsets })).toEqual([
      ...["clone mount apart", "unshare time", "open /proc"],
      'write self/timens_offsets "monotonic -5 7\\nboottime 2 0\\n"',
      ...["forget", "open /proc/self/ns/time_for_children", "setns time", "forget"],
    ]);
    expect(planOf([{ type: "mount" }, { type: "time" }])).toEqual(["clone mount,time apart"]);
  });

  test("leaves the cgroup namespace to init where that is moved into its cgroup", () => {
    const cgroup = { files: [], directory: true, moved: false, optional: false };
    expect(planOf([{ type: "cgroup" }, { type: "mount" }], { cgroup })).toEqual([
      "clone mount",
      "unshare cgroup",
    ]);
  });
});

test("what is passed along with a plan has the first slots, whatever else the plan opens", () => {
  const mappings = [{ containerID: 0, hostID: 1000, size: 10 }];
  const { inputs, steps } = begin({
    id: "one",
    bundle: "/bundle",
    rootfs: true,
    deathSignal: 0,
    cgroup: { files: [], directory: true, moved: false, optional: false },
    spec: {
      ociVersion: "1.2.0",
      process: { user: { uid: 0, gid: 0 }, args: ["sh"], cwd: "/", oomScoreAdj: 5 },
      mounts: [{ destination: "/a", source: "/a", options: ["bind", "idmap"] }],
      linux: {
        namespaces: [{ type: "mount" }, { type: "user" }],
        uidMappings: mappings,
        gidMappings: mappings,
      },
    },
  }).draft;
  const clone = steps.find((step) => step.op === "clone");
  expect(clone?.op === "clone" && inputs[clone.cgroup ?? -1]).toBe("cgroup");
});

test("hostIdOf() finds the mapping that has the ID", () => {
  const mappings = [
    { containerID: 0, hostID: 1000, size: 1 },
    { containerID: 1, hostID: 100_000, size: 10 },
  ];
  expect([0, 1, 10, 11].map((id) => hostIdOf(id, mappings))).toEqual([1000, 100_000, 100_009, undefined]);
  expect(hostIdOf(0)).toBeUndefined();
});
