/** Which cgroup a further process of a container goes into. */
import { posix } from "node:path";
import { CurruntError } from "../base/error.ts";
import type { Cgroup } from "./cgroup/cgroup.ts";
import { openCgroup } from "./cgroup/cgroup.ts";
import type { CgroupState } from "./cgroup/state.ts";

/**
 * The container's cgroup, or cgroups below it: each of `wanted` is a path, for all trees, or "CONTROLLER,…:PATH" for the
 * trees of these controllers.
 */
export function cgroupForExec(state: CgroupState | undefined, wanted: readonly string[]): Cgroup | undefined {
  if (state === undefined) {
    if (wanted.length === 0) return undefined;
    throw new CurruntError("unsupported", "flag -cgroup: the container has no cgroup of its own");
  }
  const directories = { ...state.directories };
  for (const text of wanted) {
    const { controllers, path } = parse(text);
    const names = Object.keys(directories).filter((name) => concerns(name, controllers));
    if (names.length === 0) {
      throw new CurruntError(
        "invalid",
        `flag -cgroup: ${JSON.stringify(text)}: unknown controller: the container has no such controller`,
      );
    }
    for (const name of names) directories[name] = posix.join(state.directories[name] ?? "", path);
  }
  return openCgroup({ ...state, directories });
}

function parse(text: string): { readonly controllers: readonly string[] | undefined; readonly path: string } {
  const colon = text.indexOf(":");
  const path = posix.normalize(`./${text.slice(colon + 1)}`);
  if (/^\.\.(\/|$)/.test(path)) {
    throw new CurruntError(
      "invalid",
      `flag -cgroup: ${JSON.stringify(text)}: bad sub cgroup path: it leads out of the container's cgroup`,
    );
  }
  if (colon !== -1) return { controllers: text.slice(0, colon).split(","), path };
  return { controllers: undefined, path };
}

function concerns(tree: string, controllers: readonly string[] | undefined): boolean {
  if (controllers === undefined) return true;
  return tree
    .split(",")
    .some((name) => controllers.includes(name) || controllers.includes(name.replace(/^name=/, "")));
}
