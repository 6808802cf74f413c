/** From state to what the views draw: kept from one frame to the next where nothing changed. */

import { largest, limitFor, niceCeil, type ScaleMode } from "../style/colours";
import type { Chart, Granularity } from "../wire/protocol";
import { type Band, columnBands, rowBands } from "./bands";
import type { Matrix } from "./matrix";
import { addColumns, addRows, regrouped, spansAdd, without } from "./regroup";
import { type RowFigures, rowFigures } from "./rows";
import { overlap, type Range } from "./sources";
import { answerStretches, promptStretches, type Stretch } from "./stretches";
import { type Axes, axesOf, rowOf, type Table, tableOf } from "./table";

/** How the user wants to see it. */
export interface Look {
  readonly level: Granularity;
  readonly groups: readonly Range[];
  readonly hidden: readonly Range[];
  readonly span: readonly Range[];
  readonly scale: ScaleMode;
  readonly streaming: boolean;
  /** Limit of the colours where it is not the matrix's own: two that are compared share one. */
  readonly limit?: number | null;
}

/** The matrix as shown: grouped, with its sums and the limits of its colours. */
export interface Shown {
  readonly matrix: Matrix;
  readonly look: Look;
  /** Of the run, and as grouped here (the same where nothing is grouped). */
  readonly base: Axes;
  readonly axes: Axes;
  readonly table: Table;
  readonly prompt: readonly Stretch[];
  readonly answer: readonly Stretch[];
  readonly rowBands: readonly Band[];
  readonly columnBands: readonly Band[];
  /** Limit of the colours of all cells, of each row, and of the bars above. */
  readonly limit: number;
  readonly limits: (row: number) => number;
  readonly sequenceLimit: number;
  /** How many cells are beyond the limit. */
  readonly clipped: number;
  /** Of each row of the matrix, those of columns left out of the view among them. */
  readonly figures: RowFigures;
  /** How many features are left out of the view. */
  readonly hidden: number;
  /** Rows of the span; empty: the total is that of the whole answer. */
  readonly spanned: ReadonlySet<number>;
}

export function shownFrom(previous: Shown | null, matrix: Matrix, look: Look): Shown {
  const kept = previous !== null && sameTexts(previous.matrix.chart, matrix.chart) ? previous : null;
  const base = kept?.base ?? axesOf(matrix.chart);
  const stays =
    kept !== null && (["level", "groups", "hidden"] as const).every((name) => kept.look[name] === look[name]);
  const axes = stays ? kept.axes : without(regrouped(base, matrix.chart, look.level, look.groups) ?? base, look.hidden);
  const whole = axes === base ? tableOf(matrix, axes) : addColumns(matrix, axes);
  const spanned = spansAdd(matrix.chart) ? rowsIn(whole, look.span) : [];
  const table = spanned.length > 0 && spanned.length < whole.rows.length ? withSpan(whole, spanned) : whole;
  const figures = rowFigures(matrix, previous?.figures ?? null);
  const most = table.values === matrix.values ? largest(figures.largest) : undefined;
  const limit = look.limit ?? limitFor(table.values, look.scale, kept?.limit ?? null, look.streaming, most);
  const rows = look.scale === "row" ? rowLimits(table) : null;
  return {
    matrix,
    look,
    base,
    axes,
    table,
    prompt: stays ? kept.prompt : promptStretches(table),
    answer: kept?.answer ?? answerStretches(table),
    rowBands: kept?.rowBands ?? rowBands(table),
    columnBands: stays ? kept.columnBands : columnBands(table),
    limit,
    limits: rows ? (row) => rows[row] as number : () => limit,
    clipped: look.scale === "robust" || look.scale === "frozen" ? countBeyond(table.values, limit) : 0,
    sequenceLimit: limitFor(table.sequence, look.scale, kept?.sequenceLimit ?? null, look.streaming),
    figures,
    hidden: base.columns.length - axes.columns.reduce((count, { members }) => count + members.length, 0),
    spanned: new Set(spanned),
  };
}

/** True where the same would come out again. */
export function sameShown(shown: Shown, matrix: Matrix, look: Look): boolean {
  const names = ["level", "groups", "hidden", "span", "scale", "streaming", "limit"] as const;
  return shown.matrix === matrix && names.every((name) => shown.look[name] === look[name]);
}

/** A full frame brings its chart again; the same texts need no new elements. */
function sameTexts(a: Chart, b: Chart): boolean {
  if (a === b) return true;
  const same = (x: readonly string[], y: readonly string[]) =>
    x.length === y.length && x.every((text, at) => text === y[at]);
  return a.run === b.run && same(a.features, b.features) && same(a.outputs, b.outputs);
}

function rowsIn(table: Table, span: readonly Range[]): readonly number[] {
  if (span.length === 0) return [];
  const inside = (range: Range) => span.some((part) => overlap(part, range));
  return table.rows.flatMap((line, row) => (line.ranges.some(inside) ? [row] : []));
}

function withSpan(table: Table, rows: readonly number[]): Table {
  const { values, errors } = addRows(table, rows);
  return { ...table, sequence: values, sequence_errors: errors };
}

function countBeyond(values: Float32Array, limit: number): number {
  let count = 0;
  for (const value of values) if (Math.abs(value) > limit * 1.000001) count++;
  return count;
}

function rowLimits(table: Table): Float32Array {
  const columns = table.columns.length;
  return Float32Array.from(table.rows, (_, row) => niceCeil(largest(rowOf(table.values, row, columns))));
}
