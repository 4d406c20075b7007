/** The keys that leave a terminal without ending its program: "ctrl-p,ctrl-q" as the bytes that they send. */
import { CurruntError } from "../base/error.ts";

/** The option that a `-detach-keys` value stands for; nothing when it was not given. */
export function detachKeysOption(text: string | undefined): { readonly detachKeys?: Uint8Array } {
  return text === undefined ? {} : { detachKeys: parseDetachKeys(text) };
}

/** docker's notation: single characters and `ctrl-` with a letter or one of `@ [ \ ] ^ _`, separated by commas; "" for none. */
function parseDetachKeys(text: string): Uint8Array {
  if (text === "") return new Uint8Array();
  return Uint8Array.from(
    text.split(",").map((key) => {
      const byte = keyByte(key);
      if (byte !== undefined) return byte;
      throw new CurruntError("invalid", `flag -detach-keys: ${JSON.stringify(key)} is not a key`, {
        hint: "write single characters or ctrl-a to ctrl-z, separated by commas; an empty text for none",
      });
    }),
  );
}

function keyByte(key: string): number | undefined {
  if (/^[!-~]$/.test(key)) return key.charCodeAt(0);
  const control = /^ctrl-([a-z@[\\\]^_])$/i.exec(key)?.[1];
  // The terminal sends a control key as the letter's code without its upper bits.
  return control === undefined ? undefined : control.toUpperCase().charCodeAt(0) & 0x1f;
}
