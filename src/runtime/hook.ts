/** Hooks of a spec: programs that run at six points of a container's life (config.md, POSIX-platform Hooks). */
import type { Step } from "../../ffi/plan.ts";
import { CurruntError, explain } from "../base/error.ts";
import type { Fd } from "../sys/fd.ts";
import { runProgram } from "../sys/run-program.ts";
import { shimImage } from "../sys/shim-image.ts";
import type { Hook, Hooks } from "./spec.ts";

/** Hooks that run in the runtime's namespaces. */
export type RuntimeHookKind = "prestart" | "createRuntime" | "poststart" | "poststop";
/** Hooks that run in the container's. */
export type ContainerHookKind = "createContainer" | "startContainer";

/** What hooks are told of the container, with its pid and status (runtime.md, State). */
export interface HookedContainer {
  readonly ociVersion: string;
  readonly id: string;
  /** Absolute. */
  readonly bundle: string;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

/** "created" begins where the environment is made, before any hook (runtime.md, Lifecycle, behind step 2). */
const statuses = {
  prestart: "created",
  createRuntime: "created",
  createContainer: "created",
  startContainer: "created",
  poststart: "running",
  poststop: "stopped",
} as const;

/** The state up to the pid, and behind it. */
function stateAround(
  kind: keyof typeof statuses,
  { ociVersion, id, bundle, annotations = {} }: HookedContainer,
): [string, string] {
  const before = JSON.stringify({ ociVersion, id, status: statuses[kind] });
  const behind = JSON.stringify({ bundle, annotations });
  return [`${before.slice(0, -1)},"pid":`, `,${behind.slice(1)}`];
}

/**
 * Runs them in turn, with the container's pid as the host sees it. Throws at the first that fails; the others do not run.
 * They are killed when this process dies.
 */
export async function runHooks(
  kind: Exclude<RuntimeHookKind, "poststop">,
  hooks: Hooks | undefined,
  container: HookedContainer,
  pid: number,
): Promise<void> {
  const guard = await shimImage();
  for (const [index, hook] of (hooks?.[kind] ?? []).entries())
    runHook(kind, index, hook, container, { pid, guard });
}

/**
 * Runs all of them, whatever comes of the others, with 0 as the pid, of which the container has none any more. Returns what
 * went wrong, for a warning each.
 */
export function runPoststopHooks(hooks: Hooks | undefined, container: HookedContainer): string[] {
  return (hooks?.poststop ?? []).flatMap((hook, index) => {
    try {
      runHook("poststop", index, hook, container, { pid: 0 });
      return [];
    } catch (error) {
      return [explain(error)];
    }
  });
}

function runHook(
  kind: RuntimeHookKind,
  index: number,
  hook: Hook,
  container: HookedContainer,
  { pid, guard }: { readonly pid: number; readonly guard?: Fd },
): void {
  const { path, args = [path], env = [] } = hook;
  const [before, behind] = stateAround(kind, container);
  const what = `hook ${kind}[${index}] ${JSON.stringify(path)}`;
  let run: ReturnType<typeof runProgram>;
  try {
    run = runProgram({
      path,
      args,
      environment: env,
      directory: container.bundle,
      input: `${before}${pid}${behind}`,
      timeoutMs: timeoutOf(hook),
      guard,
    });
  } catch (cause) {
    throw new CurruntError("invalid", `run ${what}`, { cause });
  }
  const { end, output } = run;
  if (end === undefined) throw new CurruntError("conflict", `run ${what}: it took longer than its timeout`);
  if ("exitCode" in end && end.exitCode === 0) return;
  const how = "signal" in end ? `killed by signal ${end.signal}` : `exit code ${end.exitCode}`;
  const said = output.trim();
  throw new CurruntError("conflict", `run ${what}: ${how}${said === "" ? "" : `: ${said}`}`);
}

/** The hook's own time limit in milliseconds; 0: none. */
const timeoutOf = ({ timeout = 0 }: Hook) => Math.max(0, timeout) * 1000;

export interface HookStepsOptions {
  readonly hooks: Hooks | undefined;
  readonly container: HookedContainer;
  /** The environment of a `startContainer` hook that has none: as runc has it, that of the container's process. */
  readonly processEnv?: readonly string[] | undefined;
  /** Where they run. */
  readonly directory: string;
}

/** The steps that run hooks inside the container: `pid` of the state is the container's as it sees it itself. */
export function hookSteps(
  kind: ContainerHookKind,
  { hooks, container, processEnv = [], directory }: HookStepsOptions,
): Step[] {
  return (hooks?.[kind] ?? []).map((hook, index) => {
    const inherits = kind === "startContainer" && hook.env === undefined;
    return {
      op: "hook",
      name: `${kind}[${index}] ${JSON.stringify(hook.path)}`,
      path: hook.path,
      args: hook.args ?? [hook.path],
      // Never the image's environment for a hook that the host brings (CVE-2025-23266).
      env: inherits ? processEnv : (hook.env ?? []),
      home: inherits,
      state: stateAround(kind, container),
      directory,
      timeoutMs: timeoutOf(hook),
    };
  });
}
