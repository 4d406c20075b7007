/** The flags that say how registries are spoken to, and what they mean. */
import { CurruntError } from "../base/error.ts";
import type { RegistryAccess } from "../engine/options.ts";
import type { Values } from "./flag.ts";
import { flags } from "./flag.ts";
import { normalizePath } from "./volume.ts";

/** Of every command that asks a registry. */
export const registryFlags = flags({
  authfile: {
    type: "string",
    metavar: "FILE",
    completes: "file",
    help: "file of credentials, instead of docker's and podman's",
  },
  "tls-verify": {
    type: "boolean",
    default: true,
    help: "whether the named registry must have TLS and a certificate that is trusted",
  },
});

/** Of those that get or send images. */
export const credentialFlag = {
  type: "string",
  metavar: "USER:PASSWORD",
  help: "who to be at the named registry; others on this machine can see it: prefer login",
} as const;

interface AccessFlags extends Values<typeof registryFlags> {
  readonly creds?: string | undefined;
}

/** The flags as the engine wants them. */
export function accessOf({ creds, authfile, "tls-verify": verifyTls }: AccessFlags): RegistryAccess {
  return {
    verifyTls,
    ...(creds === undefined ? {} : { login: splitCredentials(creds) }),
    ...(authfile === undefined
      ? {}
      : { authFile: normalizePath(authfile.startsWith("/") ? authfile : `${process.cwd()}/${authfile}`) }),
  };
}

function splitCredentials(text: string): { username: string; password: string } {
  const colon = text.indexOf(":");
  if (colon > 0) return { username: text.slice(0, colon), password: text.slice(colon + 1) };
  // The value is not shown: it may be a password alone.
  throw new CurruntError("invalid", "flag -creds: has no user name before a colon", {
    hint: "write -creds USER:PASSWORD, or log in with: currunt login REGISTRY",
  });
}
