/** Two runs on the same rows and columns: A, B, and A − B with the error of the difference. */

import { largest, niceCeil } from "../style/colours";
import type { Chart, PieceText } from "../wire/protocol";
import { align, type Pair } from "./align";
import { fullMatrix, type Kept, type Matrix } from "./matrix";

export type Side = "a" | "b" | "difference";

/**
 * rank: Spearman's, over the cells that both have; NaN where there are fewer than three, or all are equal.
 * paired: features that both have. beyond: cells that differ by more than two standard errors, of `both`. same: whether
 * the numbers are of one kind, so that their difference means something. aligned: the columns are those of either run.
 * limit: of the colours of A and of B.
 */
export interface Comparison {
  readonly a: Kept;
  readonly b: Kept;
  readonly difference: Kept;
  readonly rank: number;
  readonly paired: number;
  readonly beyond: number;
  readonly both: number;
  readonly same: boolean;
  readonly aligned: boolean;
  readonly limit: number;
}

/** Numbers travel as float32: exact methods differ by rounding, which is no difference. In the chart's unit. */
const ROUNDING = 2e-5;

export function comparison(a: Kept, b: Kept): Comparison {
  const rows = align(a.matrix.chart.outputs, b.matrix.chart.outputs);
  const columns = align(a.matrix.chart.features, b.matrix.chart.features);
  const one = spread(a, b, rows, columns, 0);
  const two = spread(b, a, rows, columns, 1);
  const values = map(one.matrix.values, two.matrix.values, (x, y) => x - y);
  const errors = map(one.matrix.errors, two.matrix.errors, errorOf);
  const answers = [a, b].map(({ matrix: { chart } }) => `${chart.target}\0${chart.against ?? ""}`);
  const chart: Chart = {
    ...one.matrix.chart,
    // Of two answers it is of neither.
    ...(answers[0] === answers[1] ? {} : { target: "", against: null }),
    label: differenceOf(a.matrix.chart.label, b.matrix.chart.label),
    adds_up: a.matrix.chart.adds_up && b.matrix.chart.adds_up,
    sampled: true,
    askable: false,
    extendable: false,
  };
  const matrix: Matrix = {
    ...one.matrix,
    chart,
    values,
    errors,
    ends: new Float32Array(one.matrix.ends.length).fill(Number.NaN),
    sequence: map(one.matrix.sequence, two.matrix.sequence, (x, y) => x - y),
    sequence_errors: map(one.matrix.sequence_errors, two.matrix.sequence_errors, errorOf),
  };
  const known = [...values.keys()].filter((at) => Number.isFinite(values[at]));
  return {
    a: one,
    b: two,
    difference: { matrix, progress: { ...a.progress, said: null } },
    rank: spearman(
      known.map((at) => one.matrix.values[at] as number),
      known.map((at) => two.matrix.values[at] as number),
    ),
    paired: columns.filter(([i, j]) => i >= 0 && j >= 0).length,
    beyond: known.filter((at) => Math.abs(values[at] as number) >= 2 * (errors[at] as number)).length,
    both: known.length,
    aligned: columns.every(([i, j]) => i === j),
    same: a.matrix.chart.unit === b.matrix.chart.unit && a.matrix.chart.explains === b.matrix.chart.explains,
    limit: niceCeil(Math.max(largest(one.matrix.values), largest(two.matrix.values))),
  };
}

/** Spearman's rank correlation; ties share their mean rank. */
export function spearman(a: readonly number[], b: readonly number[]): number {
  if (a.length < 3) return Number.NaN;
  const [x, y] = [ranks(a), ranks(b)];
  const middle = (a.length + 1) / 2;
  const product = (p: readonly number[], q: readonly number[]) =>
    p.reduce((sum, rank, at) => sum + (rank - middle) * ((q[at] as number) - middle), 0);
  return product(x, y) / Math.sqrt(product(x, x) * product(y, y));
}

function ranks(values: readonly number[]): readonly number[] {
  const order = values.map((_, at) => at).sort((i, j) => (values[i] as number) - (values[j] as number));
  const found = new Array<number>(values.length);
  for (let start = 0; start < order.length; ) {
    let end = start + 1;
    while (end < order.length && values[order[end] as number] === values[order[start] as number]) end++;
    for (let at = start; at < end; at++) found[order[at] as number] = (start + 1 + end) / 2;
    start = end;
  }
  return found;
}

function errorOf(x: number, y: number): number {
  return Math.hypot(x, y, ROUNDING);
}

function differenceOf(a: string, b: string): string {
  return a === b ? `${a}, A − B` : `${a} − ${b}`;
}

function map(a: Float32Array, b: Float32Array, make: (x: number, y: number) => number): Float32Array {
  return a.map((x, at) => make(x, b[at] as number));
}

/** One run on the rows and columns of both; NaN where it has none. `side`: which of each pair is its own. */
function spread(own: Kept, other: Kept, rows: readonly Pair[], columns: readonly Pair[], side: 0 | 1): Kept {
  const { matrix } = own;
  const take = (from: Float32Array, row: number, column: number) =>
    row < 0 || column < 0 ? Number.NaN : (from[row * matrix.features + column] as number);
  const cells = (from: Float32Array) =>
    Float32Array.from(rows.flatMap((row) => columns.map((column) => take(from, row[side], column[side]))));
  const line = (from: Float32Array) => Float32Array.from(columns, (column) => take(from, 0, column[side]));
  const ends = rows.flatMap((row) =>
    [0, 1].map((end) => (row[side] < 0 ? Number.NaN : matrix.ends[row[side] * 2 + end])),
  );
  const text = (lists: readonly [readonly string[], readonly string[]], pair: Pair) =>
    (pair[side] >= 0 ? lists[0][pair[side]] : lists[1][pair[1 - side] as number]) as string;
  const chart: Chart = {
    ...matrix.chart,
    pieces: piecesOf(own, other, columns, side),
    features: columns.map((pair) => text([matrix.chart.features, other.matrix.chart.features], pair)),
    outputs: rows.map((pair) => text([matrix.chart.outputs, other.matrix.chart.outputs], pair)),
    // Units are of the run's own lines, in their order.
    units: columns.length === matrix.features ? matrix.chart.units : null,
    output_units: rows.length === matrix.rows ? matrix.chart.output_units : null,
  };
  return {
    progress: own.progress,
    matrix: fullMatrix(chart, {
      values: cells(matrix.values),
      errors: cells(matrix.errors),
      ends: Float32Array.from(ends as number[]),
      sequence: line(matrix.sequence),
      sequence_errors: line(matrix.sequence_errors),
    }),
  };
}

/**
 * The prompt as this run had it, and behind each stretch what only the other had there. What is always present in this
 * run (locked) and a feature of the other stands there already.
 */
function piecesOf(own: Kept, other: Kept, columns: readonly Pair[], side: 0 | 1): readonly PieceText[] {
  const place = new Map(columns.map((pair, column) => [pair[side], column]));
  const lonely = columns.flatMap((pair, column) => (pair[side] < 0 ? [{ column, at: pair[1 - side] as number }] : []));
  const pieces: PieceText[] = own.matrix.chart.pieces.map((piece) => ({
    ...piece,
    feature: piece.feature === null ? null : (place.get(piece.feature) ?? null),
  }));
  for (const { column, at } of lonely) {
    const before = pieces.findLastIndex(({ feature }) => feature !== null && feature < column);
    const text = other.matrix.chart.features[at] as string;
    const next = pieces.findIndex(({ feature }, place) => place > before && feature !== null);
    const held = pieces.findIndex(
      (piece, place) => place > before && (next < 0 || place < next) && isHeld(piece, text),
    );
    const role = other.matrix.chart.pieces.find(({ feature }) => feature === at)?.role ?? "";
    if (held >= 0) pieces[held] = { ...(pieces[held] as PieceText), feature: column };
    else pieces.splice(before + 1, 0, { text, feature: column, role });
  }
  return pieces;
}

function isHeld({ text, feature }: PieceText, wanted: string): boolean {
  return feature === null && text.trim() === wanted.trim() && text.trim() !== "";
}
