/** Connections that came to nothing: why, whether another attempt may help, and what to do. */
import { CurruntError } from "../base/error.ts";

/** Failures that another attempt cannot mend: the name, the certificate, the protocol, a port that nobody listens on. */
const finalCodes = /CERT|SSL|TLS|EPROTO|SELF_SIGNED|ENOTFOUND|ECONNREFUSED|InvalidURL|UNSUPPORTED_PROTOCOL/i;

/** Nobody answered, or nobody whose words could be understood. */
export class ConnectionError extends CurruntError {
  /** What was wrong with the connection, without addresses. */
  readonly reason: string;

  constructor(host: string, reason: string) {
    super("unavailable", `connect to ${host}: ${reason}`, { hint: hintFor(host, reason) });
    this.reason = reason;
  }
}

/** Whether trying again makes no sense. */
export function isFinal(reason: string): boolean {
  return finalCodes.test(reason);
}

/** Whether the server may be there and speak another protocol: the one with TLS, or the one without. */
export function mayBeProtocol(reason: string): boolean {
  return /EPROTO|ECONNRESET|ECONNREFUSED|Malformed/i.test(reason);
}

function hintFor(host: string, reason: string): string {
  if (/EPROTO/.test(reason)) {
    return `it seems to be without TLS: -tls-verify=false allows that, or insecure = true for it in registries.conf`;
  }
  if (/CERT|SELF_SIGNED|certificate/i.test(reason)) {
    return `its certificate is not trusted here: put its CA into /etc/containers/certs.d/${host}/ca.crt, or into the system's store`;
  }
  if (/ENOTFOUND|resolve|DNS/i.test(reason)) return "check the registry's name and this machine's DNS";
  if (/refused/i.test(reason)) return "check the host and the port, and that the registry runs";
  return "check the network and the proxy settings (HTTPS_PROXY, NO_PROXY), then try again";
}
