/** Mounts from the command line: `-volume [SRC:]DST[:OPTIONS]` and `-tmpfs DST[:OPTIONS]`. */
import { CurruntError } from "../base/error.ts";
import type { TmpfsMount, VolumeMount } from "../engine/options.ts";

const propagations = ["private", "rprivate", "slave", "rslave", "shared", "rshared"];
const bindOptions = [
  "bind",
  "rbind",
  "exec",
  "noexec",
  "dev",
  "nodev",
  "suid",
  "nosuid",
  "atime",
  "noatime",
  ...propagations,
];

/** Options of docker and podman that have no effect to offer here: refused by name. */
const absentOptions: Readonly<Record<string, string>> = {
  z: "SELinux labels are not in this version",
  Z: "SELinux labels are not in this version",
  U: "changing owners is not in this version",
  O: "overlays of a directory are not in this version",
  idmap: "mapped owners are not in this version",
};

/**
 * Parses a `-volume` value. A source with a slash, or `.` or `..`, is a path, relative to `directory`; a target alone is an
 * anonymous volume. Throws "invalid" naming the value, "unsupported" for named volumes.
 */
export function parseVolume(text: string, directory: string): VolumeMount {
  const parts = text.split(":");
  const refuse = (reason: string, hint = "write SRC:DST or SRC:DST:ro, as .:/app") =>
    new CurruntError("invalid", `volume ${JSON.stringify(text)}: ${reason}`, { hint });
  if (parts.length > 3) throw refuse("has more than three parts");
  const [first = "", second, third] = parts;
  if (second === undefined) {
    return { target: targetPath(first, refuse), readOnly: false, options: [], noCopy: false };
  }
  if (first === "") throw refuse("has an empty source");
  return {
    source: sourcePath(first, text, directory),
    target: targetPath(second, refuse),
    ...parseOptions(third, text),
  };
}

type Refusal = (reason: string, hint?: string) => CurruntError;

function targetPath(target: string, refuse: Refusal): string {
  if (target === "") throw refuse("has an empty target");
  if (!target.startsWith("/")) {
    throw refuse(`the target ${JSON.stringify(target)} is not an absolute path`);
  }
  const path = normalizePath(target);
  if (path === "/") throw refuse("the target is the root of the container");
  return path;
}

function sourcePath(source: string, text: string, directory: string): string {
  if (source.startsWith("/")) return normalizePath(source);
  if (source === "." || source === ".." || source.includes("/"))
    return normalizePath(`${directory}/${source}`);
  throw new CurruntError(
    "unsupported",
    `volume ${JSON.stringify(text)}: named volumes are not in this version`,
    {
      hint: `for the file or directory "${source}" write ./${text}`,
    },
  );
}

function parseOptions(
  list: string | undefined,
  text: string,
): Pick<VolumeMount, "readOnly" | "options" | "noCopy"> {
  const words = (list ?? "").split(",").filter((word) => word !== "");
  for (const word of words) checkOption(word, text);
  return {
    readOnly: words.findLast((word) => word === "ro" || word === "rw") === "ro",
    noCopy: words.includes("nocopy"),
    options: words.filter((word) => bindOptions.includes(word)),
  };
}

function checkOption(word: string, text: string): void {
  if (["ro", "rw", "nocopy", ...bindOptions].includes(word)) return;
  const reason = Object.hasOwn(absentOptions, word) ? absentOptions[word] : undefined;
  if (reason !== undefined) {
    throw new CurruntError("unsupported", `volume ${JSON.stringify(text)}: option "${word}": ${reason}`);
  }
  throw new CurruntError("invalid", `volume ${JSON.stringify(text)}: unknown option "${word}"`, {
    hint: `options are ro, rw, nocopy, ${bindOptions.join(", ")}`,
  });
}

/** Parses a `-tmpfs` value: the options are those of mount(8), checked by the kernel. */
export function parseTmpfs(text: string): TmpfsMount {
  const colon = text.indexOf(":");
  const target = colon === -1 ? text : text.slice(0, colon);
  const refuse = (reason: string) =>
    new CurruntError("invalid", `tmpfs ${JSON.stringify(text)}: ${reason}`, {
      hint: "write DST or DST:size=64m,mode=1777",
    });
  const options = colon === -1 ? [] : text.slice(colon + 1).split(",");
  if (options.includes("") && options.length > 1) throw refuse("has an empty option");
  return { target: targetPath(target, refuse), options: options.filter((option) => option !== "") };
}

/** Absolute `path` without ".", ".." and doubled slashes; symbolic links are left alone. */
export function normalizePath(path: string): string {
  const kept: string[] = [];
  for (const name of path.split("/")) {
    if (name === "..") kept.pop();
    else if (name !== "" && name !== ".") kept.push(name);
  }
  return `/${kept.join("/")}`;
}
