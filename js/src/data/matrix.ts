/** The numbers of one run as they stand, and how frames fill them in. */
import { DecodeError } from "../wire/decode";
import type { Chart, Frame, Progress } from "../wire/protocol";

/**
 * values, errors: (rows, columns), row-major, in the unit of the chart; ends: (rows, 2), v(all) and v(none);
 * sequence, sequenceErrors: (columns). NaN where nothing has come yet.
 *
 * A frame of some rows is written into the arrays of the one before (2,000 × 2,000 numbers can't be copied at 20 Hz);
 * the object itself is new with every frame, so identity tells that something changed. stamps: (rows), another number
 * for a row each time that it is written into these arrays.
 */
export interface Matrix {
  readonly chart: Chart;
  readonly rows: number;
  readonly columns: number;
  readonly stamps: Uint32Array;
  readonly values: Float32Array;
  readonly errors: Float32Array;
  readonly ends: Float32Array;
  readonly sequence: Float32Array;
  readonly sequenceErrors: Float32Array;
}

/** An ended run: its numbers and how it ended. */
export interface Kept {
  readonly matrix: Matrix;
  readonly progress: Progress;
}

/** The five buffers of a frame or of the traits, in the protocol's order. */
export type Buffers = readonly [Float32Array, Float32Array, Float32Array, Float32Array, Float32Array];

export function emptyMatrix(chart: Chart): Matrix {
  const [rows, columns] = [chart.outputs.length, chart.features.length];
  const blank = (length: number) => new Float32Array(length).fill(Number.NaN);
  return {
    chart,
    rows,
    columns,
    stamps: new Uint32Array(rows),
    values: blank(rows * columns),
    errors: blank(rows * columns),
    ends: blank(rows * 2),
    sequence: blank(columns),
    sequenceErrors: blank(columns),
  };
}

/** A whole matrix from buffers of all rows. Throws DecodeError where their lengths don't fit the chart. */
export function fullMatrix(chart: Chart, buffers: Buffers): Matrix {
  const [rows, columns] = [chart.outputs.length, chart.features.length];
  checkLengths(buffers, rows, columns);
  const [values, errors, ends, sequence, sequenceErrors] = buffers;
  return { chart, rows, columns, stamps: new Uint32Array(rows), values, errors, ends, sequence, sequenceErrors };
}

/** The matrix after a frame. `current` must be of the frame's run, unless the frame brings its own chart. */
export function withFrame(current: Matrix, frame: Frame, buffers: Buffers): Matrix {
  const { rows, columns } = current;
  checkLengths(buffers, frame.rows, columns);
  if (frame.first_row + frame.rows > rows)
    throw new DecodeError("frame", `at most ${rows} rows`, [frame.first_row, frame.rows]);
  const [values, errors, ends, sequence, sequenceErrors] = buffers;
  if (frame.rows === rows) return fullMatrix(current.chart, buffers);
  current.values.set(values, frame.first_row * columns);
  current.errors.set(errors, frame.first_row * columns);
  current.ends.set(ends, frame.first_row * 2);
  for (let row = frame.first_row; row < frame.first_row + frame.rows; row++)
    current.stamps[row] = (current.stamps[row] as number) + 1;
  return { ...current, sequence, sequenceErrors };
}

function checkLengths(buffers: Buffers, rows: number, columns: number): void {
  const expected = [rows * columns, rows * columns, rows * 2, columns, columns];
  buffers.forEach((buffer, index) => {
    if (buffer.length !== expected[index])
      throw new DecodeError(`buffer ${index}`, `${expected[index]} numbers`, buffer.length);
  });
}
