/** Lists of things: as a table for people, as JSON or by a template for programs. */
import type { FlagTable } from "./flag.ts";
import { layOut, print, printJson } from "./output.ts";
import { parseTemplate } from "./template.ts";

/** One column: its heading, the field's name in templates and JSON, and its text in the table. */
export interface Column<Row> {
  readonly heading: string;
  readonly field: string;
  readonly text: (row: Row) => string;
  /** What JSON shows; absent: the text. */
  readonly json?: (row: Row) => unknown;
  /** In JSON and templates only. */
  readonly hidden?: true;
}

export interface ListOptions<Row> {
  readonly columns: readonly Column<Row>[];
  /** `-format`: "table", "json", "table TEMPLATE" or a template; absent: "table". */
  readonly format: string | undefined;
  /** `-quiet`: only what this gives for each row. */
  readonly quiet?: ((row: Row) => string) | undefined;
}

/** Flags that all lists have. */
export const listFlags = {
  quiet: { type: "boolean", short: "q", help: "print IDs only" },
  format: {
    type: "string",
    metavar: "table|json|TEMPLATE",
    help: "form of the list; a template has fields such as {{.ID}}",
  },
} as const satisfies FlagTable;

/** docker's flags of lists that have no effect to offer here yet. `-f` would be taken for a short -format otherwise. */
export const absentListFlags: Readonly<Record<string, string>> = {
  filter: "not in this version: print all with -format json and choose from that",
  f: "not in this version: print all with -format json and choose from that; the form is -format",
};

/** "key=value,key=value", as docker's tables have labels. */
export function labelText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map((pair) => pair.join("="))
    .join(",");
}

/** Prints `rows` to standard output. */
export async function printList<Row>(rows: readonly Row[], options: ListOptions<Row>): Promise<void> {
  const { columns, format = "table", quiet } = options;
  if (quiet !== undefined && format === "table") return await printLines(rows.map(quiet));
  if (format === "json") return await printJson(rows.map((row) => toJson(columns, row)));
  if (format === "table")
    return await printTable(
      rows,
      columns.filter((column) => column.hidden !== true),
    );
  const template = parseTemplate(format.replace(/^table /, ""));
  const lines = rows.map((row) => template.render(toText(columns, row), toJson(columns, row)));
  if (!format.startsWith("table ")) return await printLines(lines);
  const headings = template.fields.map(
    (field) => columns.find((column) => column.field === field)?.heading ?? field,
  );
  await print(layOut([headings, ...lines.map((line) => line.split("\t"))]));
}

async function printTable<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): Promise<void> {
  const cells = rows.map((row) => columns.map((column) => column.text(row)));
  await print(layOut([columns.map((column) => column.heading), ...cells]));
}

async function printLines(lines: readonly string[]): Promise<void> {
  if (lines.length > 0) await print(`${lines.join("\n")}\n`);
}

function toJson<Row>(columns: readonly Column<Row>[], row: Row): Record<string, unknown> {
  return Object.fromEntries(columns.map((column) => [column.field, (column.json ?? column.text)(row)]));
}

function toText<Row>(columns: readonly Column<Row>[], row: Row): Record<string, string> {
  return Object.fromEntries(columns.map((column) => [column.field, column.text(row)]));
}
