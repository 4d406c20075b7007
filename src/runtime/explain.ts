/** A step that failed, told in the words of who asked for the container: without slots, with the exit code. */
import type { Slot, Step } from "../../ffi/plan.ts";
import { describeStep } from "../../ffi/plan-text.ts";
import { CurruntError } from "../base/error.ts";
import type { SyscallError } from "../sys/error.ts";
import { describeErrno, errnoCode } from "../sys/error.ts";
import type { StepError } from "../sys/shim.ts";
import { limitName } from "./process.ts";

/** `steps`: the plan that the failed step is of. */
export function explainStep(error: StepError, steps: readonly Step[]): CurruntError {
  const { step, reason, operation } = error;
  if (step !== undefined) error.doing = describeStep(step);
  if (operation === "slot") return new CurruntError("unsupported", "mount more than 1000 volumes");
  if (operation === "hook") return explainHook(error);
  switch (step?.op) {
    case "exec":
      return explainExec(error, step.args[0] ?? "");
    case "lookup":
      return explainExec(error, step.name);
    case "chdir":
      return new CurruntError("invalid", `change to the working directory "${step.path}": ${reason}`, {
        hint: "it must be a directory inside the container that the user may enter",
        exitCode: 126,
      });
    case "setns":
      return explainJoin(error, step, steps);
    case "open":
      return explainOpen(error, step, steps);
    case "clone":
    case "unshare":
      return explainClone(error);
    case "user":
      return explainUser(error, step);
    case "rlimit":
      return explainLimit(error, step.resource);
    case "directory":
      return new CurruntError("invalid", `make the directory "${step.path}" in the container: ${reason}`);
    case "tree":
    case "filesystem":
    case "attach":
      return explainMount(error, step.slot, steps);
    default:
      return error;
  }
}

/** The kernel has numbers for limits. */
export function explainLimit(error: SyscallError, resource: number): CurruntError {
  const reason = describeErrno(error.errno);
  return new CurruntError("denied", `process.rlimits: set ${limitName(resource)}: ${reason}`, {
    hint: "to raise a hard limit takes CAP_SYS_RESOURCE; lower it to the runtime's own, see ulimit -aH",
  });
}

/** The shim says which one, and how it ended unless the error number says that. */
export function explainHook(error: StepError): CurruntError {
  const what = `run hook ${(error.subject ?? "").trim()}`;
  const code = errnoCode(error.errno);
  if (code === "ECHILD") return new CurruntError("conflict", what);
  const why = code === "ETIMEDOUT" ? "it took longer than its timeout" : describeErrno(error.errno);
  return new CurruntError("conflict", `${what}: ${why}`);
}

function explainJoin(
  error: StepError,
  { slot, namespaces }: Step & { op: "setns" },
  steps: readonly Step[],
): CurruntError {
  const opened = steps.find((step) => step.op === "open" && step.slot === slot);
  if (opened?.op !== "open") return error;
  const path = JSON.stringify(opened.path);
  if (errnoCode(error.errno) === "EINVAL") {
    const hint = namespaces.includes("user")
      ? "or it is the runtime's own, which cannot be joined"
      : undefined;
    return new CurruntError("invalid", `linux.namespaces: ${path} is no ${namespaces.join()} namespace`, {
      hint,
    });
  }
  return new CurruntError("invalid", `linux.namespaces: join ${path}: ${error.reason}`);
}

function explainOpen(
  error: StepError,
  { slot, path }: Step & { op: "open" },
  steps: readonly Step[],
): CurruntError {
  if (!steps.some((step) => step.op === "setns" && step.slot === slot)) return error;
  const why = describeErrno(error.errno).replace(/^[A-Z]+: /, "");
  return new CurruntError("invalid", `linux.namespaces: open ${JSON.stringify(path)}: ${why}`);
}

function explainClone(error: StepError): CurruntError {
  const hints: Record<string, string> = {
    EPERM: 'without root\'s powers a container needs a user namespace: add { "type": "user" } with mappings',
    ENOSPC: "a limit of /proc/sys/user, on the number or the depth of namespaces, is reached",
    EINVAL: "the kernel may have been built without one of these namespaces",
  };
  const hint = hints[errnoCode(error.errno) ?? ""];
  return hint === undefined ? error : new CurruntError("denied", error.message, { hint });
}

/** In a user namespace only those IDs exist that its maps have. */
function explainUser(error: StepError, { uid, gid }: Step & { op: "user" }): CurruntError {
  if (errnoCode(error.errno) === "EINVAL") {
    return new CurruntError("invalid", `process.user: user ${uid} and group ${gid}: ${error.reason}`, {
      hint: "linux.uidMappings and linux.gidMappings must have these IDs",
    });
  }
  if (error.operation === "setgroups") {
    return new CurruntError("invalid", `process.user.additionalGids: ${error.reason}`, {
      hint: "in a user namespace that an ordinary user has made by itself, groups cannot be set",
    });
  }
  return error;
}

function explainMount(error: StepError, slot: Slot, steps: readonly Step[]): CurruntError {
  const made = steps.find(({ op, ...step }) => {
    return (op === "tree" || op === "filesystem") && "slot" in step && step.slot === slot;
  });
  const placed = steps.find((step) => step.op === "attach" && step.slot === slot);
  if (placed?.op !== "attach") return error;
  const what = made?.op === "tree" ? `"${made.path}"` : made?.op === "filesystem" ? made.type : "it";
  return new CurruntError("invalid", `mount ${what} on "${placed.path}": ${error.reason}`, {
    hint: error.hint,
  });
}

/** A program that cannot be executed is the user's mistake and not ours: say it as a shell does, with its exit code. */
export function explainExec(error: Pick<StepError, "errno" | "reason">, program: string): CurruntError {
  const name = JSON.stringify(program);
  const isPath = name.includes("/");
  const code = errnoCode(error.errno);
  if (code === "ENOENT" || code === "ENOTDIR") {
    const looked = isPath ? "no such file or directory" : "executable file not found in $PATH";
    const hint = isPath ? "a script's or program's interpreter may be what is missing" : undefined;
    return new CurruntError("not-found", `exec: ${name}: ${looked}`, { exitCode: 127, hint });
  }
  const reasons: Record<string, string> = {
    EACCES: "permission denied",
    EISDIR: "is a directory",
    ENOEXEC: "exec format error",
    E2BIG: "argument list too long",
  };
  const hint =
    code === "ENOEXEC"
      ? "is it made for this machine's architecture? does a script begin with #!?"
      : undefined;
  return new CurruntError("invalid", `exec: ${name}: ${reasons[code] ?? error.reason}`, {
    exitCode: 126,
    hint,
  });
}
