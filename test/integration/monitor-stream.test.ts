/** What passes through the monitor: the log's form, every byte to every client, strangers at its socket, full disks. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
} from "node:fs";
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FrameDecoder } from "../../src/engine/attach-protocol.ts";
import { Currunt } from "../fixtures/currunt.ts";
import { run } from "../fixtures/process.ts";
import { writeBusybox } from "../fixtures/tree.ts";

let currunt: Currunt;
let root: string[];

beforeAll(async () => {
  currunt = await Currunt.create();
  const rootfs = join(currunt.directory, "rootfs");
  await mkdir(rootfs);
  await writeBusybox(rootfs);
  root = ["-network", "none", "-rootfs", rootfs];
});
afterAll(() => currunt[Symbol.asyncDispose]());

/** A detached container of `script`; its ID. */
async function start(script: string, ...flags: string[]): Promise<string> {
  return await currunt.ok("run", "-detach", ...flags, ...root, "sh", "-c", script);
}

async function monitorOf(id: string): Promise<number> {
  const { state } = await currunt.inspect(id);
  const status = readFileSync(`/proc/${state.pid}/status`, "utf8");
  return Number(/^PPid:\s+(\d+)/m.exec(status)?.[1]);
}

const logOf = (id: string) => readFileSync(join(currunt.data, "containers", id, "log"));

/** Every byte, in all orders that matter: alone, behind a newline, in long runs. */
const everyByte = Buffer.from(Array.from({ length: 1024 }, (_, index) => (index * 7 + (index >> 8)) & 0xff));

describe("the log", () => {
  test("has the CRI format: the time, parts at once, both streams", async () => {
    const before = Date.now();
    const id = await start("printf a; sleep 0.2; echo b; echo bad >&2; printf end");
    await currunt.ok("wait", id);
    const lines = logOf(id).toString().split("\n");
    const times = lines.slice(0, -1).map((line) => line.slice(0, 30));
    for (const time of times) expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
    expect(Date.parse(times[0] ?? "")).toBeGreaterThanOrEqual(before);
    expect(Date.parse(times.at(-1) ?? "")).toBeLessThanOrEqual(Date.now());
    const entries = lines.map((line) => line.slice(31));
    const expected = ["stdout P a", "stdout F b", "stderr F bad", "stdout P end", ""];
    expect(entries.toSorted()).toEqual(expected.toSorted());
    expect(entries.filter((entry) => entry.startsWith("stdout"))).toEqual(
      expected.filter((entry) => entry.startsWith("stdout")),
    );
    await currunt.ok("rm", id);
  });

  test("keeps every byte of binary output, of long lines and of many short ones", async () => {
    await Bun.write(join(currunt.work, "bytes"), everyByte);
    const script =
      "for i in $(seq 64); do cat /bytes; done; head -c 300000 /dev/zero; yes '' | head -n 60000; echo end";
    const volume = ["-volume", `${join(currunt.work, "bytes")}:/bytes:ro`];
    const id = await start(script, ...volume);
    expect(await currunt.ok("wait", id)).toBe("0");
    const shown = Bun.spawnSync([currunt.program, "logs", id], { env: currunt.env, stdin: "ignore" });
    const bytes = Buffer.concat(Array.from({ length: 64 }, () => everyByte));
    const expected = [bytes, Buffer.alloc(300_000), Buffer.from(`${"\n".repeat(60_000)}end\n`)];
    expect(Buffer.from(shown.stdout).equals(Buffer.concat(expected))).toBe(true);
    await currunt.ok("rm", id);
    rmSync(join(currunt.work, "bytes"));
  });
});

describe("clients", () => {
  test("two get all of the output and the exit code, also when one reads late", async () => {
    const id = await start("read go; seq 1 200000; exit 6", "-interactive");
    const monitor = await monitorOf(id);
    const connections = () => readdirSync(`/proc/${monitor}/fd`).filter((fd) => isSocket(monitor, fd)).length;
    // The listener, and the program's input: the creating client's may be open for a moment more.
    while (connections() > 2) await Bun.sleep(5);
    const clients = [0, 1].map(() => currunt.spawn(["attach", id]));
    const [first, late] = clients;
    if (first === undefined || late === undefined) throw new Error("unreachable");
    while (connections() < 4) await Bun.sleep(5);
    late.kill("SIGSTOP");
    first.stdin.write("go\n");
    await first.stdin.flush();
    setTimeout(() => late.kill("SIGCONT"), 300);
    const outputs = await Promise.all(clients.map(({ stdout }) => stdout.text()));
    const expected = Array.from({ length: 200_000 }, (_, index) => `${index + 1}\n`).join("");
    expect(outputs.map((output) => output === expected)).toEqual([true, true]);
    expect(await Promise.all(clients.map(({ exited }) => exited))).toEqual([6, 6]);
    await currunt.ok("rm", id);
  }, 30_000);

  test("a stranger's words end its connection and nothing else", async () => {
    const id = await start("cat", "-interactive");
    const directory = join(currunt.runRoot, id);
    expect(statSync(join(directory, "attach.sock")).mode & 0o777).toBe(0o600);
    const frames: [title: string, bytes: number[]][] = [
      ["an unknown type", [99, 0, 0, 0, 0]],
      ["a frame of four gigabytes", [2, 255, 255, 255, 255]],
      ["a window of three bytes", [3, 3, 0, 0, 0, 1, 2, 3]],
      ["another's word that the program runs", [5, 0, 0, 0, 0]],
      ["an observer with a payload", [4, 1, 0, 0, 0, 7]],
    ];
    for (const [title, bytes] of frames) {
      expect({ title, closed: await closesAfter(directory, bytes) }).toEqual({ title, closed: true });
    }
    // Half a frame, and gone.
    const half = await connect(directory, () => {});
    half.write(Uint8Array.of(2, 9, 0, 0, 0, 65));
    half.end();
    // Byte by byte, with a window in between, which a program without a terminal does not have.
    let seen = "";
    const echoed = Promise.withResolvers<void>();
    const decoder = new FrameDecoder();
    const slow = await connect(directory, (bytes) => {
      decoder.push(bytes, (type, payload) => {
        if (type === "stdout") seen += Buffer.from(payload);
      });
      if (seen.includes("word\n")) echoed.resolve();
    });
    for (const byte of [3, 4, 0, 0, 0, 24, 0, 80, 0, 2, 5, 0, 0, 0, ...Buffer.from("word\n")]) {
      slow.write(Uint8Array.of(byte));
      await Bun.sleep(1);
    }
    await echoed.promise;
    slow.end();
    expect((await currunt.inspect(id)).state.status).toBe("running");
    await currunt.ok("rm", "-force", id);
  }, 30_000);

  test("another user's connection is closed, even where the directories let them in (CVE-2020-15257)", async () => {
    const id = await start("cat", "-interactive");
    const directory = join(currunt.runRoot, id);
    for (let open = directory; open !== tmpdir(); open = join(open, "..")) chmodSync(open, 0o755);
    chmodSync(join(directory, "attach.sock"), 0o666);
    // From that directory, not by its path, which may be too long.
    const script = `import socket
client = socket.socket(socket.AF_UNIX)
try:
    client.connect("attach.sock")
    client.sendall(b"\\x02\\x05\\0\\0\\0word\\n")
    print("heard" if client.recv(1) else "closed")
except ConnectionError:
    print("closed")`;
    for (const [uid, answer] of [
      [65534, "closed"],
      [0, "heard"],
    ] as const) {
      const command = [
        "timeout",
        "20",
        "setpriv",
        `--reuid=${uid}`,
        "--clear-groups",
        "/usr/bin/python3",
        "-c",
        script,
      ];
      const { stdout, stderr } = await run(command, { cwd: directory });
      expect({ uid, stdout, stderr }).toEqual({ uid, stdout: `${answer}\n`, stderr: "" });
    }
    await currunt.ok("rm", "-force", id);
  }, 30_000);

  test("the window of a terminal follows its client", async () => {
    const id = await start("read go; stty size", "-interactive", "-tty");
    const directory = join(currunt.runRoot, id);
    let seen = "";
    const ended = Promise.withResolvers<void>();
    const socket = await connect(
      directory,
      (bytes) => {
        seen += Buffer.from(bytes).toString("latin1");
      },
      ended.resolve,
    );
    socket.write(Uint8Array.of(3, 4, 0, 0, 0, 33, 0, 144, 0, 2, 3, 0, 0, 0, ...Buffer.from("go\n")));
    await ended.promise;
    expect(seen).toContain("33 144");
    await currunt.ok("rm", id);
  });
});

function isSocket(pid: number, fd: string): boolean {
  try {
    return readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith("socket:");
  } catch {
    return false;
  }
}

/** Connects to the attach socket in `directory`, whose path may be longer than an address. */
async function connect(directory: string, onData: (bytes: Uint8Array) => void, onClose = () => {}) {
  const number = openSync(directory, "r");
  return await Bun.connect({
    unix: `/proc/self/fd/${number}/attach.sock`,
    socket: { data: (_, bytes) => onData(bytes), close: onClose, error: onClose },
  });
}

async function closesAfter(directory: string, bytes: number[]): Promise<boolean> {
  const closed = Promise.withResolvers<boolean>();
  const socket = await connect(
    directory,
    () => {},
    () => closed.resolve(true),
  );
  socket.write(Uint8Array.from(bytes));
  const answer = await Promise.race([closed.promise, Bun.sleep(3000).then(() => false)]);
  socket.end();
  return answer;
}

describe("the end", () => {
  test("of one that nobody waited for is known after a boot", async () => {
    const id = await start("exit 7");
    const directory = join(currunt.data, "containers", id);
    while (!existsSync(join(directory, "exit"))) await Bun.sleep(5);
    while (currunt.processes().length > 0) await Bun.sleep(5);
    rmSync(join(currunt.runRoot, id), { recursive: true });
    expect((await currunt.inspect(id)).state).toMatchObject({ status: "exited", exitCode: 7 });
    expect(existsSync(join(directory, "exit"))).toBe(false);
    await currunt.ok("rm", id);
  });

  test("of -rm in the background removes it, though no command looks", async () => {
    const id = await start("sleep 0.1; mkdir -p /a/b/c; echo x >/a/b/c/d", "-rm");
    const directory = join(currunt.data, "containers", id);
    const deadline = performance.now() + 5000;
    while (existsSync(directory) && performance.now() < deadline) await Bun.sleep(10);
    expect(existsSync(directory)).toBe(false);
    expect(await currunt.leftovers()).toEqual([]);
  });

  test("is told to whoever waits, and is in the index by then", async () => {
    const id = await start("read go; exit 9", "-interactive");
    const waiters = [0, 1, 2].map(() => currunt.ok("wait", id));
    const client = currunt.spawn(["attach", id]);
    client.stdin.write("go\n");
    await client.stdin.flush();
    expect(await client.exited).toBe(9);
    expect(await Promise.all(waiters)).toEqual(["9", "9", "9"]);
    expect(await currunt.ok("start", id)).toBe(id);
    await currunt.ok("rm", "-force", id);
  }, 30_000);
});

test("has nothing of its caller's: descriptors, environment, directory, session", async () => {
  const id = await currunt.ok("create", "-name", "clean", ...root, "sleep", "1000");
  const script = 'exec 9</etc/passwd; cd /usr; SECRET=word "$0" start clean';
  const { code } = await run(["sh", "-c", script, currunt.program], { env: currunt.env, cwd: currunt.work });
  expect(code).toBe(0);
  const monitor = await monitorOf(id);
  const links = readdirSync(`/proc/${monitor}/fd`).map((fd) => readlinkSync(`/proc/${monitor}/fd/${fd}`));
  expect(links).not.toContain("/etc/passwd");
  expect(links.filter((link) => link === "/dev/null")).toHaveLength(3);
  expect(readFileSync(`/proc/${monitor}/environ`, "utf8")).toBe("");
  expect(readlinkSync(`/proc/${monitor}/cwd`)).toBe("/");
  expect(readFileSync(`/proc/${monitor}/stat`, "utf8").split(") ")[1]?.split(" ")[3]).toBe(String(monitor));
  expect(readFileSync(`/proc/${monitor}/cmdline`, "utf8")).toStartWith("currunt\0monitor\0");
  await currunt.ok("rm", "-force", id);
});

test("a full disk loses the log and nothing else: output, exit code, the container's life", async () => {
  const rootfs = root.at(-1) ?? "";
  // In a mount namespace of its own: the small file system never shows outside.
  const script = `
    mkdir -p "$CURRUNT_DATA_ROOT" && mount -t tmpfs -o size=8m none "$CURRUNT_DATA_ROOT" || exit 99
    id=$("$0" run -detach -interactive -network none -rootfs "$1" sh -c 'read go; seq 1 200000; exit 7') || exit 98
    dd if=/dev/zero of="$CURRUNT_DATA_ROOT/fill" bs=64k 2>/dev/null
    n=$(echo go | timeout 20 "$0" attach "$id" | wc -l)
    [ "$n" = 200000 ] || { echo "got $n lines"; exit 97; }
    rm "$CURRUNT_DATA_ROOT/fill"
    [ "$("$0" wait "$id")" = 7 ] || exit 96
    "$0" start "$id" >/dev/null && "$0" rm -force "$id" >/dev/null || exit 95`;
  const { code, stdout, stderr } = await run(
    ["unshare", "-m", "--propagation", "private", "bash", "-c", script, currunt.program, rootfs],
    { env: currunt.env, cwd: currunt.work },
  );
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "", stderr: "" });
}, 60_000);
