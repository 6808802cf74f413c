import { describe, expect, test } from "vitest";
import { align } from "../../src/data/align";
import { comparison, spearman } from "../../src/data/comparison";
import { fullMatrix, type Kept } from "../../src/data/matrix";
import { normal, settledTop } from "../../src/data/stability";
import { named } from "../../src/wire/decode";
import { NUMBERS } from "../../src/wire/protocol";
import { makeChart, makeProgress } from "../model";

describe("align", () => {
  test("pairs what is equal and keeps the order of both", () => {
    const [a, b] = [
      ["Dave", " is", " a", " lawyer", "."],
      ["Anna", " is", " a", " very", " good", " lawyer", "."],
    ];
    expect(align(a, b)).toEqual([
      [0, -1],
      [-1, 0],
      [1, 1],
      [2, 2],
      [-1, 3],
      [-1, 4],
      [3, 5],
      [4, 6],
    ]);
  });

  test.each([
    [[], []],
    [["x"], []],
    [
      ["a", "b", "a", "c"],
      ["a", "c", "b", "a"],
    ],
    [
      ["x", "y"],
      [" x", "y "],
    ],
  ])("every position of %j and %j comes once", (a, b) => {
    const pairs = align(a, b);
    expect(pairs.map(([i]) => i).filter((i) => i >= 0)).toEqual([...a.keys()]);
    expect(pairs.map(([, j]) => j).filter((j) => j >= 0)).toEqual([...b.keys()]);
    for (const [i, j] of pairs) if (i >= 0 && j >= 0) expect(a[i]?.trim()).toBe(b[j]?.trim());
  });
});

function kept(run: number, features: string[], outputs: string[], values: number[], error: number): Kept {
  const chart = makeChart(run, features, outputs);
  const line = (from: number[]) => Float32Array.from(from);
  const matrix = fullMatrix(
    chart,
    named(
      NUMBERS,
      [
        line(values),
        line(values.map(() => error)),
        line(outputs.flatMap(() => [-1, -2])),
        line(values.slice(0, features.length)),
        line(features.map(() => error)),
      ],
      "test",
    ),
  );
  return { matrix, progress: makeProgress(run, "finished") };
}

describe("comparison", () => {
  const a = kept(1, ["Dave", " is", " lawyer"], [" golf"], [0.5, 0.0, 2.0], 0.3);
  const b = kept(2, ["Dave", " is", " teacher"], [" golf", "."], [0.4, 1.5, -1, 0, 0, 0], 0.4);
  const both = comparison(a, b);

  test("A and B stand on the same rows and columns, NaN where one has none", () => {
    expect(both.a.matrix.chart.features).toEqual(["Dave", " is", " lawyer", " teacher"]);
    expect(both.b.matrix.chart.features).toEqual(both.a.matrix.chart.features);
    expect([...both.a.matrix.values]).toEqual([0.5, 0, 2, NaN, NaN, NaN, NaN, NaN]);
    expect([...both.b.matrix.values].map((x) => Number(x.toFixed(3)))).toEqual([0.4, 1.5, NaN, -1, 0, 0, NaN, 0]);
    expect(both.b.matrix.chart.outputs).toEqual([" golf", "."]);
    expect(both.paired).toBe(2);
  });

  test("the prompt's pieces keep their order and get the other's", () => {
    expect(both.a.matrix.chart.pieces.map(({ text, feature }) => [text, feature])).toEqual([
      ["Dave", 0],
      [" is", 1],
      [" lawyer", 2],
      [" teacher", 3],
    ]);
  });

  test("the difference carries the error of both, and says how much is beyond noise", () => {
    const { values, errors } = both.difference.matrix;
    expect(values[0]).toBeCloseTo(0.1, 6);
    expect(values[1]).toBeCloseTo(-1.5, 6);
    expect(errors[0]).toBeCloseTo(0.5, 6);
    expect([both.beyond, both.both]).toEqual([1, 2]);
    expect(both.limit).toBe(2);
  });

  test("rounding of exact numbers is no difference", () => {
    const one = kept(1, ["a", "b"], ["x"], [1, 2], 0);
    const two = kept(2, ["a", "b"], ["x"], [1 + 1e-6, 2.5], 0);
    expect(comparison(one, two).beyond).toBe(1);
  });
});

describe("spearman", () => {
  test.each([
    [[1, 2, 3, 4], [10, 20, 30, 40], 1],
    [[1, 2, 3, 4], [4, 3, 2, 1], -1],
    // scipy.stats.spearmanr([1, 2, 2, 5, 3], [2, 1, 4, 4, 3])
    [[1, 2, 2, 5, 3], [2, 1, 4, 4, 3], 0.552631578947368],
  ])("%j with %j", (a, b, expected) => expect(spearman(a, b)).toBeCloseTo(expected, 9));

  test("nothing is said of two points, or of a constant", () => {
    expect(spearman([1, 2], [1, 2])).toBeNaN();
    expect(spearman([1, 1, 1], [1, 2, 3])).toBeNaN();
  });
});

describe("stability of the top", () => {
  test("the distribution function", () => {
    expect(normal(0)).toBeCloseTo(0.5, 7);
    expect(normal(1.959964)).toBeCloseTo(0.975, 6);
    expect(normal(-3)).toBeCloseTo(0.0013499, 6);
  });

  test.each([
    [3, 2.5, 0.5, 0.5],
    [-3, 2.5, 0.3, 0.6],
    [1, 0.99, 0.1, 0.1],
  ])("of two features it is P(the larger is larger): %d, %d", (a, b, s, t) => {
    const expected = normal((Math.abs(a) - Math.abs(b)) / Math.hypot(s, t));
    expect(settledTop([a, b], [s, t], 1)).toBeCloseTo(expected, 2);
  });

  test("agrees with drawing", () => {
    const [values, errors] = [
      [2, -1.5, 1.4, 0.9, 0.2],
      [0.3, 0.3, 0.2, 0.4, 0.5],
    ];
    let seed = 1;
    const uniform = () => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return (seed + 0.5) / 2 ** 32;
    };
    const gauss = () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
    let hits = 0;
    for (let draw = 0; draw < 20_000; draw++) {
      const sizes = values.map((value, at) => Math.abs(value + (errors[at] as number) * gauss()));
      hits += Number(Math.min(...sizes.slice(0, 3)) > Math.max(...sizes.slice(3)));
    }
    expect(settledTop(values, errors, 3)).toBeCloseTo(hits / 20_000, 1.5);
  });

  test("exact numbers are settled, unknown errors say nothing", () => {
    expect(settledTop([3, 2, 1], [0, 0, 0], 1)).toBe(1);
    expect(settledTop([3, 2, 1], [Number.NaN, 1, 1], 1)).toBeNaN();
    expect(settledTop([], [], 3)).toBeNaN();
  });
});
