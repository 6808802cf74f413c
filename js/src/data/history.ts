/** How the numbers came to be what they are: snapshots of the matrix over a run, thinned as it goes on. */
import type { Matrix } from "./matrix";

export interface Snapshot {
  readonly calls: number;
  readonly values: Float32Array;
  readonly errors: Float32Array;
}

export interface History {
  readonly run: number;
  /** Only every `stride`-th frame is kept; `seen` counts them all. */
  readonly stride: number;
  readonly seen: number;
  readonly snapshots: readonly Snapshot[];
}

/** Larger matrices keep no history: their snapshots would cost more memory than a plot is worth. */
const MOST_CELLS = 20_000;
const MOST_SNAPSHOTS = 64;

export const NO_HISTORY: History = { run: -1, stride: 1, seen: 0, snapshots: [] };

/** The history after one more frame; a new run starts a new one. */
export function remember(before: History, matrix: Matrix, calls: number): History {
  const history = before.run === matrix.chart.run ? before : { ...NO_HISTORY, run: matrix.chart.run };
  if (matrix.values.length > MOST_CELLS || matrix.values.length === 0) return history;
  const seen = history.seen + 1;
  if (history.seen % history.stride !== 0) return { ...history, seen };
  // Copies: frames of some rows are written into the arrays of the matrix.
  const snapshots = [...history.snapshots, { calls, values: matrix.values.slice(), errors: matrix.errors.slice() }];
  if (snapshots.length <= MOST_SNAPSHOTS) return { ...history, seen, snapshots };
  return { ...history, seen, stride: history.stride * 2, snapshots: snapshots.filter((_, index) => index % 2 === 0) };
}

/** One cell over the run; it ends with its value now. */
export function courseOf(
  { snapshots }: History,
  matrix: Matrix,
  cell: number,
): readonly { value: number; error: number; calls: number }[] {
  const past = snapshots.map(({ calls, values, errors }) => ({
    calls,
    value: values[cell] as number,
    error: errors[cell] as number,
  }));
  const calls = past.at(-1)?.calls ?? 0;
  const now = { calls, value: matrix.values[cell] as number, error: matrix.errors[cell] as number };
  return [...past.filter(({ value }) => Number.isFinite(value)), now];
}

/** Index of the cell of largest |value|. */
export function strongestCell({ values }: Matrix): number {
  let [found, most] = [0, -1];
  for (let index = 0; index < values.length; index++) {
    const size = Math.abs(values[index] as number);
    if (size > most) [found, most] = [index, size];
  }
  return found;
}
