/** Sums up the JUnit files of a test run: what failed, what was skipped without being expected, and one plain line. */

interface Case {
  /** File, groups and title, joined by " > ". */
  name: string;
  outcome: "passed" | "failed" | "skipped";
}

const entities: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", "#10": "\n" };

function attribute(element: string, name: string): string {
  const raw = new RegExp(` ${name}="([^"]*)"`).exec(element)?.[1] ?? "";
  return raw.replace(/&([^;]+);/g, (whole, key: string) => entities[key] ?? whole);
}

/** The cases of one JUnit file as `bun test` writes it. */
function parseCases(xml: string): Case[] {
  return [...xml.matchAll(/<testcase\b([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g)].map((match) => {
    const head = match[1] ?? "";
    const body = match[2] ?? "";
    const name = [attribute(head, "file"), attribute(head, "classname"), attribute(head, "name")];
    return {
      name: name.filter((part) => part !== "").join(" > "),
      outcome: /<(failure|error)\b/.test(body) ? "failed" : /<skipped\b/.test(body) ? "skipped" : "passed",
    };
  });
}

/** The skips that a machine may have: one name a line, `#` starts a comment. */
async function readExpectedSkips(): Promise<Set<string>> {
  const text = await Bun.file(new URL("expected-skips.txt", import.meta.url)).text();
  return new Set(
    text
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => line !== "" && !line.startsWith("#")),
  );
}

const mustWork = process.env["CURRUNT_TEST_MUST_WORK"] === "1";
const expected = await readExpectedSkips();
const files = process.argv.slice(2);
const cases = (await Promise.all(files.map(async (file) => parseCases(await Bun.file(file).text())))).flat();
const passed = cases.filter((one) => one.outcome === "passed");
const failed = cases.filter((one) => one.outcome === "failed");
const skipped = cases.filter((one) => one.outcome === "skipped");
const unexpected = skipped.filter((one) => !expected.has(one.name));

for (const one of failed) console.log(`failed: ${one.name}`);
for (const one of skipped) {
  console.log(`skipped${unexpected.includes(one) ? ", not expected" : ""}: ${one.name}`);
}
const failures = failed.length + (mustWork ? unexpected.length : 0);
console.log(
  `${passed.length} passed, ${failures} failed, ${cases.length - passed.length - failures} skipped`,
);
process.exit(failures === 0 && passed.length > 0 ? 0 : 1);
