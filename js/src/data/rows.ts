/**
 * Sum and largest |value| of every row, reckoned again only for rows that have changed: a large matrix comes a few rows
 * at a time.
 */

import { largest } from "../style/colours";
import type { Matrix } from "./matrix";

/** What of a matrix says which of its rows are new: see `Matrix.stamps`. */
export type Stamped = Pick<Matrix, "values" | "stamps">;

/** Per row of the matrix: its sum, and its largest |value| that is finite (0 where there is none). */
export interface RowFigures extends Stamped {
  readonly sums: Float32Array;
  readonly largest: Float32Array;
}

/** Stands for the numbers as they are now, whatever is written into them later. */
export function stampOf({ values, stamps }: Stamped): Stamped {
  return { values, stamps: stamps.slice() };
}

/** Whether a row has been written since. */
export function hasChanged(before: Stamped | null, now: Stamped, row: number): boolean {
  return before?.values !== now.values || before.stamps[row] !== now.stamps[row];
}

/** The figures now; where numbers were written into the same arrays, into those of the figures before. */
export function rowFigures(matrix: Matrix, before: RowFigures | null): RowFigures {
  const { rows, features, values } = matrix;
  const kept = before?.values === values ? before : null;
  const sums = kept?.sums ?? new Float32Array(rows);
  const sizes = kept?.largest ?? new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    if (!hasChanged(kept, matrix, row)) continue;
    const part = values.subarray(row * features, (row + 1) * features);
    sums[row] = sumOf(part);
    sizes[row] = largest(part);
  }
  return { ...stampOf(matrix), sums, largest: sizes };
}

/** Sum of a row: what the model's score gained from the prompt, where the method adds up. */
function sumOf(values: Float32Array): number {
  let sum = 0;
  for (let at = 0; at < values.length; at++) sum += values[at] as number;
  return sum;
}
