import { describe, expect, test } from "vitest";
import { emptyMatrix, type Matrix, withFrame } from "../../src/data/matrix";
import { rowFigures } from "../../src/data/rows";
import { axesOf, tableOf } from "../../src/data/table";
import { createPyramid } from "../../src/draw/pyramid";
import type { Frame } from "../../src/wire/protocol";
import { makeChart, makeProgress } from "../model";

const [ROWS, COLUMNS] = [23, 17];
const number = (at: number, seed: number) => Math.sin(at * 12.9898 * seed) * (1 + (at % 7));

/** The matrix after a frame of some rows with numbers of a seed. */
function told(matrix: Matrix, first: number, rows: number, seed: number): Matrix {
  const frame: Frame = {
    kind: "frame",
    seq: seed,
    run: 1,
    chart: null,
    progress: makeProgress(1, "running"),
    first_row: first,
    rows,
  };
  const fill = (length: number) => Float32Array.from({ length }, (_, at) => number(at + first, seed));
  return withFrame(matrix, frame, {
    values: fill(rows * COLUMNS),
    errors: fill(rows * COLUMNS),
    ends: fill(rows * 2),
    sequence: fill(COLUMNS),
    sequence_errors: fill(COLUMNS),
  });
}

const names = (length: number) => Array.from({ length }, (_, at) => `w${at}`);
const start = () => emptyMatrix(makeChart(1, names(COLUMNS), names(ROWS)));
/** Frames as they come: some rows, some of them twice, all of them once. */
const FRAMES = [
  [0, 10],
  [10, 13],
  [3, 4],
  [22, 1],
  [0, ROWS],
  [5, 2],
] as const;

/** The strongest cell of each block, found the long way. */
function slowly({ values, rows, features: columns }: Matrix, block: { rows: number; columns: number }): number[] {
  const found: number[] = [];
  for (let top = 0; top < rows; top += block.rows)
    for (let left = 0; left < columns; left += block.columns) {
      let best = Number.NaN;
      for (let row = top; row < Math.min(rows, top + block.rows); row++)
        for (let column = left; column < Math.min(columns, left + block.columns); column++) {
          const value = values[row * columns + column] as number;
          if (Number.isNaN(best) || Math.abs(value) > Math.abs(best)) best = value;
        }
      found.push(best);
    }
  return found;
}

describe("what is reckoned again when some rows come", () => {
  test("sums and largest values are those of the whole matrix, after every frame", () => {
    let matrix = start();
    let figures = rowFigures(matrix, null);
    for (const [at, [first, rows]] of FRAMES.entries()) {
      matrix = told(matrix, first, rows, at + 1);
      figures = rowFigures(matrix, figures);
      for (let row = 0; row < ROWS; row++) {
        const line = [...matrix.values.slice(row * COLUMNS, (row + 1) * COLUMNS)];
        const sum = line.reduce((a, b) => a + b, 0);
        if (Number.isNaN(sum)) expect(figures.sums[row]).toBeNaN();
        else expect(figures.sums[row]).toBeCloseTo(sum, 4);
        expect(figures.largest[row]).toBe(Math.max(0, ...line.map(Math.abs).filter(Number.isFinite)));
      }
    }
  });

  test("so is the strongest cell of every block", () => {
    const block = { rows: 3, columns: 4 };
    const part = { rows: [0, 8], columns: [0, 5] } as const;
    const pyramid = createPyramid();
    let matrix = start();
    for (const [at, [first, rows]] of FRAMES.entries()) {
      matrix = told(matrix, first, rows, at + 1);
      const { index } = pyramid(tableOf(matrix, axesOf(matrix.chart)), { rows: ROWS, columns: COLUMNS }, block, part);
      expect([...index].map((cell) => matrix.values[cell])).toEqual(slowly(matrix, block));
    }
  });

  test("rows that have not come again are not looked at again", () => {
    const block = { rows: 1, columns: COLUMNS };
    const part = { rows: [0, ROWS], columns: [0, 1] } as const;
    const pyramid = createPyramid();
    let matrix = told(start(), 0, 20, 1);
    const ask = () =>
      pyramid(tableOf(matrix, axesOf(matrix.chart)), { rows: ROWS, columns: COLUMNS }, block, part).index;
    const before = [...ask()].slice(0, 20);
    const figures = rowFigures(matrix, null);
    const sums = [...figures.sums].slice(0, 20);
    // Written past the matrix, so that only a second look could see it.
    matrix.values.fill(9);
    matrix = told(matrix, 20, 3, 2);
    expect([...rowFigures(matrix, figures).sums].slice(0, 20)).toEqual(sums);
    const now = [...ask()];
    expect(now.slice(0, 20)).toEqual(before);
    expect(now.slice(20).map((cell) => matrix.values[cell])).toEqual(
      slowly(matrix, { rows: 1, columns: COLUMNS }).slice(20),
    );
  });
});
