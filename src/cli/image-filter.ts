/** `-filter NAME=VALUE` of images, read into what the engine chooses by. */
import { CurruntError } from "../base/error.ts";
import type { ImageFilter } from "../engine/image-options.ts";
import { readTime } from "./time.ts";
import { readBoolean } from "./value.ts";

/** Of `images`. `-f` is docker's. */
export const imageFilterFlag = {
  type: "string",
  short: "f",
  metavar: "NAME=VALUE",
  repeatable: true,
  help: "only those with reference=PATTERN, dangling=true, label=KEY[=VALUE], before=IMAGE, since=IMAGE, until=TIME",
} as const;

/** Of commands that remove: by label and age alone. */
export const pruneFilterFlag = {
  type: "string",
  metavar: "NAME=VALUE",
  repeatable: true,
  help: "only those with label=KEY[=VALUE], without (label!=KEY), or older than until=TIME",
} as const;

/** The filters of those commands. */
export const pruneFilterNames = ["label", "until"] as const;

/** All values of the flag; `allowed`: names of filters that the command has. */
export function readImageFilters(
  texts: readonly string[],
  now: number,
  allowed: readonly string[] = Object.keys(readers),
): ImageFilter[] {
  return texts.map((text) => {
    const [, name = "", negated, value = ""] = /^([^=!]*)(!?)=(.*)$/s.exec(text) ?? [text, text];
    const reader = allowed.includes(name) ? readers[name] : undefined;
    if (reader === undefined || !text.includes("=") || (negated === "!" && name !== "label")) {
      throw new CurruntError("invalid", `flag -filter: cannot read ${JSON.stringify(text)}`, {
        hint: `write NAME=VALUE; names are ${allowed.join(", ")}`,
      });
    }
    return reader(value, now, negated !== "!");
  });
}

type Reader = (value: string, now: number, present: boolean) => ImageFilter;

const readers: Readonly<Record<string, Reader>> = {
  reference: (pattern) => ({ kind: "reference", pattern }),
  dangling: (value) => ({ kind: "dangling", value: readBoolean(value, "-filter dangling") }),
  label: (text, _now, present) => {
    const equals = text.indexOf("=");
    const name = equals === -1 ? text : text.slice(0, equals);
    return { kind: "label", name, value: equals === -1 ? undefined : text.slice(equals + 1), present };
  },
  before: (than) => ({ kind: "before", than }),
  since: (than) => ({ kind: "since", than }),
  until: (value, now) => ({ kind: "before", than: readTime(value, "-filter until", now) }),
};
