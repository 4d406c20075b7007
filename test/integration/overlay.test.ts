/** Layers stacked by the OCI rules, and an overlay for each container: changes stay with it and go with it. */
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { useCurrunt } from "../fixtures/currunt.ts";

const file = useCurrunt();

describe("layers", () => {
  for (const name of ["layers:latest", "layers:docker"] as const) {
    test(`${name}: whiteouts, opaque directories and replaced entries`, async () => {
      const image = await file.current.pull(name);
      const script = `
        cat /data/kept /data/gone /data/replaced /data/file-then-directory/child /data/directory-then-file
        ls -A /opaque; ls -d /removed 2>/dev/null; cat /usr/lib/library /lib/library /lib/added
        find / -xdev -name '.wh.*'; readlink /lib`;
      const { stdout, stderr } = await file.current.run([
        "run",
        "-rm",
        "-network",
        "none",
        image,
        "sh",
        "-c",
        script,
      ]);
      expect(stderr).toBe("");
      expect(stdout).toBe("kept\nagain\nsecond\nchild\nfile\nnew\nlibrary\nlibrary\nadded\nusr/lib\n");
    });
  }

  test("modes, owners, links, long and odd names are as in the archive", async () => {
    const image = await file.current.pull("layers:latest");
    const long = "directory-".repeat(9);
    const script = `
      stat -c '%a %u:%g %h' /kinds/file; stat -c '%h' /kinds/hard; for l in relative absolute dangling; do readlink /kinds/$l; done
      stat -c %a /kinds/setuid /kinds/sticky; ls -A /kinds/empty; cat '/kinds/${long}/${long}/${long}'
      cat '/kinds/name with spaces, ümläuts and "quotes"'; stat -c %Y /kinds/file`;
    const { stdout, stderr } = await file.current.run([
      "run",
      "-rm",
      "-network",
      "none",
      image,
      "sh",
      "-c",
      script,
    ]);
    expect(stderr).toBe("");
    expect(stdout).toBe(
      "640 1000:10 2\n2\n../data/kept\n/data/kept\n/nowhere\n4755\n1777\nlong\nname\n1700000000\n",
    );
  });

  test("are stored once and shared by images", async () => {
    await file.current.pull("busybox:latest");
    await file.current.pull("layers:latest");
    await file.current.pull("layers:docker");
    await file.current.pull("settings:latest");
    // busybox, three more of `layers`, one more of `settings`.
    expect(readdirSync(join(file.current.data, "layers"))).toHaveLength(5);
  });
});

describe("a container's changes", () => {
  test("are its own, survive a restart and go with rm", async () => {
    const script = "echo changed > /etc/hostname.new; rm /not-executable; mkdir /bin/new; exec sleep 1000";
    const first = await file.current.detached(["sh", "-c", script]);
    const second = await file.current.detached(["sleep", "1000"]);
    await file.current.ok("exec", first, "sh", "-c", "until [ -d /bin/new ]; do :; done");
    expect((await file.current.run(["exec", second, "ls", "/not-executable"])).code).toBe(0);
    expect((await file.current.run(["exec", second, "ls", "/bin/new"])).code).not.toBe(0);
    await file.current.ok("kill", first);
    await file.current.ok("wait", first);
    await file.current.ok("start", first);
    expect(await file.current.ok("exec", first, "cat", "/etc/hostname.new")).toBe("changed");
    const directory = join(file.current.data, "containers", first);
    expect(existsSync(directory)).toBe(true);
    await file.current.ok("rm", "-force", first, second);
    expect(existsSync(directory)).toBe(false);
  });

  test("never reach the shared layer", async () => {
    await file.current.inside("echo x > /etc/passwd; chmod 777 /bin/busybox; rm -rf /home");
    const { stdout } = await file.current.inside(
      "wc -l < /etc/passwd; stat -c %a /bin/busybox; ls /home | tr '\\n' ' '",
    );
    expect(stdout).toBe("4\n755\nalice bob ");
  });

  test("can be anything that a package manager does: renames of directories, hard links, devices refused or made", async () => {
    const script =
      "mv /home /homes && ls /homes && ln /etc/passwd /etc/passwd2 && mknod /tmp/null c 1 3 && mkfifo /tmp/f && echo fine";
    const { stdout, stderr } = await file.current.inside(script);
    expect(stderr).toBe("");
    expect(stdout).toBe("alice\nbob\nfine\n");
  });
});
