/**
 * Measures currunt beside podman and containerd on this machine, with the same images from the same registry on loopback.
 * `bun test/bench/main.ts [start] [pull] [idle] [oci] [seccomp]`: figures for people on standard error, JSON on standard output.
 */
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pushImages } from "../fixtures/images.ts";
import { startRegistry } from "../fixtures/registry.ts";
import { mountFreshDisk, unmountAll } from "./disk.ts";
import type { IdleCost } from "./idle.ts";
import { findProcesses, measureIdle, reportIdle } from "./idle.ts";
import type { Contender, Timing } from "./measure.ts";
import { describeMachine, race, report, runOnce } from "./measure.ts";
import { measureOci } from "./oci.ts";
import { makePodman } from "./podman.ts";
import { measurePulls } from "./pull.ts";
import { measureFilters, reportFilters } from "./seccomp.ts";

const hybrid = "/sys/fs/cgroup/unified";
const chosen = process.argv.slice(2).filter((word) => word !== "--inside");
const wants = (name: string) => chosen.length === 0 || chosen.includes(name);

/** crun, podman's default, refuses hosts with both kinds of control groups: hides one from podman and from us alike. */
function enterPrivateMounts(): void {
  if (process.argv.includes("--inside")) {
    if (existsSync(hybrid)) runOnce(["umount", hybrid]);
    return;
  }
  const again = [process.execPath, import.meta.path, ...chosen, "--inside"];
  const child = Bun.spawnSync(["unshare", "--mount", "--propagation", "private", ...again], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  process.exit(child.exitCode);
}

enterPrivateMounts();
const directory = await mkdtemp(join(tmpdir(), "currunt-bench-"));
await using undo = new AsyncDisposableStack();
undo.defer(() => rm(directory, { recursive: true, force: true }));
mountFreshDisk(directory);
await using registry = await startRegistry({ silent: true });
await pushImages(registry.host);

const program = resolve("dist/currunt");
const env = {
  PATH: process.env["PATH"] ?? "/usr/bin:/bin",
  HOME: directory,
  CURRUNT_DATA_ROOT: join(directory, "data"),
  CURRUNT_RUN_ROOT: join(directory, "currunt-run"),
};
const podman = makePodman(join(directory, "podman"));
const small = `${registry.host}/busybox:latest`;
undo.defer(() => unmountAll(directory));
runOnce(podman.pull(small));
runOnce([program, "pull", "-quiet", small], env);
// Writing back what was just pushed and pulled would hit whoever comes first.
runOnce(["sync"]);

/** `run -rm` of a pulled image, foreground, without a network: process start to process end. */
function measureStart(): Timing[] {
  const flags = ["run", "-rm", "-attach", "-network", "none", "-image", small, "-cmd", "/bin/true"];
  const contenders: Contender[] = [
    { name: "currunt", command: [program, ...flags], env },
    { name: "podman (crun)", command: podman.run(small, ["/bin/true"], "crun") },
    { name: "podman (runc)", command: podman.run(small, ["/bin/true"], "runc") },
  ];
  // The timed command prints nothing: what runs it must be seen to run something, too.
  const hello = flags.with(-1, "echo hello");
  if (runOnce([program, ...hello], env).stdout !== "hello\n") throw new Error("currunt does not run echo");
  if (runOnce(podman.run(small, ["echo", "hello"], "crun")).stdout !== "hello\n")
    throw new Error("podman does not");
  const timings = race(contenders, 30);
  report("run --rm --network none busybox /bin/true", timings);
  return timings;
}

function measureMonitors(): IdleCost[] {
  const count = 8;
  for (let started = 0; started < count; started++) {
    runOnce([program, "run", "-detach", "-network", "none", small, "sleep", "1000000"], env);
    runOnce(podman.start(small, ["sleep", "1000000"]));
  }
  const costs = [
    measureIdle("currunt", findProcesses("/memfd:currunt (deleted)", "monitor"), 10_000),
    measureIdle("conmon", findProcesses("/usr/bin/conmon", "--exit-command-arg"), 10_000),
  ];
  const ids = runOnce([program, "ps", "-quiet"], env).stdout.trim().split("\n");
  runOnce([program, "rm", "-force", ...ids], env);
  runOnce(podman.removeContainers());
  reportIdle(costs);
  return costs;
}

const results: Record<string, unknown> = { machine: describeMachine() };
if (wants("start")) results["start"] = measureStart();
if (wants("pull")) {
  results["pull"] = await measurePulls({ program, env, host: registry.host, disk: join(directory, "pull") });
}
if (wants("idle")) results["idle"] = measureMonitors();
if (wants("oci")) {
  await mkdir(join(directory, "oci"));
  results["oci"] = await measureOci(program, join(directory, "oci"));
}
if (wants("seccomp")) {
  const costs = await measureFilters(program, join(directory, "seccomp"));
  reportFilters(costs);
  results["seccomp"] = costs;
}
console.log(JSON.stringify(results, null, 2));
