/** Output formats: `-format json`, `table`, and a small part of Go's templates as docker has them. */
import { CurruntError } from "../base/error.ts";
import { nearest } from "./suggest.ts";

type Render = (data: unknown, structured: unknown) => string;
type Piece = { readonly text: string } | { readonly render: Render };

/** A template that turns one row of data into text. */
export interface Template {
  /** `structured`: what `json`, `join` and paths into a field see; absent: the same data. */
  readonly render: (data: unknown, structured?: unknown) => string;
  /** The names of the fields in it, for the heading of a table. */
  readonly fields: readonly string[];
}

/**
 * Parses `{{.Field}}`, `{{.A.B}}`, `{{.}}`, `{{json .Field}}`, `{{json .}}`, `{{join .List ","}}`, and `\t` and `\n` between them.
 * Throws "invalid" for anything else in braces; a field that the data lacks is an error when it is rendered.
 */
export function parseTemplate(source: string): Template {
  const fields: string[] = [];
  const pieces = source.split(/(\{\{.*?\}\})/s).map((part): Piece => {
    if (!part.startsWith("{{")) return { text: readEscapes(part) };
    const action = parseAction(part);
    fields.push(action.field);
    return action;
  });
  return {
    fields,
    render: (data, structured = data) =>
      pieces.map((piece) => ("text" in piece ? piece.text : piece.render(data, structured))).join(""),
  };
}

function parseAction(part: string): { readonly render: Render; readonly field: string } {
  const [, verb, path = "", separator] =
    /^\{\{-?\s*(?:(json|join)\s+)?\.([\w.-]*)(?:\s+"((?:[^"\\]|\\.)*)")?\s*-?\}\}$/.exec(part) ?? [];
  if (
    !/^\{\{/.test(part) ||
    (path === "" && !/\.\s*-?\}\}$/.test(part)) ||
    (verb === "join") !== (separator !== undefined)
  ) {
    throw new CurruntError("invalid", `flag -format: cannot read ${JSON.stringify(part)}`, {
      hint: 'fields are {{.Name}}, functions {{json .Name}} and {{join .Names ","}}',
    });
  }
  if (verb === "json") {
    return { field: path, render: (_, structured) => JSON.stringify(lookUp(structured, path)) ?? "null" };
  }
  if (verb === "join") {
    const glue = readEscapes(separator ?? "");
    return {
      field: path,
      render: (_, structured) => listOf(lookUp(structured, path), path).map(show).join(glue),
    };
  }
  const inside = path.includes(".");
  return {
    field: path,
    render: (data, structured) => show(lookUp(inside ? structured : data, path)),
  };
}

/** The value at `path`; names match whatever their case, so that docker's `.State.Pid` finds `state.pid`. */
function lookUp(data: unknown, path: string): unknown {
  let value = data;
  for (const name of path.split(".").filter((part) => part !== "")) {
    const keys = typeof value === "object" && value !== null ? Object.keys(value) : [];
    const key =
      keys.find((known) => known === name) ??
      keys.find((known) => known.toLowerCase() === name.toLowerCase());
    if (key === undefined) throw noField(name, keys);
    value = Object.entries(value ?? {}).find(([known]) => known === key)?.[1];
  }
  return value;
}

function noField(name: string, keys: readonly string[]): CurruntError {
  const meant = nearest(name, keys);
  const guess = meant === undefined ? "" : `: did you mean ".${meant}"?`;
  return new CurruntError("invalid", `flag -format: there is no field ".${name}"${guess}`, {
    hint: keys.length === 0 ? undefined : `fields are ${keys.map((key) => `.${key}`).join(" ")}`,
  });
}

function listOf(value: unknown, path: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new CurruntError("invalid", `flag -format: ".${path}" is not a list`);
}

function show(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** Shells hand `\t` over as two characters. */
function readEscapes(text: string): string {
  return text.replace(/\\([tn\\"])/g, (_, letter) =>
    letter === "t" ? "\t" : letter === "n" ? "\n" : letter,
  );
}
