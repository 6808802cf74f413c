import { expect, test } from "vitest";
import { courseOf, NO_HISTORY, remember, strongestCell } from "../../src/data/history";
import { emptyMatrix } from "../../src/data/matrix";
import { pathsOf } from "../../src/views/beside/course";
import { makeChart } from "../model";

const matrixAt = (value: number, run = 1) => {
  const matrix = emptyMatrix(makeChart(run, ["a", "b"], ["x"]));
  matrix.values.set([value, -9]);
  matrix.errors.fill(1 / value);
  return matrix;
};

test("snapshots are copies, so a frame written into the same arrays changes no past", () => {
  const matrix = matrixAt(1);
  const history = remember(NO_HISTORY, matrix, 10);
  matrix.values[0] = 5;
  expect(courseOf(history, matrix, 0)).toEqual([
    { calls: 10, value: 1, error: 1 },
    { calls: 10, value: 5, error: 1 },
  ]);
});

test("a long run is thinned, evenly, and keeps its beginning", () => {
  let history = NO_HISTORY;
  for (let step = 1; step <= 1000; step++) history = remember(history, matrixAt(step), step);
  const calls = history.snapshots.map((snapshot) => snapshot.calls);
  expect(calls.length).toBeLessThanOrEqual(64);
  expect(calls.length).toBeGreaterThan(30);
  expect(calls[0]).toBe(1);
  const gaps = new Set(calls.slice(1).map((call, index) => call - (calls[index] as number)));
  expect(gaps.size).toBe(1);
});

test("a new run starts anew", () => {
  const history = remember(remember(NO_HISTORY, matrixAt(1), 10), matrixAt(2, 2), 3);
  expect(history.snapshots.map((snapshot) => snapshot.calls)).toEqual([3]);
});

test("the strongest cell, whatever its sign, and not one without a number", () => {
  const matrix = matrixAt(3);
  expect(strongestCell(matrix)).toBe(1);
  matrix.values.set([Number.NaN, 0.1]);
  expect(strongestCell(matrix)).toBe(1);
});

test("the plot: calls to the right, values upward, the band around them", () => {
  const points = [1, 2, 3, 4].map((calls) => ({ calls, value: calls === 4 ? 1 : 0, error: 0.5 }));
  const paths = pathsOf(points);
  expect(paths?.line).toBe("M0.0,14.3L40.0,14.3L80.0,14.3L120.0,7.7");
  expect(paths?.band.split("L")).toHaveLength(8);
  expect(pathsOf(points.slice(0, 2))).toBeNull();
});
