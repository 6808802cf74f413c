/** From state to what the views draw: kept from one frame to the next where nothing changed. */
import type { Matrix } from "./matrix";
import type { Lit } from "./paint";
import type { Chart } from "./protocol";
import { largest, limitFor, type ScaleMode } from "./scale";
import { paintedFeature, paintedOutput, type Selection, type Spot } from "./selection";
import { type Axes, axesOf, type Line, lineAt, rowOf, rowSums, type Table, tableOf } from "./table";
import { answerStretches, type Mark, type Paint, promptStretches, type Stretch } from "./views/text";

/** The matrix as shown: grouped, with the limits of its colours. */
export interface Picture {
  readonly matrix: Matrix;
  readonly axes: Axes;
  readonly table: Table;
  readonly prompt: readonly Stretch[];
  readonly answer: readonly Stretch[];
  readonly limit: number;
  readonly totalLimit: number;
  /** Sum of each row of the table. */
  readonly sums: Float32Array;
}

export function pictureOf(previous: Picture | null, matrix: Matrix, mode: ScaleMode, streaming: boolean): Picture {
  const kept = previous !== null && sameAxes(previous.matrix.chart, matrix.chart) ? previous : null;
  const axes = kept?.axes ?? axesOf(matrix.chart);
  const table = tableOf(matrix, axes);
  return {
    matrix,
    axes,
    table,
    prompt: kept?.prompt ?? promptStretches(table),
    answer: kept?.answer ?? answerStretches(table),
    sums: rowSums(table.values, table.rows.length, table.columns.length),
    limit: limitFor(table.values, mode, kept?.limit ?? null, streaming),
    totalLimit: limitFor(table.total, mode, kept?.totalLimit ?? null, streaming),
  };
}

/** A full frame brings its chart again; the same texts need no new elements. */
function sameAxes(a: Chart, b: Chart): boolean {
  if (a === b) return true;
  const same = (x: readonly string[], y: readonly string[]) =>
    x.length === y.length && x.every((text, at) => text === y[at]);
  return a.run === b.run && same(a.features, b.features) && same(a.outputs, b.outputs);
}

export interface Lighting {
  readonly lit: Lit;
  /** Row that the prompt is painted for, and column that the answer is painted for; -1: the whole, none. */
  readonly row: number;
  readonly column: number;
  readonly promptPaint: Paint;
  readonly answerPaint: Paint | null;
  readonly rowPins: readonly Mark[];
  readonly columnPins: readonly Mark[];
}

export function lightingOf(picture: Picture, selection: Selection): Lighting {
  const { table, limit, totalLimit } = picture;
  const row = lineAt(table.rows, paintedOutput(selection));
  const column = lineAt(table.columns, paintedFeature(selection));
  const hovered = selection.hovered;
  const cell = {
    row: lineAt(table.rows, hovered?.output ?? null),
    column: lineAt(table.columns, hovered?.feature ?? null),
  };
  const pins = selection.pins.map((pin) => ({
    letter: pin.letter,
    row: lineAt(table.rows, pin.output),
    column: lineAt(table.columns, pin.feature),
  }));
  const span = new Set(table.rows.flatMap((_, index) => (inSpan(table, index, selection) ? [index] : [])));
  return {
    lit: { row, column, cell: cell.row >= 0 && cell.column >= 0 ? cell : null, span, pins },
    row,
    column,
    promptPaint:
      row < 0
        ? { values: table.total, errors: table.totalErrors, limit: totalLimit }
        : {
            values: rowOf(table.values, row, table.columns.length),
            errors: rowOf(table.errors, row, table.columns.length),
            limit,
          },
    answerPaint: column < 0 ? null : columnPaint(table, column, limit),
    rowPins: pins.filter((pin) => pin.row >= 0).map((pin) => ({ letter: pin.letter, line: pin.row })),
    columnPins: pins.filter((pin) => pin.column >= 0).map((pin) => ({ letter: pin.letter, line: pin.column })),
  };
}

function inSpan(table: Table, row: number, { span }: Selection): boolean {
  const range = table.rows[row]?.ranges[0];
  return range !== undefined && span.some((part) => range.start >= part.start && range.end <= part.end);
}

function columnPaint(table: Table, column: number, limit: number): Paint {
  const pick = (from: Float32Array) =>
    Float32Array.from(table.rows, (_, row) => from[row * table.columns.length + column] as number);
  return { values: pick(table.values), errors: pick(table.errors), limit };
}

/** The places in the source of a row and a column (-1: none). */
export function spotOf(table: Table, row: number, column: number): Spot | null {
  const place = (line: Line | undefined) => line?.ranges[0] ?? null;
  const spot = { output: place(table.rows[row]), feature: place(table.columns[column]) };
  return spot.output === null && spot.feature === null ? null : spot;
}

/** Largest |value| of the numbers shown; what decimals are chosen by. */
export function sizeOf(table: Table): number {
  return largest(table.values);
}
