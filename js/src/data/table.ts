/** What the views draw: the matrix, with rows and columns added up where the user grouped them. */

import type { Chart } from "../wire/protocol";
import type { Matrix } from "./matrix";
import { featureRanges, outputRanges, overlap, type Range } from "./sources";

/** A row or column as shown: the features (or output tokens) put together in it, their text, and their places. */
export interface Line {
  readonly text: string;
  readonly members: readonly number[];
  readonly ranges: readonly Range[];
}

/** values, errors: (rows, columns), row-major; sequence and sequence_errors: (columns), the whole answer. */
export interface Table {
  readonly chart: Chart;
  readonly rows: readonly Line[];
  readonly columns: readonly Line[];
  /** As in `Matrix`. */
  readonly stamps: Uint32Array;
  readonly values: Float32Array;
  readonly errors: Float32Array;
  readonly ends: Float32Array;
  readonly sequence: Float32Array;
  readonly sequence_errors: Float32Array;
  /** True where values were added up here; their errors are then upper bounds (the sum of the parts' errors). */
  readonly added: boolean;
}

/** A row and a column of a table. */
export interface Cell {
  readonly row: number;
  readonly column: number;
}

/** Rows and columns of a matrix as it came. Made once a chart: frames change numbers only. */
export interface Axes {
  readonly rows: readonly Line[];
  readonly columns: readonly Line[];
}

export function axesOf(chart: Chart): Axes {
  const outputs = outputRanges(chart);
  const features = featureRanges(chart);
  return {
    rows: chart.outputs.map((text, row) => ({ text, members: [row], ranges: [outputs[row] as Range] })),
    columns: chart.features.map((text, column) => ({ text, members: [column], ranges: features[column] ?? [] })),
  };
}

export function tableOf(matrix: Matrix, axes: Axes): Table {
  return {
    chart: matrix.chart,
    rows: axes.rows,
    columns: axes.columns,
    stamps: matrix.stamps,
    values: matrix.values,
    errors: matrix.errors,
    ends: matrix.ends,
    sequence: matrix.sequence,
    sequence_errors: matrix.sequence_errors,
    added: false,
  };
}

/** Index of the line that holds a place, or -1. */
export function lineAt(lines: readonly Line[], place: Range | null): number {
  if (place === null) return -1;
  return lines.findIndex((line) => line.ranges.some((range) => overlap(range, place)));
}

export function rowOf(values: Float32Array, row: number, columns: number): Float32Array {
  return values.subarray(row * columns, (row + 1) * columns);
}

/** Whether every feature is in some column: none is left out of the view. */
export function isWhole({ chart, columns }: Table): boolean {
  return columns.reduce((count, { members }) => count + members.length, 0) >= chart.features.length;
}

/** Values and errors of a row; of row -1, the total of the span or of the whole answer. */
export function numbersOf(table: Table, row: number): { values: Float32Array; errors: Float32Array } {
  const { values, errors, sequence, sequence_errors, columns } = table;
  if (row < 0) return { values: sequence, errors: sequence_errors };
  return { values: rowOf(values, row, columns.length), errors: rowOf(errors, row, columns.length) };
}

/** |value| as a share of all |values| of its row; NaN in an empty row. */
export function shareOfRow(table: Table, row: number, column: number): number {
  const { values } = numbersOf(table, row);
  let all = 0;
  for (const value of values) all += Math.abs(value);
  return Math.abs(values[column] as number) / all;
}
