/** Instructions of `commit -change`: every form that a Dockerfile knows, and what they do to settings. */
import { describe, expect, test } from "bun:test";
import { explain } from "../../../src/base/error.ts";
import { parseChange } from "../../../src/cli/config-change.ts";
import type { Settings } from "../../../src/image/config-change.ts";
import { applyChanges } from "../../../src/image/config-change.ts";

function changed(settings: Settings, ...texts: string[]): Settings {
  return applyChanges(settings, texts.map(parseChange));
}

describe("parseChange() and applyChanges()", () => {
  test.each<[string, Settings, Settings]>([
    ['CMD ["a", "b c"]', {}, { Cmd: ["a", "b c"] }],
    ["CMD echo $HOME", {}, { Cmd: ["/bin/sh", "-c", "echo $HOME"] }],
    [
      "cmd x",
      { Shell: ["/bin/bash", "-ec"] },
      { Shell: ["/bin/bash", "-ec"], Cmd: ["/bin/bash", "-ec", "x"] },
    ],
    ["CMD", { Cmd: ["old"] }, { Cmd: [] }],
    ['ENTRYPOINT ["/new"]', { Cmd: ["old"] }, { Entrypoint: ["/new"], Cmd: null }],
    ["ENV A=1 B='two words' C=\"3\"", { Env: ["B=0"] }, { Env: ["B=two words", "A=1", "C=3"] }],
    ["ENV NAME a  value", {}, { Env: ["NAME=a  value"] }],
    ["ENV EMPTY=", {}, { Env: ["EMPTY="] }],
    ["LABEL a.b=c", { Labels: { x: "y" } }, { Labels: { x: "y", "a.b": "c" } }],
    ["EXPOSE 80 53/udp 8000-8010", {}, { ExposedPorts: { "80/tcp": {}, "53/udp": {}, "8000-8010/tcp": {} } }],
    ['VOLUME ["/a", "/b"]', { Volumes: { "/c": {} } }, { Volumes: { "/c": {}, "/a": {}, "/b": {} } }],
    ["USER 1000:10", {}, { User: "1000:10" }],
    ["WORKDIR below", { WorkingDir: "/work" }, { WorkingDir: "/work/below" }],
    ["WORKDIR /other", { WorkingDir: "/work" }, { WorkingDir: "/other" }],
    ["STOPSIGNAL SIGQUIT", {}, { StopSignal: "SIGQUIT" }],
  ])("%s", (text, before, after) => expect(changed(before, text)).toEqual(after));

  test("a command that is given too stays with a new entrypoint", () => {
    const settings = changed({}, 'CMD ["c"]', 'ENTRYPOINT ["e"]');
    expect(settings).toEqual({ Cmd: ["c"], Entrypoint: ["e"] });
  });

  test.each([
    ["RUN make", "no instruction that an image can take"],
    ["", "no instruction that an image can take"],
    ["ENV", "ENV needs a value"],
    ["ENV =x", '"=x" is not NAME=value'],
    ["EXPOSE http", '"http" is not a port'],
    ["EXPOSE 70000", '"70000" is not a port'],
    ["USER a b", "USER takes one value, not 2"],
    ["CMD [1]", "not an array of strings"],
  ])("refuses %p", (text, message) => {
    let error: unknown;
    try {
      parseChange(text);
    } catch (thrown) {
      error = thrown;
    }
    expect(explain(error)).toContain(message);
  });
});
