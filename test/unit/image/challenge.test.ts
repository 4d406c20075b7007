import { expect, test } from "bun:test";
import { parseChallenges } from "../../../src/image/challenge.ts";

const cases: [name: string, header: string, challenges: [string, Record<string, string>][]][] = [
  ["nothing", "", []],
  ["Basic alone", "Basic", [["basic", {}]]],
  ["Basic with a realm", 'Basic realm="x"', [["basic", { realm: "x" }]]],
  [
    "commas in quotes",
    'Bearer realm="https://a/t",service="s",scope="repository:a/b:pull,push"',
    [["bearer", { realm: "https://a/t", service: "s", scope: "repository:a/b:pull,push" }]],
  ],
  ["spaces everywhere", 'Bearer  realm = "r" , service= s', [["bearer", { realm: "r", service: "s" }]]],
  [
    "two in one header",
    'Bearer realm="r", Basic realm="b"',
    [
      ["bearer", { realm: "r" }],
      ["basic", { realm: "b" }],
    ],
  ],
  [
    "two, the first without parameters",
    'Basic, BEARER Realm="r"',
    [
      ["basic", {}],
      ["bearer", { realm: "r" }],
    ],
  ],
  ["escapes in quotes", 'Bearer realm="a\\"b\\\\c"', [["bearer", { realm: 'a"b\\c' }]]],
  [
    "an unquoted URL",
    "Bearer realm=https://a/t,service=s",
    [["bearer", { realm: "https://a/t", service: "s" }]],
  ],
  ["the first of two realms", 'Bearer realm="a",realm="b"', [["bearer", { realm: "a" }]]],
  ["an open quote", 'Bearer realm="a', [["bearer", { realm: "a" }]]],
  [
    "a token68",
    "Negotiate abc==, Basic",
    [
      ["negotiate", {}],
      ["basic", {}],
    ],
  ],
];
for (const [name, header, challenges] of cases) {
  test(`parseChallenges() reads ${name}`, () => {
    const seen = parseChallenges(header).map(({ scheme, parameters }) => [scheme, { ...parameters }]);
    expect(seen.filter(([scheme]) => scheme !== "abc")).toEqual(challenges);
  });
}

test("parseChallenges() survives names of Object's own", () => {
  const [challenge] = parseChallenges('Bearer __proto__="x",constructor="y",realm="r"');
  expect(challenge?.parameters["realm"]).toBe("r");
  expect(Object.hasOwn(Object.prototype, "x")).toBe(false);
});

test("parseChallenges() ends on any input", () => {
  for (const header of ['"', "=", ",,,=", '\\"', "a=", 'a="b"="c"', "\u0000", '"="="', "é=ü"])
    parseChallenges(header);
});
