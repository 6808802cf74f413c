/** Rows and columns added up in the front end: what may be added without the model. */

import type { Chart, Granularity } from "../wire/protocol";
import type { Matrix } from "./matrix";
import { overlap, type Range } from "./sources";
import type { Axes, Cell, Line, Table } from "./table";
import { membersOf, unitsAt } from "./units";

/**
 * Columns put together: by a coarser level than the run's, and by ranges of the user's own. Null: nothing to put
 * together. Features may be added only where the method promises that rows add up.
 */
export function regrouped(axes: Axes, chart: Chart, level: Granularity, own: readonly Range[]): Axes | null {
  if (!chart.adds_up) return null;
  const units = unitsAt(chart.units, level);
  const base =
    units === null ? axes.columns : membersOf(units).map((of) => joined(of.map((at) => axes.columns[at] as Line)));
  const columns = merged(base, own);
  return columns.length === axes.columns.length ? null : { rows: axes.rows, columns };
}

/** The columns without those that a range touches; all of them where none would be left. */
export function without(axes: Axes, hidden: readonly Range[]): Axes {
  if (hidden.length === 0) return axes;
  const columns = axes.columns.filter(
    (line) => !line.ranges.some((part) => hidden.some((range) => overlap(part, range))),
  );
  return columns.length === 0 || columns.length === axes.columns.length ? axes : { rows: axes.rows, columns };
}

/** Lines that a range touches become one line, in the place of the first. */
function merged(lines: readonly Line[], ranges: readonly Range[]): readonly Line[] {
  return ranges.reduce<readonly Line[]>((before, range) => {
    const touched = before.filter((line) => line.ranges.some((part) => overlap(part, range)));
    if (touched.length < 2) return before;
    return before.flatMap((line) => (line === touched[0] ? [joined(touched)] : touched.includes(line) ? [] : [line]));
  }, lines);
}

function joined(lines: readonly Line[]): Line {
  return {
    text: lines.map((line) => line.text).join(""),
    members: lines.flatMap((line) => line.members),
    ranges: lines.flatMap((line) => line.ranges),
  };
}

/**
 * The matrix with the members of each column added up. The errors are upper bounds: the standard error of a sum is at
 * most the sum of the standard errors (equal where the parts always err together; the covariances aren't known here).
 */
export function addColumns(matrix: Matrix, { rows, columns }: Axes): Table {
  const add = (from: Float32Array, lines: number): Float32Array => {
    const sums = new Float32Array(lines * columns.length);
    for (let row = 0; row < lines; row++)
      columns.forEach(({ members }, column) => {
        let sum = 0;
        for (const member of members) sum += from[row * matrix.features + member] as number;
        sums[row * columns.length + column] = sum;
      });
    return sums;
  };
  return {
    chart: matrix.chart,
    rows,
    columns,
    stamps: matrix.stamps,
    values: add(matrix.values, matrix.rows),
    errors: add(matrix.errors, matrix.rows),
    ends: matrix.ends,
    sequence: add(matrix.sequence, 1),
    sequence_errors: add(matrix.sequence_errors, 1),
    added: columns.some(({ members }) => members.length > 1),
  };
}

/** Sum of a rectangle of cells with an upper bound of its standard error; `share`: of all |values| in its rows. */
export function addBox(
  table: Table,
  [from, to]: readonly [Cell, Cell],
): { value: number; error: number; share: number } {
  const columns = table.columns.length;
  let [value, error, part, all] = [0, 0, 0, 0];
  for (let row = from.row; row <= to.row; row++)
    for (let column = 0; column < columns; column++) {
      const cell = table.values[row * columns + column] as number;
      all += Math.abs(cell);
      if (column < from.column || column > to.column) continue;
      value += cell;
      part += Math.abs(cell);
      error += table.errors[row * columns + column] as number;
    }
  return { value, error, share: part / all };
}

/** Rows added up: log-probs of tokens add up to the log-prob of the span; probabilities don't. */
export function spansAdd(chart: Chart): boolean {
  return chart.explains === "log_prob" || chart.explains === "log_odds";
}

/**
 * Sum of some rows: the attribution of a span of the answer, whatever the method (all of them are linear in the values).
 * Errors are upper bounds, as in `addColumns`.
 */
export function addRows(table: Table, rows: readonly number[]): { values: Float32Array; errors: Float32Array } {
  const columns = table.columns.length;
  const add = (from: Float32Array) =>
    Float32Array.from({ length: columns }, (_, column) =>
      rows.reduce((sum, row) => sum + (from[row * columns + column] as number), 0),
    );
  return { values: add(table.values), errors: add(table.errors) };
}
