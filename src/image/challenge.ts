/** WWW-Authenticate headers told apart into challenges (RFC 9110 section 11.6.1). */

/** One challenge: what scheme the server takes and with which parameters. */
export interface Challenge {
  /** Lower case: "bearer", "basic". */
  readonly scheme: string;
  /** Names in lower case. */
  readonly parameters: Readonly<Record<string, string>>;
}

type Token = { readonly kind: "word" | "string"; readonly text: string } | { readonly kind: "=" | "," };

const wordPattern = /[^\s",=]+/y;

/**
 * Parses a header's value. Several challenges may stand in one, as several headers are joined with commas, and quoted
 * strings hold commas too. What cannot be understood is skipped: a server with one odd challenge may have a good one.
 */
export function parseChallenges(header: string): Challenge[] {
  const tokens = tokenize(header);
  const challenges: { scheme: string; parameters: Record<string, string> }[] = [];
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i];
    if (token === undefined || token.kind !== "word") continue;
    const value = tokens[i + 2];
    const isParameter = tokens[i + 1]?.kind === "=" && value !== undefined && "text" in value;
    const current = challenges.at(-1);
    if (isParameter && current !== undefined) {
      // The first one counts: a second realm must not replace the one that was checked.
      current.parameters[token.text.toLowerCase()] ??= value.text;
      i += 2;
    } else if (tokens[i + 1]?.kind !== "=") {
      challenges.push({ scheme: token.text.toLowerCase(), parameters: Object.create(null) });
    }
  }
  return challenges;
}

/** Words, quoted strings without their quotes, "=" and ",". A token68 ("abc==") ends as a word and loose "=". */
function tokenize(header: string): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < header.length; ) {
    const character = header.charAt(at);
    if (character === "=" || character === ",") {
      tokens.push({ kind: character });
      at++;
    } else if (character === '"') {
      const { text, end } = quoted(header, at);
      tokens.push({ kind: "string", text });
      at = end;
    } else {
      wordPattern.lastIndex = at;
      const word = wordPattern.exec(header)?.[0];
      if (word !== undefined) tokens.push({ kind: "word", text: word });
      at += word?.length ?? 1;
    }
  }
  return tokens;
}

/** The string that opens at `start`, with backslash escapes undone; an open end is taken as it is. */
function quoted(header: string, start: number): { text: string; end: number } {
  let text = "";
  let at = start + 1;
  for (; at < header.length && header[at] !== '"'; at++) {
    if (header[at] === "\\" && at + 1 < header.length) at++;
    text += header.charAt(at);
  }
  return { text, end: at + 1 };
}
