import { describe, expect, test } from "vitest";
import { pathsOf } from "../../src/views/beside/course";
import { answersOf, apart } from "../../src/views/panel/contrast";
import { wordsInSight } from "../../src/views/panel/sight";

describe("a contrast", () => {
  const outputs = [" surfing", ",", " golf", " and", " cooking"];

  test("ends where the two answers part: what comes after would follow other words", () => {
    expect(answersOf({ outputs }, [2, 3], "hiking")).toEqual([" surfing, golf", " surfing, hiking"]);
  });

  test("of a span and of the whole answer, with the space the first one begins with", () => {
    expect(answersOf({ outputs }, [2, 5], " chess ")).toEqual([" surfing, golf and cooking", " surfing, chess"]);
    expect(answersOf({ outputs }, [0, 5], "tennis")).toEqual([outputs.join(""), " tennis"]);
  });
});

describe("two answers apart", () => {
  test.each([
    [" playing golf", " playing hiking", ["golf", "hiking"]],
    [" golf", " hiking", ["golf", "hiking"]],
    [" golf and", " golf", ["golf and", "golf"]],
    [" golf", " golf", [" golf", " golf"]],
    [" a b c", " a x c", ["b c", "x c"]],
    ["打高尔夫", "打网球", ["打高尔夫", "打网球"]],
  ])("%s and %s: %j", (one, other, found) => expect(apart(one, other)).toEqual(found));
});

describe("the course in the strip", () => {
  const points = Array.from({ length: 12 }, (_, at) => ({ calls: at * 10, value: at < 2 ? 50 : 1, error: 0.1 }));
  const heights = (path: string) => [...path.matchAll(/,(-?[\d.]+)/g)].map(([, y]) => Number(y));

  test("stays inside its plot, whatever the first guesses were", () => {
    const { line, band } = pathsOf(points) as { line: string; band: string };
    for (const y of [...heights(line), ...heights(band)]) {
      expect(y).toBeGreaterThanOrEqual(1);
      expect(y).toBeLessThanOrEqual(21);
    }
    expect(heights(line)[0]).toBe(1);
    expect(heights(line).at(-1)).toBe(11);
  });
});

describe("words in sight", () => {
  const at = (top: number, height = 20) => ({ getBoundingClientRect: () => ({ top, bottom: top + height, height }) });
  const box = at(0, 100) as unknown as Element;
  const words = (tops: readonly number[], height = 20) =>
    tops.map((top) => ({ span: at(top, height) as unknown as Element }));

  test("are those within a screen of the box, and few others", () => {
    const tops = Array.from({ length: 2000 }, (_, word) => word - 1000);
    const [first, end] = wordsInSight(box, words(tops));
    expect(tops[first]).toBeLessThanOrEqual(-100);
    expect(tops[end - 1]).toBeGreaterThanOrEqual(199);
    expect(end - first).toBeLessThan(400);
  });

  test("are all of them where nothing has a place", () => {
    expect(wordsInSight(box, words(new Array(100).fill(0), 0))).toEqual([0, 100]);
  });
});
