/** The numbers of one run as they stand, and how frames fill them in. */
import { type Buffers, checkLengths, DecodeError } from "../wire/decode";
import { type Chart, type Frame, NUMBERS, type Progress } from "../wire/protocol";

/** What the protocol's `Numbers` hold, read. */
export type Numbers = Buffers<typeof NUMBERS>;

/**
 * The numbers of all rows, NaN where nothing has come yet.
 *
 * A frame of some rows is written into the arrays of the one before (2,000 × 2,000 numbers can't be copied at 20 Hz);
 * the object itself is new with every frame, so identity tells that something changed. stamps: (rows), another number
 * for a row each time that it is written into these arrays.
 */
export interface Matrix extends Numbers {
  readonly chart: Chart;
  readonly rows: number;
  readonly features: number;
  readonly stamps: Uint32Array;
}

/** An ended run: its numbers and how it ended. */
export interface Kept {
  readonly matrix: Matrix;
  readonly progress: Progress;
}

export function emptyMatrix(chart: Chart): Matrix {
  const [rows, features] = [chart.outputs.length, chart.features.length];
  const blank = (length: number) => new Float32Array(length).fill(Number.NaN);
  return {
    ...sized(chart),
    values: blank(rows * features),
    errors: blank(rows * features),
    ends: blank(rows * 2),
    sequence: blank(features),
    sequence_errors: blank(features),
  };
}

/** A whole matrix from the numbers of all rows. Throws DecodeError where their lengths don't fit the chart. */
export function fullMatrix(chart: Chart, numbers: Numbers): Matrix {
  checkLengths(NUMBERS, numbers, { rows: chart.outputs.length, features: chart.features.length });
  return { ...sized(chart), ...numbers };
}

/** The matrix after a frame. `current` must be of the frame's run, unless the frame brings its own chart. */
export function withFrame(current: Matrix, frame: Frame, numbers: Numbers): Matrix {
  const { rows, features } = current;
  checkLengths(NUMBERS, numbers, { rows: frame.rows, features });
  if (frame.first_row + frame.rows > rows)
    throw new DecodeError("frame", `at most ${rows} rows`, [frame.first_row, frame.rows]);
  if (frame.rows === rows) return fullMatrix(current.chart, numbers);
  const { values, errors, ends, ...whole } = numbers;
  current.values.set(values, frame.first_row * features);
  current.errors.set(errors, frame.first_row * features);
  current.ends.set(ends, frame.first_row * 2);
  for (let row = frame.first_row; row < frame.first_row + frame.rows; row++)
    current.stamps[row] = (current.stamps[row] as number) + 1;
  return { ...current, ...whole };
}

function sized(chart: Chart): Pick<Matrix, "chart" | "rows" | "features" | "stamps"> {
  const rows = chart.outputs.length;
  return { chart, rows, features: chart.features.length, stamps: new Uint32Array(rows) };
}
