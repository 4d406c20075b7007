/** Changes to an image's configuration, as the instructions of a Dockerfile make them. */
import type { ImageConfig } from "./manifest.ts";

/** One instruction, taken apart. */
export type ConfigChange =
  /** `args`: the words; or the text for a shell. */
  | { readonly kind: "cmd" | "entrypoint"; readonly args: readonly string[] | string }
  | { readonly kind: "env" | "label"; readonly values: readonly (readonly [name: string, value: string])[] }
  /** "80/tcp". */
  | { readonly kind: "expose"; readonly ports: readonly string[] }
  | { readonly kind: "volume"; readonly paths: readonly string[] }
  | { readonly kind: "user" | "workdir" | "stopsignal"; readonly value: string };

/** What an image says about the container's program. */
export type Settings = NonNullable<ImageConfig["config"]>;

/** The settings after the changes, in their order. */
export function applyChanges(settings: Settings, changes: readonly ConfigChange[]): Settings {
  // docker: a new entrypoint takes the old one's arguments away, unless new ones are given as well.
  const keepsCommand = changes.some(({ kind }) => kind === "cmd");
  return changes.reduce<Settings>((before, change) => applyChange(before, change, keepsCommand), settings);
}

function applyChange(settings: Settings, change: ConfigChange, keepsCommand: boolean): Settings {
  switch (change.kind) {
    case "cmd":
      return { ...settings, Cmd: wordsOf(change.args, settings) };
    case "entrypoint": {
      const changed = { ...settings, Entrypoint: wordsOf(change.args, settings) };
      return keepsCommand ? changed : { ...changed, Cmd: null };
    }
    case "env":
      return { ...settings, Env: withVariables(settings.Env ?? [], change.values) };
    case "label":
      return { ...settings, Labels: { ...settings.Labels, ...Object.fromEntries(change.values) } };
    case "expose":
      return { ...settings, ExposedPorts: withKeys(settings.ExposedPorts, change.ports) };
    case "volume":
      return { ...settings, Volumes: withKeys(settings.Volumes, change.paths) };
    case "user":
      return { ...settings, User: change.value };
    case "workdir":
      return { ...settings, WorkingDir: joined(settings.WorkingDir ?? "", change.value) };
    case "stopsignal":
      return { ...settings, StopSignal: change.value };
  }
}

function wordsOf(args: readonly string[] | string, { Shell }: Settings): string[] {
  return typeof args === "string" ? [...(Shell ?? ["/bin/sh", "-c"]), args] : [...args];
}

function withVariables(env: readonly string[], values: readonly (readonly [string, string])[]): string[] {
  const merged = new Map(env.map((entry) => [entry.split("=", 1)[0] ?? "", entry]));
  for (const [name, value] of values) merged.set(name, `${name}=${value}`);
  return [...merged.values()];
}

function withKeys(before: Settings["Volumes"], keys: readonly string[]): Record<string, unknown> {
  return { ...before, ...Object.fromEntries(keys.map((key) => [key, {}])) };
}

/** `path`, from the directory of before when it is relative. */
function joined(base: string, path: string): string {
  if (path.startsWith("/")) return path;
  return `${base === "" || base === "/" ? "" : base}/${path}`;
}
