/** Programs that keep secrets for docker and its kin: the docker-credential-helpers protocol. */
import * as v from "valibot";
import { CurruntError, wrap } from "../base/error.ts";
import type { ConfigPlaces } from "./config-place.ts";

/** One helper, as a credentials file names it. */
export interface Helper {
  /** "secretservice": the program is docker-credential-secretservice. */
  readonly name: string;
  /** The file that names it. */
  readonly path: string;
  readonly places: ConfigPlaces;
}

export interface Secret {
  /** "<token>": the secret is an identity token. */
  readonly username: string;
  readonly secret: string;
}

const answerSchema = v.object({ Username: v.string(), Secret: v.string() });
/** A helper may ask the user to unlock a key ring; it does not get for ever. */
const TIMEOUT_MS = 60_000;

/** What it keeps for `server`; undefined: nothing. */
export async function getSecret(helper: Helper, server: string): Promise<Secret | undefined> {
  const output = await run(helper, "get", server, server);
  if (output === undefined) return undefined;
  try {
    const { Username, Secret } = v.parse(answerSchema, JSON.parse(output));
    return Secret === "" ? undefined : { username: Username, secret: Secret };
  } catch {
    // The cause is left out: it may quote the secret.
    throw new CurruntError("unavailable", `${actionOf(helper, server)}: its answer cannot be understood`, {
      hint: hintOf(helper),
    });
  }
}

/** Has it keep a secret for `server`. */
export async function storeSecret(
  helper: Helper,
  server: string,
  { username, secret }: Secret,
): Promise<void> {
  const entry = { ServerURL: server, Username: username, Secret: secret };
  await run(helper, "store", server, JSON.stringify(entry));
}

/** Has it forget what it keeps for `server`; true when there was something. */
export async function eraseSecret(helper: Helper, server: string): Promise<boolean> {
  if ((await getSecret(helper, server)) === undefined) return false;
  await run(helper, "erase", server, server);
  return true;
}

/** The output of one call; undefined when the helper says that it has nothing. */
async function run(
  helper: Helper,
  verb: "get" | "store" | "erase",
  server: string,
  input: string,
): Promise<string | undefined> {
  const { name, places } = helper;
  const { env = process.env } = places;
  const action = actionOf(helper, server);
  const hint = hintOf(helper);
  if (!/^[A-Za-z0-9._-]+$/.test(name)) throw new CurruntError("invalid", `${action}: bad name`, { hint });
  const program = Bun.which(`docker-credential-${name}`, { PATH: env["PATH"] ?? "" });
  if (program === null) throw new CurruntError("unavailable", `${action}: it is not installed`, { hint });
  try {
    await using child = Bun.spawn([program, verb], {
      env: { ...env },
      stdin: Buffer.from(input),
      stdout: "pipe",
      stderr: "ignore",
      timeout: TIMEOUT_MS,
    });
    const [output, exitCode] = await Promise.all([child.stdout.text(), child.exited]);
    if (exitCode === 0) return output;
    // Failures come on standard output, in words that the protocol fixes.
    if (/credentials not found|no credentials server URL/i.test(output)) return undefined;
    throw new CurruntError("denied", `it failed: ${firstLine(output)}`);
  } catch (error) {
    if (error instanceof CurruntError) throw wrap(error, action);
    throw new CurruntError("unavailable", `${action}: it cannot be run`, { hint });
  }
}

function actionOf({ name }: Helper, server: string): string {
  return `ask credential helper ${JSON.stringify(name)} for ${server}`;
}

function hintOf({ name, path }: Helper): string {
  return `${JSON.stringify(path)} names it: install docker-credential-${name}, or remove the entry`;
}

function firstLine(text: string): string {
  return text.trim().split("\n", 1)[0]?.slice(0, 200) ?? "";
}
