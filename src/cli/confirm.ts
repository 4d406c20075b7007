/** Asks before something is lost. */
import { tell } from "./output.ts";

/** True when the user says yes. Nobody there to ask is a no. */
export async function confirmed(warning: string): Promise<boolean> {
  await Bun.write(Bun.stderr, `${warning}\nAre you sure you want to continue? [y/N] `);
  let answer = "";
  for await (const piece of Bun.stdin.stream()) {
    answer += Buffer.from(piece).toString();
    if (answer.includes("\n")) break;
  }
  if (/^y(es)?\s*$/i.test(answer.split("\n", 1)[0] ?? "")) return true;
  tell("nothing was removed; -force asks no questions");
  return false;
}
