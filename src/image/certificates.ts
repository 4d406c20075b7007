/** Whom TLS trusts and what it shows of us, server by server: the system's authorities and the tools' certs.d. */
import { join } from "node:path";
import { CurruntError } from "../base/error.ts";
import type { ConfigPlaces } from "./config-place.ts";
import { given, listConfig, readConfig, systemConfig, userConfig } from "./config-place.ts";
import { containerdDirectories } from "./hosts-toml.ts";

/** Certificates for one server, in PEM. */
export interface Certificates {
  /** Authorities that are trusted beside the system's. */
  readonly ca: readonly string[];
  readonly client?: ClientCertificate | undefined;
}

export interface ClientCertificate {
  readonly cert: string;
  readonly key: string;
}

/** Where distributions keep the authorities: Debian, Fedora, openSUSE, Alpine. */
const systemBundles = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

/** The system's authorities, as SSL_CERT_FILE or the distribution has them; undefined: those that are built in. */
export function systemAuthorities({ env = process.env }: ConfigPlaces = {}): string | undefined {
  const explicit = given(env["SSL_CERT_FILE"]);
  if (explicit !== undefined) return readPem(explicit);
  for (const path of systemBundles) {
    const found = readConfig(path, "certificates");
    if (found !== undefined && found !== "") return found;
  }
  return undefined;
}

/**
 * What certs.d has for `host`, "host[:port]": the first directory that there is counts, of the user's, podman's, docker's and
 * containerd's. Undefined when there is none. `*.crt` are authorities, `NAME.cert` with `NAME.key` is ours.
 */
export function loadCertificates(host: string, places: ConfigPlaces = {}): Certificates | undefined {
  const etc = systemConfig(places);
  const roots = [join(userConfig(places), "containers"), join(etc, "containers"), join(etc, "docker")];
  const directories = [
    ...roots.map((root) => join(root, "certs.d", host)),
    ...containerdDirectories(host, places).filter((path) => !path.endsWith("/_default")),
  ];
  for (const directory of directories) {
    const names = listConfig(directory, "certificates");
    if (names.length > 0) return readDirectory(directory, names);
  }
  return undefined;
}

function readDirectory(directory: string, names: readonly string[]): Certificates | undefined {
  const ca = names.filter((name) => name.endsWith(".crt")).map((name) => readPem(join(directory, name)));
  const pairs = names.filter((name) => name.endsWith(".cert")).map((name) => name.slice(0, -".cert".length));
  const stray = names.find((name) => name.endsWith(".key") && !pairs.includes(name.slice(0, -".key".length)));
  if (stray !== undefined) {
    throw new CurruntError(
      "invalid",
      `read ${JSON.stringify(join(directory, stray))}: a key without its certificate`,
      {
        hint: `put the certificate beside it as ${stray.replace(/\.key$/, ".cert")}; only authorities are called *.crt`,
      },
    );
  }
  const [first] = pairs;
  if (ca.length === 0 && first === undefined) return undefined;
  const client =
    first === undefined
      ? undefined
      : readClient(join(directory, `${first}.cert`), join(directory, `${first}.key`));
  return { ca, client };
}

/** A client certificate with its key. */
export function readClient(certificate: string, key: string): ClientCertificate {
  return { cert: readPem(certificate), key: readPem(key) };
}

/** A file in PEM. Throws "invalid" when it is none: its content is not shown, as it may be a key. */
export function readPem(path: string): string {
  const found = readConfig(path, "certificate");
  if (found?.includes("-----BEGIN ") === true) return found;
  const detail = found === undefined ? "there is no such file" : "it is not PEM";
  throw new CurruntError("invalid", `read certificate ${JSON.stringify(path)}: ${detail}`, {
    hint: "PEM begins with -----BEGIN CERTIFICATE----- (a key with -----BEGIN PRIVATE KEY-----)",
  });
}
