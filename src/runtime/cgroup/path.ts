/** Where a container's cgroup lies: the rules of `linux.cgroupsPath`. */
import { posix } from "node:path";
import { CurruntError } from "../../base/error.ts";
import type { Host, Tree } from "./host.ts";

/** A unit of systemd: what `slice:prefix:name` means. */
export interface Unit {
  /** "system.slice". */
  readonly slice: string;
  /** "crio-1234.scope", or a slice of the container's own. */
  readonly name: string;
}

/**
 * The container's cgroup as a path in `tree`. An absolute path is below the tree's root. Others are below the cgroup of the
 * runtime, or beside it in version 2, where a cgroup that has processes can hand no controllers down.
 */
export function pathInTree(
  host: Pick<Host, "version">,
  tree: Tree,
  cgroupsPath: string | undefined,
  id: string,
): string {
  const wanted = cgroupsPath === undefined || cgroupsPath === "" ? id : cgroupsPath;
  if (wanted.includes("\0")) throw new CurruntError("invalid", "linux.cgroupsPath: it contains a NUL");
  if (wanted.startsWith("/")) return posix.join("/", wanted);
  const base = host.version === 2 ? posix.dirname(tree.own) : tree.own;
  // Joined twice: ".." must not lead out of the base.
  const path = posix.join("/", base, posix.join("/", wanted));
  return path;
}

/** The container's cgroup as an absolute path; refuses the root, which holds the host's processes. */
export function directoryInTree(
  host: Pick<Host, "version">,
  tree: Tree,
  cgroupsPath: string | undefined,
  id: string,
): string {
  const path = pathInTree(host, tree, cgroupsPath, id).replace(/\/+$/, "");
  if (path === "") {
    throw new CurruntError(
      "invalid",
      `linux.cgroupsPath: ${JSON.stringify(cgroupsPath)} is the root of all cgroups`,
      {
        hint: "name a cgroup of the container's own",
      },
    );
  }
  return tree.mountPoint + path;
}

/** Reads `slice:prefix:name`. Without a slice it is the system's, or the user's when rootless. */
export function parseUnit(cgroupsPath: string | undefined, id: string, rootless: boolean): Unit {
  const fallback = rootless ? "user.slice" : "system.slice";
  if (cgroupsPath === undefined || cgroupsPath === "") {
    return { slice: fallback, name: unitName("currunt", id) };
  }
  const parts = cgroupsPath.split(":");
  const [slice = "", prefix = "", name = ""] = parts;
  if (parts.length !== 3 || name === "") {
    throw new CurruntError(
      "invalid",
      `linux.cgroupsPath: ${JSON.stringify(cgroupsPath)} is not "slice:prefix:name", as systemd needs it`,
      { hint: 'for example "system.slice:currunt:my-container"' },
    );
  }
  if (slice !== "") expandSlice(slice);
  return { slice: slice === "" ? fallback : slice, name: unitName(prefix, name) };
}

function unitName(prefix: string, name: string): string {
  if (name.endsWith(".slice")) return name;
  return `${prefix === "" ? "" : `${prefix}-`}${name}.scope`;
}

/** The cgroup of a slice: "/a.slice/a-b.slice" for "a-b.slice" (`man 5 systemd.slice`). */
export function expandSlice(slice: string): string {
  if (slice === "-.slice") return "/";
  const stem = slice.endsWith(".slice") ? slice.slice(0, -".slice".length) : "";
  const parts = stem.split("-");
  if (stem === "" || slice.includes("/") || parts.includes("")) {
    throw new CurruntError("invalid", `linux.cgroupsPath: ${JSON.stringify(slice)} is no name of a slice`, {
      hint: 'for example "machine.slice"',
    });
  }
  return parts.map((_, index) => `/${parts.slice(0, index + 1).join("-")}.slice`).join("");
}
