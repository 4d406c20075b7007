/** `currunt cp`. */
import { isatty } from "node:tty";
import { CurruntError } from "../base/error.ts";
import type { CopyEnd } from "../engine/file-options.ts";
import { defineCommand } from "./command.ts";
import { openEngine } from "./open-engine.ts";
import { OutputClosed, printable, tell } from "./output.ts";

export const cp = defineCommand({
  name: "cp",
  usage: ["[flags] CONTAINER:PATH PATH|-", "[flags] PATH|- CONTAINER:PATH"],
  description:
    'Copies files and directories between a container, which may run or not, and the host. "-" is a tar archive on standard input or output. A directory that exists gets the source below its own name; a source that ends in "/." is what is in the directory.\n\nPaths of a container are as its programs see them, volumes included, and never lead out of it. A path of the host that has a colon in it is written with a "./" before.',
  examples: [
    { command: "currunt cp web:/etc/nginx ./nginx", text: "a directory, out of a container" },
    { command: "currunt cp page.html web:/usr/share/nginx/html/", text: "a file, into one" },
    { command: "currunt cp web:/var/log - | tar -tv", text: "as an archive" },
  ],
  flags: {
    archive: { type: "boolean", short: "a", help: "keep owners, set-id bits and attributes" },
    "follow-link": {
      type: "boolean",
      short: "L",
      help: "copy what a link leads to, where the source is one",
    },
    quiet: { type: "boolean", short: "q", help: "show no warnings" },
  },
  completes: "container",
  positionals: { min: 2, max: 2, names: "a source and a destination" },
  async run({ flags, positionals: [first = "", second = ""] }) {
    const [from, to] = [endOf(first), endOf(second)];
    if ((from.kind === "container") === (to.kind === "container")) {
      throw new CurruntError(
        "invalid",
        `copy ${JSON.stringify(first)} to ${JSON.stringify(second)}: one of them has to be CONTAINER:PATH`,
        {
          hint:
            from.kind === "container"
              ? 'from one to the other: "currunt cp A:PATH - | currunt cp - B:PATH"'
              : undefined,
        },
      );
    }
    if (to.kind === "stream" && isatty(1)) {
      throw new CurruntError("invalid", "cp: standard output is a terminal", {
        hint: 'pipe it on: "… - | tar -t"',
      });
    }
    const engine = await openEngine(flags);
    const warn = (message: string) => (flags.quiet ? undefined : tell(printable(`warning: ${message}`)));
    try {
      await engine.copy(from, to, { archive: flags.archive, follow: flags["follow-link"], warn });
    } catch (cause) {
      if (to.kind === "stream" && cause instanceof Error && "code" in cause && cause.code === "EPIPE") {
        throw new OutputClosed("", { cause });
      }
      throw cause;
    }
    return 0;
  },
});

/** docker's rule: a path that begins with a slash or a dot is the host's. */
export function endOf(text: string): CopyEnd {
  if (text === "-") return { kind: "stream" };
  const colon = text.indexOf(":");
  if (colon <= 0 || text.startsWith("/") || text.startsWith(".")) return { kind: "host", path: text };
  const path = text.slice(colon + 1);
  // From the root on, whether it says so or not.
  return {
    kind: "container",
    container: text.slice(0, colon),
    path: path.startsWith("/") ? path : `/${path}`,
  };
}
