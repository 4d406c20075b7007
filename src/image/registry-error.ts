/** A registry's refusal told as an error: what was asked, what it said, what to do. */
import * as v from "valibot";
import type { ErrorKind } from "../base/error.ts";
import { CurruntError } from "../base/error.ts";

/** The distribution spec's error body; other servers leave parts out. */
const bodySchema = v.object({
  errors: v.optional(
    v.array(v.object({ code: v.optional(v.string(), ""), message: v.optional(v.nullable(v.string()), "") })),
  ),
  message: v.optional(v.string()),
  details: v.optional(v.string()),
});
const MAX_DETAIL_LENGTH = 300;

/** Error bodies are read up to this size. */
export const MAX_ERROR_BYTES = 1 << 20;

export interface Refusal {
  /** What was being done: `pull "busybox"`. */
  readonly action: string;
  readonly host: string;
  readonly status: number;
  readonly body: Uint8Array | undefined;
  /** Whether we said who we are. */
  readonly loggedIn: boolean;
  /** What must not be shown, should the server repeat it. */
  readonly secrets?: readonly string[];
}

/** The error for an HTTP status of 400 and above. */
export function refusalError({ action, host, status, body, loggedIn, secrets = [] }: Refusal): CurruntError {
  const { codes, text } = readBody(body, secrets);
  const detail = text === "" ? `${host} answered ${status}` : `${host} answered ${status}: ${text}`;
  return new CurruntError(kindOf(status), `${action}: ${detail}`, {
    hint: hintFor({ status, host, loggedIn, codes, text }),
  });
}

function kindOf(status: number): ErrorKind {
  if (status === 401 || status === 403) return "denied";
  if (status === 404 || status === 410) return "not-found";
  return status === 429 || status >= 500 || status === 408 ? "unavailable" : "invalid";
}

interface HintFacts {
  readonly status: number;
  readonly host: string;
  readonly loggedIn: boolean;
  readonly codes: readonly string[];
  readonly text: string;
}

function hintFor({ status, host, loggedIn, codes, text }: HintFacts): string {
  if (status === 401) {
    return loggedIn
      ? `the registry does not take these credentials: log in to ${host} again`
      : `check the name; a private image needs a login: currunt login ${host}`;
  }
  if (status === 403)
    return "these credentials have no right to that, or the registry blocks this address: ask its owner";
  if (status === 404) {
    if (codes.includes("NAME_UNKNOWN")) return "the registry has no such repository: check the name";
    return codes.includes("MANIFEST_UNKNOWN") || codes.includes("TAG_EXPIRED")
      ? "the repository has no such tag or digest: check the part after the name"
      : "check the name and the tag, and that the host is a container registry";
  }
  if (status === 429) {
    return /pull rate limit/i.test(text) && !loggedIn
      ? `the limit is higher for users: currunt login ${host}, or wait`
      : "too many requests from here: wait some minutes, then try again";
  }
  if (status >= 500) return "the registry has trouble: try again later";
  return "check the name and that the host is a container registry";
}

function readBody(
  body: Uint8Array | undefined,
  secrets: readonly string[],
): { codes: string[]; text: string } {
  const source = Buffer.from(body ?? new Uint8Array()).toString("utf8");
  let value: unknown;
  try {
    value = JSON.parse(source);
  } catch {
    // A proxy's HTML page says nothing that a reader of a terminal wants.
    return { codes: [], text: /[<{]/.test(source) ? "" : clean(source, secrets) };
  }
  const parsed = v.safeParse(bodySchema, value);
  if (!parsed.success) return { codes: [], text: "" };
  const { errors = [], message = "", details = "" } = parsed.output;
  const parts = errors.map((error) => error.message || error.code.toLowerCase().replaceAll("_", " "));
  return {
    codes: errors.map(({ code }) => code),
    text: clean([...parts, details || message].filter((part) => part !== "").join("; "), secrets),
  };
}

/** One line without control characters (a server must not drive the terminal), cut to length, secrets blotted out. */
function clean(text: string, secrets: readonly string[]): string {
  let result = text.replace(/\p{C}+/gu, " ").trim();
  for (const secret of secrets) if (secret !== "") result = result.replaceAll(secret, "***");
  return result.length > MAX_DETAIL_LENGTH ? `${result.slice(0, MAX_DETAIL_LENGTH)}…` : result;
}
