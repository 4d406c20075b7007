/** Numbers that a seed repeats, and damage done by them: to bytes, to what JSON can say. */

/** An integer from 0 up to, and without, `below`. */
export type Random = (below: number) => number;

/** A generator of numbers that a seed repeats (mulberry32). */
export function randomOf(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

export function pick<T>(random: Random, list: readonly [T, ...T[]]): T {
  return list[random(list.length)] ?? list[0];
}

/** Text with some of it replaced, removed, doubled, or by one of `tokens`, which mean something to its reader. */
export function damageText(text: string, tokens: readonly string[], random: Random): string {
  let result = text;
  for (let round = random(4) + 1; round > 0; round--) {
    const [one, other] = [random(result.length + 1), random(result.length + 1)];
    const [from, to] = one < other ? [one, other] : [other, one];
    const token = tokens[random(tokens.length)] ?? "";
    const middle = [
      () => token,
      () => "",
      () => result.slice(from, to).repeat(2),
      () => String.fromCharCode(random(random(8) === 0 ? 0x1_0000 : 128)),
      () => token + result.slice(from, to),
    ][random(5)];
    // Mostly small wounds: what is left must still be worth reading.
    const end = random(3) === 0 ? to : Math.min(to, from + random(3));
    result = result.slice(0, from) + (middle?.() ?? "") + result.slice(end);
  }
  return result;
}

/** A copy of `value` in which about one in `rate` members is replaced by one of `strange`, removed, doubled or put elsewhere. */
export function damageValue(
  value: unknown,
  strange: readonly unknown[],
  { random, rate }: { readonly random: Random; readonly rate: number },
): unknown {
  if (random(rate) === 0) return strange[random(strange.length)];
  if (Array.isArray(value)) {
    const list: unknown[] = value.flatMap((item) => {
      const changed = damageValue(item, strange, { random, rate });
      return random(rate) === 0 ? [] : random(rate) === 0 ? [changed, item] : [changed];
    });
    return random(rate) === 0 ? list.toReversed() : list;
  }
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).flatMap(([key, item]) =>
    random(rate * 2) === 0
      ? []
      : [[random(rate * 4) === 0 ? "__proto__" : key, damageValue(item, strange, { random, rate })] as const],
  );
  return Object.fromEntries(entries);
}
