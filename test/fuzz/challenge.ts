/**
 * Feeds damaged WWW-Authenticate headers to their reader: it takes them all, understands what it has understood once it is written anew, and
 * knows no names of JavaScript's own. By hand: `bun test/fuzz/challenge.ts [SECONDS] [SEED] [keep]`.
 */
import { isDeepStrictEqual } from "node:util";
import type { Challenge } from "../../src/image/challenge.ts";
import { parseChallenges } from "../../src/image/challenge.ts";
import type { Random } from "./random.ts";
import { damageText, pick } from "./random.ts";
import type { Target } from "./target.ts";
import { main } from "./target.ts";

const seeds: readonly [string, ...string[]] = [
  "Basic",
  'Basic realm="registry", charset="UTF-8"',
  'Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a/b:pull"',
  'Bearer realm="r", Basic realm="b", Negotiate abc==',
  'Bearer realm="a\\"b\\\\c", error="invalid_token"',
];
const tokens: readonly string[] = [
  ...[
    '"',
    "\\",
    '\\"',
    "=",
    "==",
    ",",
    ",,",
    " ",
    "\t",
    "\r\n",
    "Bearer ",
    "Basic ",
    "realm=",
    "__proto__=x",
  ],
  ...["constructor=", 'realm="', "ü", "\0"],
];

/** The header that says just this. */
function write(challenges: readonly Challenge[]): string {
  const quote = (text: string) => `"${text.replace(/["\\]/g, "\\$&")}"`;
  return challenges
    .map(({ scheme, parameters }) => {
      const list = Object.entries(parameters).map(([name, value]) => `${name}=${quote(value)}`);
      return `${scheme} ${list.join(", ")}`;
    })
    .join(", ");
}

const plain = (challenges: readonly Challenge[]) =>
  challenges.map(({ scheme, parameters }) => [scheme, Object.entries(parameters)]);

export const target: Target = {
  name: "challenge",
  make: (random: Random, parent) =>
    Buffer.from(damageText(parent?.toString() ?? pick(random, seeds), tokens, random)),
  check(input) {
    const challenges = parseChallenges(input.toString());
    for (const { scheme, parameters } of challenges) {
      const names = [scheme, ...Object.keys(parameters)];
      if (names.some((name) => name !== name.toLowerCase() || /[\s",=]/.test(name)))
        throw new Error(`a name that is none: ${names.join()}`);
      if (Object.getPrototypeOf(parameters) !== null) throw new Error("the parameters have a prototype");
    }
    const again = parseChallenges(write(challenges));
    if (!isDeepStrictEqual(plain(again), plain(challenges))) {
      throw new Error(`${write(challenges)} is read as ${write(again)}`);
    }
    return challenges
      .slice(0, 3)
      .map(({ parameters }) => Math.min(Object.keys(parameters).length, 2))
      .join();
  },
};

if (import.meta.main) main(target);
