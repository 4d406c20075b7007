/** What kind of place a host is, by its name alone. */

/** "localhost", 127.0.0.0/8, ::1: the only hosts that are spoken to without TLS. */
export function isLoopback(hostname: string): boolean {
  return (
    hostname === "localhost" ||
    hostname === "[::1]" ||
    hostname === "::1" ||
    /^127\.\d+\.\d+\.\d+$/.test(hostname)
  );
}

/** Addresses that mean something else to each who asks: loopback, link-local (cloud metadata), private, unspecified. */
export function isInternal(hostname: string): boolean {
  if (isLoopback(hostname)) return true;
  if (
    /^(?:0|10|127)\.|^169\.254\.|^192\.168\.|^172\.(?:1[6-9]|2\d|3[01])\.|^100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])\./.test(
      hostname,
    )
  ) {
    return true;
  }
  return /^\[(?:::|::1|::ffff:.*|f[cd][0-9a-f]{2}:.*|fe[89ab][0-9a-f]:.*)\]$/i.test(hostname);
}
