/** docker's spellings of commands by two words, where there is a command of one. */

/** The arguments that each comes to. */
export const spellings: Readonly<Record<string, readonly string[]>> = {
  ...grouped(
    "container",
    "attach commit cp create diff exec export inspect kill logs pause rm run start stop top unpause update wait",
    ["-type", "container"],
  ),
  "container ls": ["ps"],
  "container list": ["ps"],
  "container ps": ["ps"],
  "container remove": ["rm"],
  ...grouped("image", "history import inspect load pull push save tag untag", ["-type", "image"]),
  "image ls": ["images"],
  "image list": ["images"],
  "image rm": ["rmi"],
  "image remove": ["rmi"],
};

/** `inspect` of a group looks only there. */
function grouped(
  group: string,
  words: string,
  inspected: readonly string[],
): Record<string, readonly string[]> {
  const entries = words.split(" ").map((word): [string, readonly string[]] => {
    return [`${group} ${word}`, word === "inspect" ? [word, ...inspected] : [word]];
  });
  return Object.fromEntries(entries);
}
