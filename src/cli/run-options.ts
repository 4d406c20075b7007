/** From the flags of `run` and `create` to what the engine is asked for: everything parsed, nothing left to split. */
import { CurruntError } from "../base/error.ts";
import type { RootSource, RunOptions, UserReference } from "../engine/options.ts";
import { detachKeysOption } from "./detach-keys.ts";
import { parseEnvironmentFile, parseLabels, resolveVariable } from "./environment.ts";
import type { Values } from "./flag.ts";
import { refusePublish } from "./publish.ts";
import { accessOf } from "./registry-flags.ts";
import { resourcesOf } from "./resource-flags.ts";
import type { createFlags, runFlags } from "./run-flags.ts";
import { parseCapability, parseSecurityOptions, parseUlimit } from "./security.ts";
import { parseSignal } from "./signal.ts";
import { normalizePath, parseTmpfs, parseVolume } from "./volume.ts";
import { splitWords } from "./words.ts";

/** A command line of `run` or `create`, and the surroundings that it is read in. */
export interface RunLine {
  readonly flags: Values<typeof createFlags> & Partial<Values<typeof runFlags>>;
  readonly given: ReadonlySet<string>;
  readonly positionals: readonly string[];
  /** Absolute path that relative ones start from. */
  readonly directory: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Throws "invalid" or "unsupported" naming the flag, its value and the remedy. Reads the env-files. */
export async function readRunOptions(line: RunLine): Promise<RunOptions> {
  const { flags } = line;
  refusePublish(flags.publish);
  const form = readForm(line);
  const attach = staysAttached(line, form);
  return {
    ...form,
    ...programOptions(line),
    env: await environmentOf(line),
    interactive: flags.interactive,
    terminal: flags.tty,
    ...detachKeysOption(flags["detach-keys"]),
    attach,
    ...(flags.name === undefined ? {} : { name: flags.name }),
    ...(flags.hostname === undefined ? {} : { hostname: hostnameOf(flags.hostname) }),
    labels: parseLabels(flags.label),
    remove: line.given.has("rm") ? flags.rm : isThrowAway(line, form, attach),
    ...(flags.cidfile === undefined ? {} : { cidFile: absolute(flags.cidfile, line) }),
    ulimits: flags.ulimit.map(parseUlimit),
    ...resourcesOf(flags),
    ...fileOptions(line),
    ...networkOptions(line),
    capabilitiesAdd: flags["cap-add"].map(parseCapability),
    capabilitiesDrop: flags["cap-drop"].map(parseCapability),
    privileged: flags.privileged,
    ...parseSecurityOptions(flags["security-opt"], line.directory),
    quiet: flags.quiet,
  };
}

type Form = Pick<RunOptions, "source" | "command">;

/** `-image NAME [CMD…]`, `-rootfs DIR [CMD…]`, or docker's `IMAGE [CMD…]`. */
function readForm(line: RunLine): Form {
  const { flags, positionals } = line;
  if (flags.image !== undefined && flags.rootfs !== undefined) {
    throw new CurruntError("invalid", "-image and -rootfs were both given: a container has one root");
  }
  const named = flags.image !== undefined || flags.rootfs !== undefined;
  const rest = named ? positionals : positionals.slice(1);
  return { source: readSource(line), ...commandOf(line, rest) };
}

function readSource({ flags, positionals, directory }: RunLine): RootSource {
  if (flags.rootfs !== undefined) {
    if (flags.rootfs === "") throw new CurruntError("invalid", "flag -rootfs: needs a directory");
    return { kind: "rootfs", directory: absolute(flags.rootfs, { directory }) };
  }
  const reference = flags.image ?? positionals[0];
  if (reference === undefined || reference === "") {
    throw new CurruntError("invalid", "no image was named", {
      hint: "write -image NAME, or the name after the flags, or -rootfs DIR",
    });
  }
  return {
    kind: "image",
    reference,
    pull: flags.pull,
    layerFormat: flags["layer-format"],
    access: accessOf(flags),
    ...(flags.platform === undefined ? {} : { platform: platformOf(flags.platform) }),
  };
}

/** Checked here, before a registry is asked; the names themselves are the image's to have. */
export function platformOf(text: string): string {
  if (/^[a-z0-9]+\/[a-z0-9_]+(\/[a-z0-9.]+)?$/i.test(text)) return text;
  throw new CurruntError(
    "invalid",
    `flag -platform: ${JSON.stringify(text)} is not OS/ARCH or OS/ARCH/VARIANT`,
    {
      hint: "write linux/amd64, linux/arm64 or linux/arm/v7",
    },
  );
}

function commandOf({ flags }: RunLine, positionals: readonly string[]): Pick<RunOptions, "command"> {
  if (flags.cmd === undefined) return positionals.length === 0 ? {} : { command: positionals };
  if (positionals.length === 0) return { command: splitWords(flags.cmd, "-cmd") };
  throw new CurruntError(
    "invalid",
    `-cmd was given, and ${JSON.stringify(positionals[0])} begins a command too`,
    {
      hint: "leave one of the two out",
    },
  );
}

/**
 * Whether the caller stays until the program ends. With `-image` that takes one of `-interactive`, `-tty`, `-attach`; docker's
 * form and `-rootfs` stay unless `-detach`.
 */
function staysAttached({ flags, given }: RunLine, { source }: Form): boolean {
  if (flags.attach === true && flags.detach === true) {
    throw new CurruntError("invalid", "-attach and -detach were both given");
  }
  if (flags.detach !== undefined && given.has("detach")) return !flags.detach;
  if (source.kind === "rootfs" || flags.image === undefined) return true;
  return flags.attach === true || flags.interactive || flags.tty;
}

/** A nameless foreground run of a directory is a command in a throw-away copy: it leaves nothing. */
function isThrowAway({ flags }: RunLine, { source }: Form, attach: boolean): boolean {
  return source.kind === "rootfs" && attach && flags.attach !== undefined && flags.name === undefined;
}

function programOptions({ flags }: RunLine): Partial<RunOptions> {
  const timeout = flags["stop-timeout"];
  const signal = flags["stop-signal"];
  return {
    ...(flags.entrypoint === undefined ? {} : { entrypoint: splitWords(flags.entrypoint, "-entrypoint") }),
    ...(flags.workdir === undefined ? {} : { workdir: workdirOf(flags.workdir) }),
    ...(flags.user === undefined ? {} : { user: parseUser(flags.user) }),
    ...(signal === undefined ? {} : { stopSignal: parseSignal(signal, "-stop-signal") }),
    ...(timeout === undefined ? {} : { stopTimeoutSeconds: secondsOf(timeout) }),
  };
}

/** Milliseconds as seconds; negative is for ever. */
export function secondsOf(milliseconds: number): number {
  return milliseconds < 0 ? Number.POSITIVE_INFINITY : milliseconds / 1000;
}

/** An absolute path in the container. */
export function workdirOf(text: string): string {
  if (text.startsWith("/")) return text;
  throw new CurruntError("invalid", `flag -workdir: ${JSON.stringify(text)} is not an absolute path`);
}

/** `name|uid[:group|gid]`. */
export function parseUser(text: string): UserReference {
  const [user = "", group, ...more] = text.split(":");
  if (user === "" || group === "" || more.length > 0) {
    throw new CurruntError("invalid", `flag -user: ${JSON.stringify(text)} is not USER or USER:GROUP`, {
      hint: "both by name or number, as 1000:1000 or www-data",
    });
  }
  return group === undefined ? { user } : { user, group };
}

/** The env-files' variables, then the flags': later ones win. */
export async function environmentOf(line: {
  readonly flags: { readonly env: readonly string[]; readonly "env-file": readonly string[] };
  readonly environment: RunLine["environment"];
}): Promise<string[]> {
  const variables: string[] = [];
  for (const path of line.flags["env-file"]) {
    variables.push(...parseEnvironmentFile(await readFile(path), path, line.environment));
  }
  return [...variables, ...line.flags.env.map((text) => resolveVariable(text, line.environment))];
}

async function readFile(path: string): Promise<string> {
  try {
    const { readText } = await import("../engine/caller.ts");
    return readText(path);
  } catch (cause) {
    throw new CurruntError("invalid", "flag -env-file", { cause });
  }
}

function fileOptions({ flags, directory }: RunLine) {
  const volumes = flags.volume.map((text) => parseVolume(text, directory));
  const tmpfs = flags.tmpfs.map(parseTmpfs);
  refuseRepeated([...volumes, ...tmpfs].map(({ target }) => target));
  const shm = flags["shm-size"];
  return {
    volumes,
    tmpfs,
    readOnly: flags["read-only"],
    ...(shm === undefined ? {} : { shmSizeBytes: shm }),
  };
}

function refuseRepeated(targets: readonly string[]): void {
  const repeated = targets.find((target, index) => targets.indexOf(target) !== index);
  if (repeated === undefined) return;
  throw new CurruntError("invalid", `two volumes have the same target ${JSON.stringify(repeated)}`);
}

/** It becomes a line of /etc/hosts too; 64 bytes is what sethostname(2) takes. */
function hostnameOf(text: string): string {
  if (/^[a-z0-9_]([a-z0-9_.-]{0,62}[a-z0-9_])?$/i.test(text)) return text;
  throw new CurruntError("invalid", `flag -hostname: ${JSON.stringify(text)} is not a host name`, {
    hint: "use up to 64 letters, digits, dashes and dots",
  });
}

function networkOptions({ flags }: RunLine): Pick<RunOptions, "network" | "dns" | "extraHosts"> {
  return {
    network: networkOf(flags.network),
    dns: flags.dns.map(addressOf),
    extraHosts: flags["add-host"].map(hostOf),
  };
}

function networkOf(text: string): RunOptions["network"] {
  if (text === "host" || text === "none") return text;
  throw new CurruntError("unsupported", `network ${JSON.stringify(text)}: is not in this version`, {
    hint: "host and none are",
  });
}

function addressOf(text: string): string {
  const bare = text.replace(/^\[(.*)\]$/, "$1");
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(bare) || /^[\da-f]*:[\da-f:.]+$/i.test(bare)) return bare;
  throw new CurruntError("invalid", `${JSON.stringify(text)} is not an IP address`);
}

/** `NAME:ADDRESS` or `NAME=ADDRESS`; a version 6 address may stand in brackets. */
function hostOf(text: string): RunOptions["extraHosts"][number] {
  const [, name, address] = /^([^:=\s]+)[:=](.+)$/.exec(text) ?? [];
  if (name !== undefined && address !== undefined) return { name, address: addressOf(address) };
  throw new CurruntError("invalid", `flag -add-host: ${JSON.stringify(text)} is not NAME:ADDRESS`);
}

function absolute(path: string, { directory }: Pick<RunLine, "directory">): string {
  return path.startsWith("/") ? path : normalizePath(`${directory}/${path}`);
}
