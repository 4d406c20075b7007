/** What an image says about itself is honoured: entrypoint, command, environment, user, directory, stop signal. */
import { describe, expect, test } from "bun:test";
import { useCurrunt } from "../fixtures/currunt.ts";

const file = useCurrunt();

/** Runs the image whose configuration says something about everything, in the foreground. */
async function run(flags: string[], command: string[]): Promise<string> {
  const image = await file.current.pull("settings:latest");
  const { stdout, stderr, code } = await file.current.run([
    "run",
    "-rm",
    "-network",
    "none",
    ...flags,
    image,
    ...command,
  ]);
  expect({ stderr, code }).toEqual({ stderr: "", code: 0 });
  return stdout;
}

const rest = "colour: blue as the sea\nempty: []\nuser: 1000:1000 groups 1000 10 29\ndirectory: /work/deep\n";

describe("an image's settings", () => {
  test("entrypoint, environment, user and directory hold, and the command is replaced", async () => {
    expect(await run([], ["once", "more"])).toBe(
      `argument: fixed argument\nargument: once\nargument: more\n${rest}`,
    );
  });

  test("-cmd replaces the command as arguments do", async () => {
    const image = await file.current.pull("settings:latest");
    const stdout = await file.current.ok("run", "-rm", "-attach", "-image", image, "-cmd", "once 'a b'");
    expect(stdout).toContain("argument: fixed argument\nargument: once\nargument: a b\n");
  });

  test("-entrypoint replaces the entrypoint and clears the command", async () => {
    expect(await run(["-entrypoint", "echo only"], [])).toBe("only\n");
    expect(await run(["-entrypoint", "echo"], ["with", "these"])).toBe("with these\n");
  });

  test("an empty -entrypoint clears it", async () => {
    expect(await run(["-entrypoint", ""], ["echo", "bare"])).toBe("bare\n");
  });

  test("-env adds and replaces, -user and -workdir replace", async () => {
    const flags = ["-env", "COLOUR=red", "-user", "bob", "-workdir", "/made/for/this"];
    const stdout = await run(flags, ["once"]);
    expect(stdout).toContain("colour: red\n");
    expect(stdout).toContain("user: 1001:100 groups 100 10\n");
    expect(stdout).toContain("directory: /made/for/this\n");
  });

  test("the default command runs detached until its stop signal", async () => {
    const image = await file.current.pull("settings:latest");
    const id = await file.current.ok("run", "-detach", "-network", "none", "-image", image);
    const follow = file.current.spawn(["logs", "-follow", id]);
    let log = "";
    const decoder = new TextDecoder();
    for await (const chunk of follow.stdout) {
      log += decoder.decode(chunk, { stream: true });
      if (log.includes("ready") && !log.includes("stopped")) void file.current.ok("stop", id);
    }
    expect(log).toBe(`argument: fixed argument\nargument: default command\n${rest}ready\nstopped by USR1\n`);
    expect(await file.current.ok("wait", id)).toBe("7");
    await file.current.ok("rm", "-volumes", id);
  });

  test("-stop-signal replaces the image's", async () => {
    const image = await file.current.pull("settings:latest");
    const id = await file.current.ok(
      "run",
      "-detach",
      "-network",
      "none",
      "-stop-signal",
      "TERM",
      "-image",
      image,
    );
    const follow = file.current.spawn(["logs", "-follow", id]);
    for await (const chunk of follow.stdout) if (new TextDecoder().decode(chunk).includes("ready")) break;
    await file.current.ok("stop", id);
    expect(await file.current.ok("wait", id)).toBe("8");
    await file.current.ok("rm", "-volumes", id);
  });

  test("images shows it, and inspect shows its configuration", async () => {
    const image = await file.current.pull("settings:latest");
    expect(await file.current.ok("images")).toContain(image.slice(0, image.lastIndexOf(":")));
    const text = JSON.stringify(await file.current.inspect(image));
    for (const part of ["COLOUR=blue as the sea", "SIGUSR1", "/work/deep", "org.example.purpose"]) {
      expect(text).toContain(part);
    }
  });
});
