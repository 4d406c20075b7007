import { describe, expect, test } from "bun:test";
import { resourcesOf, updateFlags } from "../../../src/cli/oci-update.ts";
import { tokenize } from "../../../src/cli/tokenize.ts";

const read = (...argv: string[]) => {
  const options = { stopAtPositional: false, environment: {}, help: "currunt help update" };
  return resourcesOf(tokenize(updateFlags, argv, options).values);
};

describe("resourcesOf()", () => {
  test("is empty without flags", () => {
    expect(read("c")).toEqual({ memory: {}, cpu: {} });
  });

  test("has what the flags say, sizes in bytes", () => {
    const flags = [
      "--memory",
      "512M",
      "--memory-swap=1G",
      "--memory-reservation",
      "1k",
      "--cpu-share",
      "512",
    ];
    expect(read(...flags, "--cpuset-cpus", "0-1", "--cpu-quota=-1", "--pids-limit", "-1", "c")).toEqual({
      memory: { limit: 512 * 2 ** 20, swap: 2 ** 30, reservation: 1024 },
      cpu: { shares: 512, cpus: "0-1", quota: -1 },
      pids: { limit: -1 },
    });
    expect(read("--blkio-weight", "10", "-cpu-idle", "1")).toMatchObject({
      blockIO: { weight: 10 },
      cpu: { idle: 1 },
    });
  });

  test("takes the limit of swap away with that of memory", () => {
    expect(read("--memory", "-1").memory).toEqual({ limit: -1, swap: -1 });
    expect(read("--memory", "-1", "--memory-swap", "1G").memory).toEqual({ limit: -1, swap: 2 ** 30 });
  });

  test("refuses what is no size or number", () => {
    for (const flag of ["--memory=lots", "--cpu-quota=x", "--pids-limit="])
      expect(() => read(flag)).toThrow("is not");
  });
});
