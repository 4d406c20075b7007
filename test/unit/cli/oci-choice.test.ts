import { describe, expect, test } from "bun:test";
import { meansOci, sharedName } from "../../../src/cli/oci-choice.ts";

const words = (line: string) => line.split(" ").filter((word) => word !== "");

describe("meansOci()", () => {
  test.each([
    "--root /run/x start c",
    "-root=/run/x run c",
    "--log l.json --log-format json create --bundle . c",
    "--systemd-cgroup create c",
    "--cgroup-manager disabled run c",
    "--debug --log x state c",
    "state c",
    "delete --force c",
    "features",
    "spec --rootless",
    "list -q",
    "run --bundle . c",
    "run -b . c",
    "run -d -b=. c",
    "create --pid-file p --bundle b c",
    "create --console-socket=s c",
    "exec --pid-file p --process f --detach c",
    "exec -d -process=f c",
    "exec --cap CAP_CHOWN c id",
  ])("is true for %s", (line) => {
    expect(meansOci("currunt", words(line))).toBe(true);
  });

  test.each([
    "",
    "run busybox",
    "run -it -e A=B -p 80:80 busybox sh",
    "run -name web image -bundle x",
    "run busybox cat --bundle",
    "exec -it web ls -p",
    "exec web tool --process file",
    "exec -u 1 web tool --cap x",
    "start web",
    "kill -s TERM web",
    "ps -a",
    "-log-format json run busybox",
    "-debug ps",
    "-data-root /x ps",
    "images",
    "rm -f state",
    "logs delete",
  ])("is false for %s", (line) => {
    expect(meansOci("/usr/bin/currunt", words(line))).toBe(false);
  });

  test.each(["runc", "/usr/sbin/runc", "./crun"])("is true for everything when called as %s", (program) => {
    expect(meansOci(program, ["run", "busybox"])).toBe(true);
  });
});

describe("sharedName()", () => {
  test.each([
    ["start c", "c"],
    ["kill c 9", "c"],
    ["kill --all c 9", "c"],
    ["exec -u 1:2 -e A=B c id", "c"],
    ["exec --cwd /x c id", "c"],
    ["ps --format json c", "c"],
    ["ps -a", undefined],
    ["start", undefined],
    ["run c", undefined],
    ["logs c", undefined],
  ])("of %s is %p", (line, name) => {
    expect(sharedName(words(line))).toBe(name as string);
  });
});
