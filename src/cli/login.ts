/** `currunt login` and `currunt logout`. */
import { CurruntError } from "../base/error.ts";
import { defineCommand } from "./command.ts";
import { Interruption } from "./interruption.ts";
import { print, printable, tell } from "./output.ts";
import { accessOf, registryFlags } from "./registry-flags.ts";

const DEFAULT_REGISTRY = "docker.io";

export const login = defineCommand({
  name: "login",
  usage: ["[flags] [REGISTRY]"],
  description:
    "Proves a user name and a password or token to a registry, Docker Hub unless named, and keeps them for later pulls: in docker's config.json or podman's auth.json, whichever is there, or with the credential helper that it names. What is not given is asked for at the terminal.",
  examples: [
    { command: "currunt login quay.io", text: "asks for user name and password" },
    {
      command: "currunt login -username bot -password-stdin ghcr.io < token",
      text: "in a script: no other process can see the token",
    },
  ],
  flags: {
    username: { type: "string", short: "u", metavar: "NAME", help: "user name" },
    password: {
      type: "string",
      short: "p",
      metavar: "PASSWORD",
      help: "password or token; others on this machine can see it: prefer -password-stdin",
    },
    "password-stdin": { type: "boolean", help: "take the password from standard input" },
    ...registryFlags,
  },
  positionals: { max: 1, names: "one registry" },
  async run({ flags, positionals: [registry = DEFAULT_REGISTRY] }) {
    const engine = await import("../engine/login.ts");
    using interruption = new Interruption();
    const request = { registry, access: accessOf(flags), signal: interruption.signal, onWarning: warn };
    const { username, password, "password-stdin": passwordFromInput } = flags;
    if (password !== undefined)
      warn("a password on the command line can be seen by others: use -password-stdin");
    const kept = await engine.logIn(request, { username, password, passwordFromInput });
    tell(`kept in ${kept}`);
    await print("Login Succeeded");
    return 0;
  },
});

export const logout = defineCommand({
  name: "logout",
  usage: ["[flags] [REGISTRY]"],
  description:
    "Forgets the credentials of a registry, Docker Hub unless named, wherever pulls would find them.",
  examples: [{ command: "currunt logout -all", text: "forget those of all registries" }],
  flags: {
    all: { type: "boolean", short: "a", help: "those of all registries" },
    authfile: registryFlags.authfile,
  },
  positionals: { max: 1, names: "one registry" },
  async run({ flags: { all, authfile }, positionals: [registry] }) {
    const engine = await import("../engine/login.ts");
    const request = { access: accessOf({ authfile, "tls-verify": true }), onWarning: warn };
    if (all && registry !== undefined) {
      throw new CurruntError("invalid", `-all and ${JSON.stringify(registry)} were both given`);
    }
    const gone = all
      ? await engine.logOutOfAll(request)
      : [await engine.logOut({ ...request, registry: registry ?? DEFAULT_REGISTRY })];
    await print(gone.map((name) => `Removed login credentials for ${name}`).join("\n"));
    return 0;
  },
});

function warn(message: string): void {
  tell(`currunt: warning: ${printable(message)}`);
}
