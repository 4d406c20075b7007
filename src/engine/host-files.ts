/** The texts of /etc/hostname, /etc/hosts and /etc/resolv.conf of a container. */

/** What the texts depend on. */
export interface HostFilesInput {
  readonly hostname: string;
  readonly network: "host" | "none";
  readonly extraHosts: readonly { readonly name: string; readonly address: string }[];
  readonly dns: readonly string[];
  /** The host's own files; empty where it has none. */
  readonly host: { readonly hosts: string; readonly resolvConf: string };
}

/** Contents by file name. */
export interface HostFiles {
  readonly hostname: string;
  readonly hosts: string;
  readonly "resolv.conf": string;
}

/** Writes all three. On the host's network the host's names and name servers hold. */
export function hostFiles(input: HostFilesInput): HostFiles {
  return { hostname: `${input.hostname}\n`, hosts: hosts(input), "resolv.conf": resolvConf(input) };
}

const localhost = [
  "127.0.0.1\tlocalhost",
  "::1\tlocalhost ip6-localhost ip6-loopback",
  "fe00::\tip6-localnet",
  "ff00::\tip6-mcastprefix",
  "ff02::1\tip6-allnodes",
  "ff02::2\tip6-allrouters",
];

function hosts({ hostname, network, extraHosts, host }: HostFilesInput): string {
  const base = network === "host" && host.hosts !== "" ? host.hosts.trimEnd().split("\n") : localhost;
  // Programs look their own name up (sudo, Java); 127.0.1.1 is what Debian gives a name without an address.
  const known = base.some((line) => line.split(/\s+/).slice(1).includes(hostname));
  const own = known ? [] : [`127.0.1.1\t${hostname}`];
  const extra = extraHosts.map(({ name, address }) => `${address}\t${name}`);
  return `${[...base, ...own, ...extra].join("\n")}\n`;
}

function resolvConf({ network, dns, host }: HostFilesInput): string {
  const lines = host.resolvConf.split("\n").filter((line) => line.trim() !== "");
  const others = lines.filter((line) => !/^\s*nameserver\s/.test(line));
  if (dns.length > 0) return text([...dns.map((address) => `nameserver ${address}`), ...others]);
  if (network === "host") return text(lines);
  // A resolver on the host's loopback is out of reach from another network.
  const reachable = lines.filter((line) => !/^\s*nameserver\s+(127\.|::1(\s|$))/.test(line));
  return text(reachable);
}

function text(lines: readonly string[]): string {
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}
