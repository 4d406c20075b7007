import { describe, expect, test } from "bun:test";
import { CurruntError } from "../../../src/base/error.ts";
import type { FlagTable } from "../../../src/cli/flag.ts";
import { flags } from "../../../src/cli/flag.ts";
import { globalFlags } from "../../../src/cli/global.ts";
import { absentRunFlags, runFlags } from "../../../src/cli/run-flags.ts";
import { tokenize } from "../../../src/cli/tokenize.ts";

const table = { ...runFlags, ...globalFlags };

/** What stood on the command line, and the positionals under `_`. */
function parse(argv: string[], environment: Record<string, string> = {}): Record<string, unknown> {
  const { values, given, positionals } = tokenize(table, argv, {
    stopAtPositional: true,
    environment,
    help: "currunt help run",
    absent: absentRunFlags,
  });
  const shown = Object.entries(values).filter(([name]) => given.has(name));
  return { ...Object.fromEntries(shown), ...(positionals.length > 0 ? { _: positionals } : {}) };
}

function failure(argv: string[]): CurruntError {
  try {
    parse(argv);
  } catch (error) {
    if (error instanceof CurruntError) return error;
    throw error;
  }
  throw new Error(`${argv.join(" ")} was accepted`);
}

const accepted: [string[], Record<string, unknown>][] = [
  [[], {}],
  [["-image", "busybox", "-interactive", "-tty"], { image: "busybox", interactive: true, tty: true }],
  [["--image", "busybox", "--interactive"], { image: "busybox", interactive: true }],
  [["-image=busybox"], { image: "busybox" }],
  [["--image=busybox"], { image: "busybox" }],
  [["-image=a=b"], { image: "a=b" }],
  [["-image="], { image: "" }],
  [["-it", "busybox", "sh", "-c", "ls"], { interactive: true, tty: true, _: ["busybox", "sh", "-c", "ls"] }],
  [["-ti", "busybox"], { interactive: true, tty: true, _: ["busybox"] }],
  [["-itd", "busybox"], { interactive: true, tty: true, detach: true, _: ["busybox"] }],
  [["-ite", "A=1", "busybox"], { interactive: true, tty: true, env: ["A=1"], _: ["busybox"] }],
  [["-iteA=1"], { interactive: true, tty: true, env: ["A=1"] }],
  [["-p8080:80"], { publish: ["8080:80"] }],
  [["-p", "8080:80", "-p=81:81", "-publish", "82:82"], { publish: ["8080:80", "81:81", "82:82"] }],
  [["-e", "A=1"], { env: ["A=1"] }],
  [["-e=A=1"], { env: ["A=1"] }],
  [["-eA=1"], { env: ["A=1"] }],
  [["-e", "A=1", "--env", "B=2", "-env=C=3"], { env: ["A=1", "B=2", "C=3"] }],
  [["-euser=bob"], { env: ["user=bob"] }],
  [["-e", "PATH"], { env: ["PATH"] }],
  [["-v/a:/b", "-v", ".:/app", "-volume", "x:/y:ro"], { volume: ["/a:/b", ".:/app", "x:/y:ro"] }],
  [["-w/proc"], { workdir: "/proc" }],
  [["-workdir", "/proc"], { workdir: "/proc" }],
  [["-u1000:1000"], { user: "1000:1000" }],
  [["-uroot"], { user: "root" }],
  [["-h", "web"], { hostname: "web" }],
  [["-hweb"], { hostname: "web" }],
  [["-t=false"], { tty: false }],
  [["-it=false"], { interactive: true, tty: false }],
  [["--rm"], { rm: true }],
  [["-rm"], { rm: true }],
  [["--rm=true"], { rm: true }],
  [["--rm=false"], { rm: false }],
  [["--rm=0"], { rm: false }],
  [["-no-rm"], { rm: false }],
  [["--no-rm"], { rm: false }],
  [["--no-rm=false"], { rm: true }],
  [["-rm", "-no-rm"], { rm: false }],
  [["-image", "a", "-image", "b"], { image: "b" }],
  [["-interactive=false"], { interactive: false }],
  [["-entrypoint", "/bin/sh", "-cmd", "-c ls"], { entrypoint: "/bin/sh", cmd: "-c ls" }],
  [["-cmd", "-c"], { cmd: "-c" }],
  [["-cmd=-rm"], { cmd: "-rm" }],
  [["-cmd", "-l"], { cmd: "-l" }],
  [["-cmd", ""], { cmd: "" }],
  [["-rootfs", "/", "--", "ls", "-l"], { rootfs: "/", _: ["ls", "-l"] }],
  [["--", "-image"], { _: ["-image"] }],
  [["busybox", "--", "ls"], { _: ["busybox", "--", "ls"] }],
  [["busybox", "-it", "--help"], { _: ["busybox", "-it", "--help"] }],
  [["-", "x"], { _: ["-", "x"] }],
  [["-net", "none"], { network: "none" }],
  [["--network=none"], { network: "none" }],
  [["-pull", "never"], { pull: "never" }],
  [["-p", "80:80", "-pull=always", "-privileged"], { publish: ["80:80"], pull: "always", privileged: true }],
  [["-shm-size", "64m"], { "shm-size": 64 * 1024 ** 2 }],
  [["-stop-timeout", "1m30s"], { "stop-timeout": 90_000 }],
  [["-stop-timeout", "-1"], { "stop-timeout": -1000 }],
  [["-read-only", "-quiet", "-dry-run"], { "read-only": true, quiet: true, "dry-run": true }],
  [["-l", "a=b", "-label", "c"], { label: ["a=b", "c"] }],
  [["-data-root", "/x", "-debug", "img"], { "data-root": "/x", debug: true, _: ["img"] }],
  [["-help"], { help: true }],
];

const refused: [string[], string][] = [
  [["-imge", "busybox"], "unknown flag -imge: did you mean -image?"],
  [["--imge=busybox"], "unknown flag --imge: did you mean -image?"],
  [["-interactiv"], "unknown flag -interactiv: did you mean -interactive?"],
  [["-inter"], "unknown flag -inter: did you mean -interactive?"],
  [["-entrypont", "/bin/sh"], "unknown flag -entrypont: did you mean -entrypoint?"],
  [["-userr", "x"], "unknown flag -userr: did you mean -user?"],
  [["-volumes", "x"], "unknown flag -volumes: did you mean -volume?"],
  [["-worksdir"], "unknown flag -worksdir: did you mean -workdir?"],
  [["-hostnam=x"], "unknown flag -hostnam: did you mean -hostname?"],
  [["-x"], "unknown flag -x"],
  [["-itx"], "unknown flag -itx (there is no -x in it)"],
  [["--it"], "unknown flag --it"],
  [["---image"], "unknown flag ---image: did you mean -image?"],
  [["-no-image"], "unknown flag -no-image"],
  [["-image"], "flag -image: needs a value"],
  [["-e"], "flag -e: needs a value"],
  [["-ite"], "flag -e: needs a value"],
  [["-image", "-interactive"], "flag -image: needs a value, and -interactive follows"],
  [["-image", "--tty", "x"], "flag -image: needs a value, and --tty follows"],
  [["-name", "--", "x"], "flag -name: needs a value, and -- follows"],
  [["-rm=maybe"], 'flag -rm: "maybe" is not true or false'],
  [["-t=x"], 'flag -t: "x" is not true or false'],
  [["-pull", "newest"], 'flag -pull: "newest" is not one of always, missing, never'],
  [["-shm-size", "64q"], 'flag -shm-size: "64q" is not a size in bytes or with a unit, such as 64m or 1.5g'],
  [["-stop-timeout=soon"], 'flag -stop-timeout: "soon" is not a duration such as 10, 1m30s or 250ms'],
  [["-memory", "lots"], 'flag -memory: "lots" is not a size in bytes or with a unit, such as 64m or 1.5g'],
  [["--cpus=two"], 'flag --cpus: "two" is not a number'],
  [["-expose", "80", "x"], "flag -expose: needs the bridge network, which this version does not have"],
  [["-health-cmd=true", "x"], "flag -health-cmd: health checks are not in this version"],
  [["-P", "x"], "flag -P: needs the bridge network, which this version does not have"],
];

describe("tokenize()", () => {
  test.each(accepted)("reads %j", (argv, expected) => {
    expect(parse(argv)).toEqual(expected);
  });

  test.each(refused)("refuses %j", (argv, message) => {
    expect(failure(argv).message).toBe(message);
  });

  test("says how to give a short flag a value that looks like a long flag", () => {
    expect(failure(["-userr"]).hint).toBe('to give -u the value "serr", separate the two by a space');
    expect(parse(["-u", "serr"])).toEqual({ user: "serr" });
  });

  test("fills in defaults, empty lists and absent booleans", () => {
    const { values, given } = tokenize(table, [], { stopAtPositional: true, environment: {}, help: "" });
    expect(values.pull).toBe("missing");
    expect(values.env).toEqual([]);
    expect(values.rm).toBe(false);
    expect(values.name).toBeUndefined();
    expect(given.size).toBe(0);
  });

  test("takes the environment's value when the flag is absent, and the flag's when both are there", () => {
    const environment = { CURRUNT_DATA_ROOT: "/from-environment" };
    const read = (argv: string[]) =>
      tokenize(table, argv, { stopAtPositional: true, environment, help: "" }).values["data-root"];
    expect(read([])).toBe("/from-environment");
    expect(read(["-data-root", "/from-flag"])).toBe("/from-flag");
  });

  test("without stopAtPositional, flags and positionals mix", () => {
    const small = flags({ force: { type: "boolean", short: "f", help: "" } });
    const { values, positionals } = tokenize(small, ["a", "-f", "b", "--", "-c"], {
      stopAtPositional: false,
      environment: {},
      help: "",
    });
    expect(values.force).toBe(true);
    expect(positionals).toEqual(["a", "b", "-c"]);
  });
});

describe("the flag table of run", () => {
  const entries = Object.entries<FlagTable[string]>(table);

  test("gives no name and no letter twice", () => {
    const spellings = entries.flatMap(([name, flag]) => [name, ...(flag.aliases ?? [])]);
    expect(new Set(spellings).size).toBe(spellings.length);
    const letters = entries.flatMap(([, flag]) => flag.short ?? []);
    expect(new Set(letters).size).toBe(letters.length);
  });

  test("any two flags can be written side by side, in every spelling", () => {
    const forms = entries.flatMap(([name, flag]) => spelledOut(name, flag));
    for (const first of forms) {
      for (const second of forms) {
        const parsed = parse([...first.argv, ...second.argv, "IMAGE"]);
        expect(Object.keys(parsed).sort()).toEqual([...new Set([first.name, second.name, "_"])].sort());
        expect(parsed["_"]).toEqual(["IMAGE"]);
      }
    }
  });

  test("any two short booleans cluster, with any valued short flag at the end", () => {
    const letters = entries.flatMap(([name, flag]) =>
      flag.short === undefined ? [] : [{ name, letter: flag.short, flag }],
    );
    const booleans = letters.filter(({ flag }) => flag.type === "boolean");
    for (const first of booleans) {
      for (const second of letters) {
        const cluster = `-${first.letter}${second.letter}`;
        const parsed = parse(second.flag.type === "boolean" ? [cluster] : [cluster, sample(second.flag)]);
        expect(Object.keys(parsed).sort()).toEqual([...new Set([first.name, second.name])].sort());
      }
    }
  });

  test("no flag that it has is listed as absent", () => {
    const letters = entries.flatMap(([name, flag]) => [name, flag.short ?? ""]);
    expect(Object.keys(absentRunFlags).filter((name) => letters.includes(name))).toEqual([]);
  });
});

function sample(flag: FlagTable[string]): string {
  if (flag.choices !== undefined) return flag.choices[0] ?? "";
  return flag.type === "string" ? "/a:/b" : "7";
}

/** Every way to write one flag. */
function spelledOut(name: string, flag: FlagTable[string]): { name: string; argv: string[] }[] {
  const value = sample(flag);
  const long = [name, ...(flag.aliases ?? [])].flatMap((spelling) =>
    flag.type === "boolean"
      ? [[`-${spelling}`], [`--${spelling}`], [`--no-${spelling}`], [`-${spelling}=false`]]
      : [[`-${spelling}`, value], [`--${spelling}`, value], [`-${spelling}=${value}`]],
  );
  const short =
    flag.short === undefined
      ? []
      : flag.type === "boolean"
        ? [[`-${flag.short}`]]
        : [[`-${flag.short}`, value], [`-${flag.short}${value}`]];
  return [...long, ...short].map((argv) => ({ name, argv }));
}
