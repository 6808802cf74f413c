/** A result as text that other programs read: CSV, JSON, LaTeX, Python. llm_attr_widget/export/tables.py writes the very same; see tests/exports. */

import { nameOf, saidOf } from "../data/certainty";
import type { Table } from "../data/table";
import { cellColour, coloursOn, inkOn, largest, niceCeil, type Rgb } from "../style/colours";
import { cellDecimals, featureLabel, signed, tokenLabel, visible } from "../style/format";
import { LATEX } from "../style/style";
import type { Progress, Settings } from "../wire/protocol";

/** One line a cell, with the columns of `to_dataframe()`: places count from 0. */
export function toCsv(table: Table): string {
  const head = ["output", "output_text", "feature", "feature_text", "value", "standard_error"];
  const lines = table.rows.flatMap((row, r) =>
    table.columns.map((column, c) => {
      const at = r * table.columns.length + c;
      return [r, noFormula(row.text), c, noFormula(column.text), number(table.values[at]), number(table.errors[at])];
    }),
  );
  return `${[head, ...lines].map((line) => line.map((part) => quoted(String(part))).join(",")).join("\r\n")}\r\n`;
}

/** What a spreadsheet would compute has an apostrophe before it. */
function noFormula(text: string): string {
  return text.replace(/^[\t\r\n]*[=+\-@\uff1d\uff0b\uff0d\uff20]/, "'$&");
}

/** RFC 4180. */
function quoted(text: string): string {
  return /[",\r\n]|^[ \t]|[ \t]$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** All that float32 holds and no more: the shortest decimal that gives the same number back. */
function number(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  for (let digits = 6; digits < 9; digits++) {
    const text = value.toPrecision(digits);
    if (Math.fround(Number(text)) === value) return String(Number(text));
  }
  return String(Number(value.toPrecision(9)));
}

/** The numbers with what they are. Not a number and infinite become null: JSON has no word for them. */
export function toJson(table: Table, progress: Progress | null): string {
  const { chart } = table;
  const said = saidOf(chart.run, progress);
  const plain = (value: number) => (Number.isFinite(value) ? Number(number(value)) : null);
  const rows = (from: Float32Array, width: number) =>
    table.rows.map((_, row) => Array.from(from.subarray(row * width, (row + 1) * width), plain));
  const content = {
    label: chart.label,
    unit: chart.unit,
    adds_up: chart.adds_up,
    sampled: chart.sampled,
    baseline: chart.baseline,
    model: chart.model,
    seed: chart.settings.seed,
    calls: progress?.calls ?? 0,
    ...(said && { status: said.sentence, doubts: said.doubts }),
    added_up: table.added,
    pieces: chart.pieces.map(({ text, feature, role }) => ({ text, feature, role })),
    features: table.columns.map((line) => line.text),
    outputs: table.rows.map((line) => line.text),
    values: rows(table.values, table.columns.length),
    standard_errors: rows(table.errors, table.columns.length),
    ends: rows(table.ends, 2),
    sequence: Array.from(table.sequence, plain),
    sequence_standard_errors: Array.from(table.sequence_errors, plain),
  };
  return `${JSON.stringify(content, null, 1)}\n`;
}

/** A tabular with coloured cells; needs `\usepackage[table]{xcolor}` and `\usepackage{graphicx}`. */
export function toLatex(table: Table, progress: Progress | null = null): string {
  const said = saidOf(table.chart.run, progress);
  const columns = table.columns.length;
  const limit = niceCeil(largest(table.values));
  const decimals = cellDecimals(limit);
  const colours = coloursOn("light");
  const cell = (value: number, error: number) => {
    const colour = cellColour(value, error, limit, colours);
    const ink = inkOn(colour) === "#ffffff" ? "FFFFFF" : "10141B";
    return `\\cellcolor[HTML]{${hex(colour)}}\\textcolor[HTML]{${ink}}{${latex(signed(value, decimals))}}`;
  };
  const head = table.columns.map(({ text }) => `\\rotatebox{60}{${latex(featureLabel(text))}}`);
  const lines = table.rows.map(({ text }, row) => {
    const at = (column: number) => row * columns + column;
    const cells = table.columns.map((_, c) => cell(table.values[at(c)] as number, table.errors[at(c)] as number));
    return [latex(tokenLabel(text)), ...cells].join(" & ");
  });
  return [
    visible(
      `% ${table.chart.label}, ${table.chart.unit}. Needs \\usepackage[table]{xcolor} and \\usepackage{graphicx}.`,
    ),
    ...(said ? [visible(`% ${said.sentence}.`)] : []),
    `\\begin{tabular}{r*{${columns}}{c}}`,
    `${["", ...head].join(" & ")} \\\\`,
    ...lines.map((line) => `${line} \\\\`),
    ...(table.errors.every(Number.isFinite)
      ? []
      : [`\\multicolumn{${columns + 1}}{l}{${latex(visible(nameOf(table)))}} \\\\`]),
    "\\end{tabular}",
    "",
  ].join("\n");
}

function hex(colour: Rgb): string {
  return colour.map((part) => part.toString(16).padStart(2, "0").toUpperCase()).join("");
}

/** As text, every space with its width. */
function latex(text: string): string {
  const escapes: Readonly<Record<string, string>> = LATEX;
  return text.replace(/./gu, (char) => escapes[char] ?? char).replace(/ (?= )/g, "\\ ");
}

/** The call that makes this result again; `prompt` in it is what the widget was given, where that was no text. */
export function toPython(settings: Settings): string {
  const text = (value: string | number | readonly string[]) => JSON.stringify(value);
  const { prompt, texts, target, baseline, stop_top: top, ...others } = settings;
  const { locked_stretches: locked, locked_segments: segments, max_new_tokens: most, ...options } = others;
  const given = texts ? `rewritten(prompt, ${text(texts)})` : text(prompt);
  const made = `make_input(tokenizer, ${given}, granularity=${text(settings.granularity)})`;
  /** What is done to the prompt, from the inside out, where anything is. */
  const steps = [
    ["rebased", baseline ?? ""],
    ["locked_in", locked],
    ["locked_segments", segments ?? []],
  ] as const;
  const done = steps.filter(([, value]) => value.length > 0);
  const explained = done.reduce(
    (inner, [name, value]) => `${name}(${inner}, ${text(value)})`,
    done.length > 0 ? made : given,
  );
  const names = [
    ...done.map(([name]) => name),
    ...(done.length > 0 ? ["make_input"] : []),
    ...(texts ? ["rewritten"] : []),
  ];
  const length = target === null && (most ?? null) !== null ? { max_new_tokens: most } : {};
  return [
    `from llm_attr_widget import ${(top ?? null) === null ? "" : "Separated, "}attribute`,
    ...(names.length > 0 ? [`from llm_attr_widget.inputs import ${names.sort().join(", ")}`] : []),
    "",
    "result = attribute(",
    "    model,",
    "    tokenizer,",
    `    ${explained},`,
    `    ${target === null ? "None" : text(target)},`,
    ...((top ?? null) === null ? [] : [`    stop_when=Separated(top=${top}),`]),
    ...Object.entries({ ...options, ...length }).flatMap(([name, value]) =>
      value === null ? [] : [`    ${name}=${text(value)},`],
    ),
    ")",
    "",
  ].join("\n");
}
