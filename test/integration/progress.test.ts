/** The progress of a pull in a real terminal: bars that move, then the result; the cursor and the settings are as before. */
import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { archive as tar } from "../fixtures/archive.ts";
import { Currunt } from "../fixtures/currunt.ts";
import { FakeRegistry } from "../fixtures/fake-registry.ts";
import { debianImage } from "../fixtures/shared-registry.ts";
import { Terminal } from "../fixtures/terminal.ts";

describe("pull in a terminal", () => {
  test("shows a bar a layer while it goes on, and the ID at the end", async () => {
    await using currunt = await Currunt.create();
    const image = await debianImage();
    await using terminal = await Terminal.open({ env: currunt.env, cwd: currunt.work });
    await terminal.line(`clear; stty -g >${currunt.home}/before; ${currunt.program} pull ${image}`);
    const seen = new Set<string>();
    const screen = await terminal.waitFor((now) => {
      seen.add(now);
      return /sha256:[0-9a-f]{64}\noutside\$ $/.test(now);
    }, 60_000);
    expect([...seen].filter((one) => /\d+(\.\d+)? ?[MkG]i?B/.test(one)).length).toBeGreaterThan(3);
    expect(screen).not.toContain("\x1b");
    await terminal.line(`clear; stty -g | cmp - ${currunt.home}/before && echo same settings`);
    await terminal.waitFor(/^same settings$/m);
  }, 90_000);

  test("Ctrl-C ends it, the terminal is as before and the next pull completes", async () => {
    await using currunt = await Currunt.create();
    const image = await debianImage();
    await using terminal = await Terminal.open({ env: currunt.env, cwd: currunt.work });
    await terminal.line(`clear; stty -g >${currunt.home}/before; ${currunt.program} pull ${image}`);
    await terminal.waitFor(/\d+(\.\d+)? ?[MkG]i?B/);
    await terminal.press("C-c");
    await terminal.waitFor(/outside\$ $/);
    await terminal.line(`echo "code=$?"; stty -g | cmp - ${currunt.home}/before && echo same settings`);
    await terminal.waitFor(/^code=130\nsame settings$/m);
    await currunt.ok("pull", "-quiet", image);
  }, 90_000);

  test("shows speed, time left and the total, and survives a window that becomes narrow", async () => {
    await using currunt = await Currunt.create();
    await using registry = await FakeRegistry.start();
    const layer = (name: string) => tar({ name, data: randomBytes(2 << 20) });
    registry.addImage("app", [layer("one"), layer("two")]);
    registry.always(/blobs/, (request) => ({ ...registry.serve(request), bytesPerSecond: 300_000 }));
    await using terminal = await Terminal.open({ env: currunt.env, cwd: currunt.work, columns: 100 });
    await terminal.line(`clear; ${currunt.program} pull ${registry.host}/app`);
    await terminal.waitFor(/^total .*\/s, \d+ s left, 0\/2 layers$/m);
    await terminal.resize(44, 24);
    const screen = await terminal.waitFor(
      (now) => /^total .* 0\/2 layers$/m.test(now) && now.split("\n").every((line) => line.length < 44),
    );
    expect(screen.match(/^total/gm)).toHaveLength(1);
    expect(screen.match(/^[0-9a-f]{12} /gm)).toHaveLength(2);
    await terminal.press("C-c");
    await terminal.waitFor(/outside\$ $/);
  }, 60_000);
});
