/** `run -interactive -tty` in a real terminal (tmux): job control, full-screen programs, resize, and what is left after. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { useCurrunt } from "../fixtures/currunt.ts";
import { Terminal } from "../fixtures/terminal.ts";

const file = useCurrunt();
let terminal: Terminal;
let run: string;

beforeEach(async () => {
  const { current } = file;
  terminal = await Terminal.open({ env: current.env, cwd: current.work });
  run = `${current.program} run -rm -network none -image ${await current.image()} -interactive -tty -env 'PS1=inside# '`;
});
afterEach(async () => {
  await terminal[Symbol.asyncDispose]();
  // A terminal that goes away leaves its container running.
  const left = await file.current.ok("ps", "-aq");
  if (left !== "") await file.current.ok("rm", "-force", ...left.split("\n"));
});

/** Starts a container with a shell and waits for its prompt. */
async function enter(flags = ""): Promise<void> {
  await terminal.line(`clear; stty -g >${file.current.directory}/before; ${run} ${flags}`);
  await terminal.waitFor(/^inside# $/m);
}

/** The outer shell is back; its terminal has the settings that it had, and the last exit code was `code`. */
async function expectRestored(code: number): Promise<void> {
  await terminal.line("");
  await terminal.waitFor(/outside\$ +\n?outside\$ $|outside\$ $/);
  await terminal.line(`clear; echo "code=$?"`);
  await terminal.waitFor(/code=\d+\noutside\$ $/);
  await terminal.line(`clear; stty -g | cmp - ${file.current.directory}/before && echo same settings`);
  await terminal.waitFor(/^same settings$/m);
  expect(code).toBeNumber();
}

/** Types what ends the shell inside, and checks the exit code that the outer shell sees. */
async function leave(code: number): Promise<void> {
  await terminal.line(`exit ${code}`);
  await terminal.waitFor(/outside\$ $/);
  await terminal.line(`echo "code=$?"`);
  await terminal.waitFor(new RegExp(`^code=${code}$`, "m"));
  await expectRestored(code);
}

describe("run -interactive -tty", () => {
  test("is a real terminal: isatty, a controlling terminal, the exit code", async () => {
    await enter();
    await terminal.line(
      "clear; tty; test -t 0 -a -t 1 -a -t 2 && echo all three; ls -l /dev/console | cut -c1",
    );
    await terminal.waitFor(/^\/dev\/(pts\/0|console)\nall three\nc\ninside# $/m);
    await terminal.line("clear; echo to the terminal >/dev/tty; echo $TERM; ps | grep -v '[p]s'");
    const screen = await terminal.waitFor(/^to the terminal\n\S+[\s\S]*inside# $/m);
    expect(screen).toContain("xterm");
    await leave(7);
  });

  test("Ctrl-C interrupts the program in the foreground and not the shell or the client", async () => {
    await enter();
    await terminal.line(
      "clear; trap 'echo shell hit' INT; sh -c 'echo started; sleep 1000'; echo \"after=$?\"",
    );
    await terminal.waitFor(/^started$/m);
    await terminal.press("C-c");
    await terminal.waitFor(/^after=130$/m);
    await terminal.line("trap - INT");
    await leave(0);
  });

  test("Ctrl-Z, fg, bg and jobs work inside and do not stop the client", async () => {
    await enter();
    const job = `sh -c 'trap "echo going on" CONT; echo started; while :; do sleep 0.1; done'`;
    await terminal.line(`clear; ${job}`);
    await terminal.waitFor(/^started$/m);
    await terminal.press("C-z");
    await terminal.waitFor(/Stopped[\s\S]*inside# $/);
    await terminal.line("clear; jobs; bg; jobs");
    await terminal.waitFor(/Running[\s\S]*going on/);
    await terminal.line("clear; fg");
    await terminal.waitFor((screen) => screen.startsWith("sh -c") && screen.endsWith("going on"));
    await terminal.press("C-c");
    await terminal.waitFor(/inside# $/);
    await leave(0);
  });

  test("Ctrl-D ends the shell", async () => {
    await enter();
    await terminal.press("C-d");
    await terminal.waitFor(/outside\$ $/);
    await expectRestored(0);
  });

  test("vi edits a file", async () => {
    await enter();
    await terminal.line("clear; vi /tmp/letter");
    await terminal.waitFor(/\/tmp\/letter/);
    await terminal.type("iDear reader,");
    await terminal.press("Enter");
    await terminal.type("it works.");
    await terminal.press("Escape");
    await terminal.waitFor(/Dear reader,\nit works\.[\s\S]*\n- \/tmp\/letter/);
    await terminal.line(":wq");
    await terminal.waitFor(/inside# $/);
    await terminal.line("clear; wc -l < /tmp/letter; cat /tmp/letter");
    await terminal.waitFor(/^2\nDear reader,\nit works\.\ninside# $/m);
    await leave(0);
  });

  test("top shows the container's processes only, and ends on q", async () => {
    await enter();
    await terminal.line("clear; top");
    const screen = await terminal.waitFor(/PID\s+PPID[\s\S]*\btop\b/);
    expect(screen).not.toContain("currunt");
    await terminal.type("q");
    await terminal.waitFor(/inside# $/);
    await leave(0);
  });

  test("has the terminal's size from the start and follows it", async () => {
    await enter();
    await terminal.line("clear; stty size");
    await terminal.waitFor(/^24 80$/m);
    await terminal.resize(101, 31);
    await terminal.line("clear; until stty size | grep '31 101'; do :; done");
    await terminal.waitFor(/^31 101$/m);
    await terminal.resize(60, 20);
    await terminal.line("clear; until stty size | grep '20 60'; do :; done");
    await terminal.waitFor(/^20 60$/m);
    await leave(0);
  });

  test("passes every byte of the keyboard on", async () => {
    await enter();
    await terminal.line("clear; stty raw -echo; echo go; head -c 5 | xxd -p; stty sane");
    await terminal.waitFor(/^go$/m);
    await terminal.press("C-c", "C-z", "C-\\", "C-q", "C-s");
    await terminal.waitFor(/^\s*031a1c1113/m);
    await terminal.line("clear");
    await leave(0);
  });

  test("detach keys leave it running; attach brings it back with its size", async () => {
    await enter("-name kept");
    // A shell at its prompt asks the terminal for the cursor: the answer could come between the two keys.
    await terminal.line("clear; echo before > /tmp/mark; echo ready; cat");
    await terminal.waitFor(/^ready$/m);
    await terminal.press("C-p", "C-q");
    await terminal.waitFor(/outside\$ $/);
    await expectRestored(0);
    expect(await file.current.ok("ps", "-quiet")).not.toBe("");
    await terminal.resize(90, 30);
    await terminal.line(`clear; ${file.current.program} attach kept`);
    await terminal.line("typed");
    await terminal.waitFor(/^typed\ntyped$/m);
    await terminal.press("C-c");
    await terminal.waitFor(/inside# $/);
    await terminal.line("clear; cat /tmp/mark; stty size");
    await terminal.waitFor(/^before\n30 90$/m);
    await leave(4);
    expect(await file.current.ok("ps", "-all", "-quiet")).toBe("");
  });

  test("-detach-keys chooses other keys, and Ctrl-P alone reaches the program", async () => {
    await enter("-name other -detach-keys ctrl-x,x");
    await terminal.line("clear; stty raw -echo; echo go; head -c 3 | xxd -p; stty sane");
    await terminal.waitFor(/^go$/m);
    await terminal.press("C-p", "C-q", "C-p");
    await terminal.waitFor(/^\s*101110/m);
    await terminal.line("clear; echo ready; cat");
    await terminal.waitFor(/^ready$/m);
    await terminal.press("C-x", "x");
    await terminal.waitFor(/outside\$ $/);
    await expectRestored(0);
    await file.current.ok("rm", "-force", "other");
  });

  test("the terminal is restored when the container is killed from outside", async () => {
    await enter("-name victim");
    await file.current.ok("kill", "victim");
    await terminal.waitFor(/outside\$ $/);
    await terminal.line('echo "code=$?"');
    await terminal.waitFor(/^code=137$/m);
    await expectRestored(137);
  });

  test("the terminal is restored when the client is told to end", async () => {
    await enter("-name orphan");
    const client = file.current.processes().find(({ command }) => command.includes("-interactive -tty"));
    expect(client).toBeDefined();
    if (client !== undefined) process.kill(client.pid, "SIGTERM");
    await file.current.run(["kill", "orphan"]);
    await terminal.waitFor(/outside\$ $/);
    await expectRestored(0);
  });

  test("a program that is not found leaves the terminal as it was", async () => {
    await terminal.line(`clear; stty -g >${file.current.directory}/before; ${run} -cmd no-such-program`);
    await terminal.waitFor(/no-such-program[\s\S]*outside\$ $/);
    await terminal.line('echo "code=$?"');
    await terminal.waitFor(/^code=127$/m);
    await expectRestored(127);
  });

  test("the container goes on when the terminal is gone", async () => {
    await enter("-name survivor");
    await terminal[Symbol.asyncDispose]();
    await file.current.ok("exec", "survivor", "true");
    expect(await file.current.ok("ps", "-quiet")).not.toBe("");
    await file.current.ok("rm", "-force", "survivor");
  });

  test("exec -it is a terminal too", async () => {
    const id = await file.current.detached(["sleep", "1000"], "-rm");
    await terminal.line(
      `clear; stty -g >${file.current.directory}/before; ${file.current.program} exec -it -e 'PS1=inside# ' ${id} sh`,
    );
    await terminal.waitFor(/^inside# $/m);
    await terminal.line("clear; tty; stty size");
    await terminal.waitFor(/^\/dev\/pts\/\d+\n24 80$/m);
    await terminal.press("C-c");
    await leave(6);
    await file.current.ok("rm", "-force", id);
  });
});

describe("run -tty", () => {
  test("without a terminal is refused with a remedy", async () => {
    const image = await file.current.image();
    const { code, stderr } = await file.current.run(["run", "-rm", "-it", image, "true"]);
    expect(code).toBe(125);
    expect(stderr).toMatch(/terminal|TTY/i);
    expect(await file.current.ok("ps", "-all", "-quiet")).toBe("");
  });

  test("detached needs no terminal, and its log has the output", async () => {
    const id = await file.current.detached(["sh", "-c", "tty; echo done"], "-tty");
    expect(await file.current.ok("wait", id)).toBe("0");
    expect((await file.current.ok("logs", id)).replaceAll("\r", "")).toMatch(
      /^\/dev\/(pts\/0|console)\ndone$/,
    );
  });
});
