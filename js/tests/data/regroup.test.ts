import { describe, expect, test } from "vitest";
import { fullMatrix, type Matrix } from "../../src/data/matrix";
import { addBox } from "../../src/data/regroup";
import { type Look, sameShown, shownFrom } from "../../src/data/shown";
import { isWhole, lineAt } from "../../src/data/table";
import { membersOf, offers, unitsAt } from "../../src/data/units";
import { toCsv, toJson } from "../../src/export/tables";
import { noticeOf } from "../../src/views/around/notice";
import { largestCells } from "../../src/views/matrix/list";
import { named } from "../../src/wire/decode";
import { NUMBERS } from "../../src/wire/protocol";
import { EMPTY, makeChart, makeProgress } from "../model";

const words = ["Dave", " lives", " here", ".", " He", " golfs", ".\n", "Why", "?"];
const tokens = [" a", " b", " c"];
/** As the kernel sends them. */
const units = [
  { level: "phrase", of: [0, 0, 0, 0, 1, 1, 1, 2, 2] },
  { level: "sentence", of: [0, 0, 0, 0, 1, 1, 1, 2, 2] },
  { level: "paragraph", of: [0, 0, 0, 0, 0, 0, 0, 1, 1] },
] as const;

function matrixOf(features = words, outputs = tokens, patch = {}): Matrix {
  const chart = { ...makeChart(1, features, outputs), units: features === words ? units : null, ...patch };
  const [rows, columns] = [outputs.length, features.length];
  const values = Float32Array.from({ length: rows * columns }, (_, at) => Math.fround(Math.sin(at * 7.3)));
  const errors = Float32Array.from(values, (_, at) => 0.01 * (at + 1));
  const total = Float32Array.from(features, (_, c) =>
    outputs.reduce((sum, _o, r) => sum + (values[r * columns + c] as number), 0),
  );
  return fullMatrix(
    chart,
    named(NUMBERS, [values, errors, new Float32Array(rows * 2), total, new Float32Array(columns).fill(0.1)], "test"),
  );
}

const look = (patch: Partial<Look> = {}): Look => ({
  level: "word",
  groups: [],
  hidden: [],
  span: [],
  scale: "whole",
  streaming: false,
  ...patch,
});

describe("units", () => {
  const chart = { ...makeChart(1, words, tokens), units };

  test("a level is offered where it is the run's own, or the kernel sent its units", () => {
    const names = ["token", "word", "phrase", "sentence", "paragraph"] as const;
    expect(names.filter((level) => offers(chart, level))).toEqual(["word", "phrase", "sentence", "paragraph"]);
    expect(names.filter((level) => offers({ ...chart, units: null }, level))).toEqual(["word"]);
  });

  test("members of a unit need not be neighbours, and are in order", () => {
    expect(membersOf([1, 0, 1, 2])).toEqual([[1], [0, 2], [3]]);
    expect(unitsAt(units, "word")).toBeNull();
  });
});

describe("regrouping", () => {
  test("a group's value is the sum of its members', its error at most the sum of theirs; rows still add up", () => {
    const matrix = matrixOf();
    const { table, figures } = shownFrom(null, matrix, look({ level: "sentence" }));
    expect(table.columns.map((line) => line.text)).toEqual(["Dave lives here.", " He golfs.\n", "Why?"]);
    const by = (row: number, from: number, to: number, numbers: Float32Array) =>
      Array.from(numbers.subarray(row * 9 + from, row * 9 + to)).reduce((a, b) => a + b, 0);
    for (let row = 0; row < 3; row++) {
      expect(table.values[row * 3]).toBeCloseTo(by(row, 0, 4, matrix.values), 5);
      expect(table.values[row * 3 + 1]).toBeCloseTo(by(row, 4, 7, matrix.values), 5);
      expect(table.errors[row * 3 + 2]).toBeCloseTo(by(row, 7, 9, matrix.errors), 5);
      expect(figures.sums[row]).toBeCloseTo(by(row, 0, 9, matrix.values), 5);
    }
    expect(table.added).toBe(true);
  });

  test("every level comes from the kernel, and none without it", () => {
    const texts = (level: Look["level"], patch = {}) =>
      shownFrom(null, matrixOf(words, tokens, patch), look({ level })).table.columns.map((line) => line.text);
    expect(texts("phrase")).toEqual(["Dave lives here.", " He golfs.\n", "Why?"]);
    expect(texts("paragraph")).toEqual(["Dave lives here. He golfs.\n", "Why?"]);
    expect(texts("token")).toEqual(words);
    expect(texts("paragraph", { units: null })).toEqual(words);
    expect(texts("sentence", { units: [{ level: "sentence", of: [0, 0, 0, 0, 0, 0, 0, 0, 0] }] })).toEqual([
      words.join(""),
    ]);
  });

  test("groups of the user's own swallow what they touch and leave the rest", () => {
    const groups = [{ start: 0, end: 10 }];
    const { table } = shownFrom(null, matrixOf(), look({ groups }));
    expect(table.columns.map((line) => line.text)).toEqual(["Dave lives", ...words.slice(2)]);
  });

  test("a method that doesn't add up is never added up", () => {
    const { table } = shownFrom(null, matrixOf(words, tokens, { adds_up: false }), look({ level: "sentence" }));
    expect(table.added).toBe(false);
    expect(table.columns).toHaveLength(9);
  });

  test("the same place is found before and after", () => {
    const whole = shownFrom(null, matrixOf(), look());
    const place = whole.table.columns[5]?.ranges[0] ?? null;
    const grouped = shownFrom(whole, whole.matrix, look({ level: "sentence" }));
    expect(lineAt(whole.table.columns, place)).toBe(5);
    expect(lineAt(grouped.table.columns, place)).toBe(1);
  });

  test("tokens of no characters keep their own place", () => {
    const { table } = shownFrom(null, matrixOf(["a", "", "b"], ["", "", "x"]), look());
    table.rows.forEach((line, row) => void expect(lineAt(table.rows, line.ranges[0] ?? null)).toBe(row));
    table.columns.forEach((line, column) => void expect(lineAt(table.columns, line.ranges[0] ?? null)).toBe(column));
  });
});

describe("spans", () => {
  const span = [
    { start: 2, end: 4 },
    { start: 4, end: 6 },
  ];

  test("a span's total is the sum of its rows; its error the sum of theirs", () => {
    const matrix = matrixOf();
    const { table, spanned } = shownFrom(null, matrix, look({ span }));
    expect([...spanned]).toEqual([1, 2]);
    for (let column = 0; column < 9; column++) {
      expect(table.sequence[column]).toBeCloseTo(
        (matrix.values[9 + column] as number) + (matrix.values[18 + column] as number),
        5,
      );
      expect(table.sequence_errors[column]).toBeCloseTo(
        (matrix.errors[9 + column] as number) + (matrix.errors[18 + column] as number),
        5,
      );
    }
  });

  test("a span over everything is the whole answer, with the run's own errors", () => {
    const { table } = shownFrom(null, matrixOf(), look({ span: [{ start: 0, end: 6 }] }));
    expect(table.sequence_errors[0]).toBeCloseTo(0.1, 6);
  });

  test("probabilities of tokens are not added up", () => {
    const { spanned } = shownFrom(null, matrixOf(words, tokens, { explains: "prob" }), look({ span }));
    expect(spanned.size).toBe(0);
  });
});

describe("scale", () => {
  test("by row every row has its own limit", () => {
    const matrix = matrixOf(["a", "b"], [" x", " y"]);
    matrix.values.set([0.1, -0.2, 3, 1]);
    const { limits } = shownFrom(null, matrix, look({ scale: "row" }));
    expect(limits(0)).toBeCloseTo(0.2, 6);
    expect(limits(1)).toBe(3);
  });

  test("the same state makes no new picture", () => {
    const state = look();
    const picture = shownFrom(null, matrixOf(), state);
    expect(sameShown(picture, picture.matrix, { ...state })).toBe(true);
    expect(sameShown(picture, picture.matrix, { ...state, scale: "robust" })).toBe(false);
  });
});

test("a brushed rectangle adds up its cells", () => {
  const matrix = matrixOf(["a", "b", "c"], [" x", " y"]);
  matrix.values.set([1, 2, -3, 4, 5, -6]);
  matrix.errors.fill(0.5);
  const { table } = shownFrom(null, matrix, look());
  const box = addBox(table, [
    { row: 0, column: 1 },
    { row: 1, column: 2 },
  ]);
  expect(box).toEqual({ value: -2, error: 2, share: 16 / 21 });
});

test("the largest cells, largest first, without what is no number", () => {
  const matrix = matrixOf(
    Array.from({ length: 40 }, (_, at) => `w${at} `),
    Array.from({ length: 30 }, () => " t"),
  );
  matrix.values[77] = Number.NaN;
  const { table } = shownFrom(null, matrix, look());
  const expected = [...matrix.values]
    .filter((value) => !Number.isNaN(value))
    .map(Math.abs)
    .sort((a, b) => b - a)
    .slice(0, 20);
  expect(largestCells(table, 20).map((entry) => Math.abs(entry.value))).toEqual(expected);
});

describe("notice", () => {
  const chart = makeChart(1, words, tokens);
  const at = (patch = {}, more = {}) =>
    noticeOf({
      chart,
      settings: { ...chart.settings, ...patch },
      choices: EMPTY.choices,
      added: false,
      busy: false,
      ...more,
    });

  test("nothing to say about what was run as asked, or while running", () => {
    expect(at()).toBeNull();
    expect(at({ method: "lime" }, { busy: true })).toBeNull();
  });
  test("added up, not addable, not splittable, other settings", () => {
    expect(at({ granularity: "sentence" }, { added: true })).toMatchObject({ rerun: "Recompute by sentence" });
    expect(at({ granularity: "sentence" }, { added: true })?.text).toContain(
      "sum of its words’ Shapley values. Errors are upper bounds.",
    );
    const chartWith = (patch = {}) => ({ chart: { ...chart, ...patch } });
    expect(at({ granularity: "sentence" }, chartWith({ adds_up: false }))?.text).toContain("don’t add up");
    expect(at({ granularity: "sentence" }, chartWith({ units }))?.text).toBe("Every sentence is one word here.");
    expect(at({ granularity: "sentence" })?.text).toContain("was not saved");
    expect(at({ granularity: "token" })?.text).toContain("can’t be split");
    expect(at({ method: "lime" })?.rerun).toBe("Run with LIME");
  });
});

describe("export", () => {
  test("CSV gives every float32 back exactly, and quotes what needs it", () => {
    const matrix = matrixOf(['say "hi"', " b,c", "d\n"], [" x"]);
    matrix.values.set([0.1, Number.NaN, Number.NEGATIVE_INFINITY]);
    const csv = toCsv(shownFrom(null, matrix, look()).table);
    expect(csv.split("\r\n")[0]).toBe("output,output_text,feature,feature_text,value,standard_error");
    expect(csv).toContain('0," x",0,"say ""hi""",0.1,');
    expect(csv).toContain('0," x",1," b,c",nan,');
    expect(csv).toContain('0," x",2,"d\n",-inf,');
    const random = matrixOf();
    const numbers = toCsv(shownFrom(null, random, look()).table)
      .trim()
      .split("\r\n")
      .slice(1)
      .map((line) => Math.fround(Number(line.split(",").at(-1))));
    expect(numbers).toEqual([...random.errors]);
  });

  test("JSON is what is shown", () => {
    const matrix = matrixOf();
    const read = JSON.parse(
      toJson(shownFrom(null, matrix, look({ level: "sentence" })).table, makeProgress(1, "finished")),
    );
    expect(read).toMatchObject({
      label: "Shapley value",
      unit: "nats",
      added_up: true,
      features: ["Dave lives here.", " He golfs.\n", "Why?"],
    });
    expect(read.values).toHaveLength(3);
    expect(read.values[0]).toHaveLength(3);
    expect(read.calls).toBe(100);
  });
});

describe("left out of the view", () => {
  test("columns go, numbers and sums stay, and the scale is that of what is left", () => {
    const matrix = matrixOf();
    const whole = shownFrom(null, matrix, look());
    const second = whole.table.columns[1]?.ranges ?? [];
    const picture = shownFrom(whole, matrix, look({ hidden: second }));
    const count = whole.table.columns.length;
    expect(picture.table.columns).toHaveLength(count - 1);
    expect(picture.hidden).toBe(1);
    expect(picture.figures.sums).toEqual(whole.figures.sums);
    expect(picture.table.added).toBe(false);
    const first = [...whole.table.values.subarray(0, count)].filter((_, column) => column !== 1);
    expect([...picture.table.values.subarray(0, count - 1)]).toEqual(first);
    expect(picture.prompt.filter(({ line }) => line < 0)).toHaveLength(1);
    expect(isWhole(picture.table)).toBe(false);
    expect(isWhole(whole.table)).toBe(true);
  });

  test("something is always left", () => {
    const whole = shownFrom(null, matrixOf(), look());
    const everything = whole.table.columns.flatMap(({ ranges }) => ranges);
    expect(shownFrom(null, matrixOf(), look({ hidden: everything })).hidden).toBe(0);
  });
});
