/** A real server from a real distribution: nginx, detached, on the host's network, after its terminal is gone. */
import { describe, expect, test } from "bun:test";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Currunt } from "../fixtures/currunt.ts";
import { freePort } from "../fixtures/registry.ts";
import { debianImage } from "../fixtures/shared-registry.ts";
import { Terminal } from "../fixtures/terminal.ts";

describe("nginx", () => {
  test("serves a volume on the host's loopback, goes on after the terminal is gone, stops by its signal", async () => {
    await using currunt = await Currunt.create();
    const image = await debianImage();
    const port = await freePort();
    const site = `server { listen 127.0.0.1:${port}; location / { root /site; } }\n`;
    await writeFile(join(currunt.work, "default"), site);
    await writeFile(join(currunt.work, "index.html"), "served from a container\n");
    await currunt.ok("pull", "-quiet", image);
    {
      await using terminal = await Terminal.open({ env: currunt.env, cwd: currunt.work });
      const volumes = "-volume ./default:/etc/nginx/sites-enabled/default:ro -volume .:/site:ro";
      await terminal.line(`clear; ${currunt.program} run -name web ${volumes} -image ${image}`);
      await terminal.waitFor(/[0-9a-f]{40}[\s\S]*outside\$ $/);
    }
    const answer = await fetchWhenUp(`http://127.0.0.1:${port}/`);
    expect(answer).toBe("served from a container\n");
    expect(await currunt.ok("exec", "web", "python3", "-c", "import os; print(os.getpid() > 1)")).toBe(
      "True",
    );
    await currunt.ok("stop", "web");
    expect(await currunt.ok("wait", "web")).toBe("0");
    await currunt.ok("start", "web");
    expect(await fetchWhenUp(`http://127.0.0.1:${port}/`)).toBe("served from a container\n");
    await currunt.ok("rm", "-force", "web");
    expect(await fetch(`http://127.0.0.1:${port}/`).then(String, () => "refused")).toBe("refused");
    await rm(join(currunt.work, "default"));
    await rm(join(currunt.work, "index.html"));
  }, 120_000);
});

/** nginx tells nobody when it listens: asks until it answers. */
async function fetchWhenUp(url: string): Promise<string> {
  for (let tries = 0; ; tries++) {
    try {
      return await (await fetch(url)).text();
    } catch (error) {
      if (tries === 200) throw error;
      await Bun.sleep(25);
    }
  }
}
