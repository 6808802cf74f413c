import { describe, expect, test } from "vitest";
import { emptyMatrix } from "../../src/data/matrix";
import { shownFrom } from "../../src/data/shown";
import { grouped } from "../../src/data/sight";
import type { Range } from "../../src/data/sources";
import { axesOf, tableOf } from "../../src/data/table";
import { milestoneOf } from "../../src/views/around/milestones";
import { matchesOf } from "../../src/views/panel/custom";
import { strongestWords } from "../../src/views/panel/panel";
import { makeChart, makeProgress } from "../model";

const WORDS = ["Dave", " lives", " in", " Palm", " Coast"];

function matrix() {
  const made = emptyMatrix(makeChart(1, WORDS, [" golf"]));
  made.values.set([1, -1, 0.5, 0.05, 2]);
  made.errors.fill(0.1);
  made.sequence.set(made.values);
  return made;
}

describe("in words", () => {
  test("what speaks most for and against; nothing small, nothing that could be noise", () => {
    const table = tableOf(matrix(), axesOf(matrix().chart));
    const paint = { values: [1, -1, 0.5, 0.05, 2], errors: [0.1, 0.1, 0.4, 0, 0.1], limit: 2 };
    const words = strongestWords(table, paint).map(({ word, value }) => [word, value]);
    expect(words).toEqual([
      ["Coast", 2],
      ["Dave", 1],
      ["lives", -1],
    ]);
  });

  test("milestones: begun, half done, the end with the strongest cell", () => {
    const look = { level: "word", groups: [], hidden: [], span: [], scale: "whole", streaming: false } as const;
    const shown = shownFrom(null, matrix(), look);
    const told = (phase: "running" | "finished", calls: number) =>
      milestoneOf({ shown, phase, progress: makeProgress(1, phase, { calls, planned: 400 }) });
    expect(told("running", 10)).toBe("The run began.");
    expect(told("running", 200)).toBe("Half of the calls are done.");
    expect(told("finished", 1400)).toBe("Finished after 1,400 calls. Largest: Coast → golf, +2.00 nats.");
  });
});

describe("groups by pattern", () => {
  test("matches are ranges of the text; empty ones are left out; a bad pattern is told", () => {
    expect(matchesOf("Dave lives in Palm Coast", "Palm Coast|x*")).toEqual([{ start: 14, end: 24 }]);
    expect(matchesOf("👩‍🚀 a a", "a")).toEqual([
      { start: 6, end: 7 },
      { start: 8, end: 9 },
    ]);
    expect(matchesOf("a", "(")).toContain("Invalid regular expression");
  });

  test("every match becomes one column", () => {
    const found = matchesOf("Dave lives in Palm Coast", "Dave lives|Palm Coast") as readonly Range[];
    const groups = found.reduce(grouped, [] as readonly Range[]);
    const look = { level: "word", groups, hidden: [], span: [], scale: "whole", streaming: false } as const;
    const { table } = shownFrom(null, matrix(), look);
    expect(table.columns.map(({ text }) => text)).toEqual(["Dave lives", " in", " Palm Coast"]);
    expect([...table.values].map((value) => value.toFixed(2))).toEqual(["0.00", "0.50", "2.05"]);
  });

  test("cells beyond a robust scale are counted", () => {
    const large = emptyMatrix(
      makeChart(
        1,
        Array.from({ length: 100 }, (_, at) => ` ${at}`),
        ["."],
      ),
    );
    large.values.fill(1);
    large.values[7] = 50;
    const look = { level: "word", groups: [], hidden: [], span: [], scale: "robust", streaming: false } as const;
    expect(shownFrom(null, large, look).clipped).toBe(1);
    expect(shownFrom(null, large, { ...look, scale: "whole" }).clipped).toBe(0);
  });
});
