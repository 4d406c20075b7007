/** Splits a command given as one text into words, as a shell does, or reads it as a JSON array. */
import { CurruntError } from "../base/error.ts";

/**
 * `text` as words. A JSON array of strings is taken as it stands; else blanks separate words, `'…'` keeps everything, `"…"` keeps
 * everything but `\"`, `\\`, `\$`, `` \` `` and a backslashed newline, and a backslash outside of quotes keeps the next
 * character (POSIX, "Shell Command Language" 2.2). Nothing is expanded. `flag` names the source in an error.
 */
export function splitWords(text: string, flag: string): string[] {
  return (text.trimStart().startsWith("[") ? jsonWords(text, flag) : undefined) ?? shellWords(text, flag);
}

/** The array; undefined when the text is not JSON at all and `[` is the program test(1) by its other name. */
function jsonWords(text: string, flag: string): string[] | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    if (/^\s*\[\s/.test(text) && !text.trimStart().startsWith('[ "')) return undefined;
    throw new CurruntError(
      "invalid",
      `flag ${flag}: ${JSON.stringify(text)} begins as a JSON array and is none`,
      {
        cause,
        hint: `write it as ["word", "word"], or as words separated by blanks`,
      },
    );
  }
  const words = Array.isArray(value) ? value.filter((word) => typeof word === "string") : [];
  if (!Array.isArray(value) || words.length !== value.length) {
    throw new CurruntError("invalid", `flag ${flag}: ${JSON.stringify(text)} is not an array of strings`);
  }
  return words;
}

function shellWords(text: string, flag: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  for (let at = 0; at < text.length; ) {
    const character = text[at] ?? "";
    if (character === " " || character === "\t" || character === "\n") {
      if (word !== undefined) words.push(word);
      word = undefined;
      at++;
      continue;
    }
    const { kept, end } = pieceAt(text, at, flag);
    word = (word ?? "") + kept;
    at = end;
  }
  return word === undefined ? words : [...words, word];
}

/** What the quote, the backslash or the plain character at `at` contributes, and where the next piece begins. */
function pieceAt(text: string, at: number, flag: string): { kept: string; end: number } {
  const character = text[at] ?? "";
  if (character === "\\") return escapedAt(text, at, flag);
  if (character === '"') return doubleQuotedAt(text, at, flag);
  if (character !== "'") return { kept: character, end: at + 1 };
  const close = text.indexOf("'", at + 1);
  if (close === -1) throw unclosed(text, at, flag);
  return { kept: text.slice(at + 1, close), end: close + 1 };
}

function escapedAt(text: string, at: number, flag: string): { kept: string; end: number } {
  const next = text[at + 1];
  if (next === undefined) {
    throw new CurruntError("invalid", `flag ${flag}: ${JSON.stringify(text)} ends in a backslash`);
  }
  return { kept: next === "\n" ? "" : next, end: at + 2 };
}

function doubleQuotedAt(text: string, at: number, flag: string): { kept: string; end: number } {
  let kept = "";
  for (let inside = at + 1; inside < text.length; inside++) {
    const character = text[inside] ?? "";
    if (character === '"') return { kept, end: inside + 1 };
    const next = text[inside + 1] ?? "";
    if (character === "\\" && next !== "" && '"\\$`\n'.includes(next)) {
      kept += next === "\n" ? "" : next;
      inside++;
    } else {
      kept += character;
    }
  }
  throw unclosed(text, at, flag);
}

function unclosed(text: string, at: number, flag: string): CurruntError {
  return new CurruntError(
    "invalid",
    `flag ${flag}: the quote at character ${at + 1} of ${JSON.stringify(text)} is never closed`,
  );
}
