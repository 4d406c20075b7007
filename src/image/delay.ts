/** How long to wait before another attempt. */

/** About `delayMs`: many clients that were cut off at once must not come back in step. */
export function withJitter(delayMs: number): number {
  return delayMs * (0.75 + Math.random() / 2);
}
