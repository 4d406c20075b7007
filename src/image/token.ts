/** What token servers answer: a token with the time that it is good for, or a refusal. */
import * as v from "valibot";
import { CurruntError } from "../base/error.ts";

const tokenSchema = v.object({
  token: v.nullish(v.string()),
  access_token: v.nullish(v.string()),
  expires_in: v.nullish(v.number()),
  issued_at: v.nullish(v.string()),
});
/** The distribution spec's default, and the least that is believed. */
const MIN_TOKEN_SECONDS = 60;
/** A token is renewed this long before its end, so that it does not end on the way. */
const RENEW_EARLY_MS = 5_000;

export interface Token {
  readonly value: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

/** Reads a token server's answer; undefined: it was too long. Throws "unavailable" without showing anything of it. */
export function parseToken(bytes: Uint8Array | undefined, realm: URL): Token {
  const fail = (detail: string) =>
    new CurruntError("unavailable", `get a token from ${realm.host}: ${detail}`, {
      hint: "the token server is faulty, or no token server at all: check the registry's name",
    });
  if (bytes === undefined) throw fail("the answer is too long");
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    // The cause is left out: it may quote the answer, and that may hold a token.
    throw fail("the answer is not JSON");
  }
  const answer = v.safeParse(tokenSchema, value);
  const token = answer.success ? answer.output.token || answer.output.access_token : undefined;
  if (!answer.success || token === undefined || token === null || token === "")
    throw fail("the answer has no token");
  if (!/^[\x21-\x7e]+$/.test(token)) throw fail("the token has characters that no header can carry");
  const seconds = Math.max(answer.output.expires_in ?? MIN_TOKEN_SECONDS, MIN_TOKEN_SECONDS);
  // `issued_at` is left out of account: the clocks of two machines differ, ours does not.
  return { value: token, expiresAt: Date.now() + seconds * 1000 - RENEW_EARLY_MS };
}

export interface RefusedToken {
  readonly status: number;
  readonly realm: URL;
  readonly base: URL;
  readonly anonymous: boolean;
}

/** The error for an answer of 400 and above. */
export function refusedToken({ status, realm, base, anonymous }: RefusedToken): CurruntError {
  const login = `check the name; a private image needs a login: currunt login ${base.host}`;
  const hints: Record<number, string | undefined> = {
    400: anonymous ? undefined : `it does not understand these credentials: currunt login ${base.host}`,
    401: anonymous ? login : "check the user name and the password or token",
    403: anonymous ? login : "this user has no right to the repository: ask its owner",
    429: "too many requests: wait, or log in to get a higher limit",
  };
  const kind = status === 401 || status === 403 ? "denied" : "unavailable";
  return new CurruntError(kind, `get a token for ${base.host} from ${realm.host}: it answered ${status}`, {
    hint: hints[status] ?? "the token server has trouble: try again later",
  });
}
