/** Random names. */

/** `count` random bytes as hexadecimal digits. The global generator: loading node:crypto takes milliseconds. */
export function randomHex(count: number): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(count))).toString("hex");
}
