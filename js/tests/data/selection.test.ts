import { describe, expect, test } from "vitest";
import { chooseSpan, clear, hover, NOTHING, paintedOutput, same, togglePin, within } from "../../src/data/selection";
import { grouped } from "../../src/data/sight";
import { moved } from "../../src/views/matrix/keys";

const at = (start: number, end = start + 1) => ({ start, end });
const spot = (output: number) => ({ output: at(output), feature: null });

describe("pins", () => {
  test("lettered, lifted by a second click, the fifth takes the oldest's place", () => {
    let selection = [1, 2, 3, 4].reduce((before, place) => togglePin(before, spot(place)), NOTHING);
    expect(selection.pins.map((pin) => pin.letter)).toEqual(["A", "B", "C", "D"]);
    selection = togglePin(selection, spot(2));
    expect(selection.pins.map((pin) => pin.letter)).toEqual(["A", "C", "D"]);
    selection = togglePin(togglePin(selection, spot(7)), spot(8));
    expect(selection.pins.map((pin) => [pin.letter, pin.output?.start])).toEqual([
      ["C", 3],
      ["D", 4],
      ["B", 7],
      ["A", 8],
    ]);
  });

  test("a preview shows over a pin and leaves it be", () => {
    const pinned = togglePin(NOTHING, spot(3));
    const over = hover(pinned, spot(5));
    expect(paintedOutput(over)).toEqual(at(5));
    expect(paintedOutput(hover(over, null))).toEqual(at(3));
  });
});

test("hovering the same place changes nothing", () => {
  const over = hover(NOTHING, spot(1));
  expect(hover(over, spot(1))).toBe(over);
  expect(same(null, spot(1))).toBe(false);
});

test("spans: a drag replaces, with Ctrl it adds; over a span nothing is painted but its sum", () => {
  const one = chooseSpan(togglePin(NOTHING, spot(9)), at(5, 8), false);
  expect(chooseSpan(one, at(1, 3), true).span).toEqual([at(1, 3), at(5, 8)]);
  expect(chooseSpan(one, at(1, 3), false).span).toEqual([at(1, 3)]);
  expect(chooseSpan(one, at(4, 9), true).span).toEqual([at(4, 9)]);
  expect(paintedOutput(one)).toBeNull();
});

test("groups swallow the groups they touch", () => {
  const two = grouped(grouped([], at(0, 4)), at(10, 14));
  expect(two).toHaveLength(2);
  expect(grouped(two, at(3, 11))).toEqual([at(0, 14)]);
});

test("Esc takes one thing back at a time", () => {
  let selection = togglePin(NOTHING, spot(1));
  selection = { ...chooseSpan(selection, at(2), false), brush: { output: at(0), feature: at(0) } };
  const left = () => [selection.brush !== null, selection.span.length, selection.pins.length];
  const seen = [left()];
  for (let press = 0; press < 3; press++) {
    selection = clear(selection);
    seen.push(left());
  }
  expect(seen).toEqual([
    [true, 1, 1],
    [false, 1, 1],
    [false, 0, 1],
    [false, 0, 0],
  ]);
  expect(clear(selection)).toBe(selection);
});

test("in another prompt there is nothing of the old one, and the answer's places stay; and the other way", () => {
  const [prompt, answer] = [{ output: null, feature: at(3) }, spot(2)];
  const here = within(NOTHING, { prompt: "a b", answer: "c" });
  const chosen = chooseSpan(
    [prompt, answer, { ...answer, ...prompt, output: at(1) }].reduce(togglePin, here),
    at(0),
    false,
  );
  expect(within(chosen, { prompt: "a b", answer: "c" })).toBe(chosen);
  const asked = within(chosen, { prompt: "a d", answer: "c" });
  expect(asked.pins.map(({ output, feature }) => [output, feature])).toEqual([[at(2), null]]);
  expect(asked.span).toEqual([at(0)]);
  const answered = within(chosen, { prompt: "a b", answer: "d" });
  expect(answered.pins.map(({ output, feature }) => [output, feature])).toEqual([[null, at(3)]]);
  expect(answered.span).toEqual([]);
});

test.each([
  ["ArrowRight", false, { row: 2, column: 4 }],
  ["ArrowUp", false, { row: 1, column: 3 }],
  ["Home", false, { row: 2, column: 0 }],
  ["End", true, { row: 9, column: 5 }],
  ["PageDown", false, { row: 9, column: 3 }],
  ["x", false, null],
])("key %s (Ctrl: %s) leads to %o", (key, ctrlKey, expected) => {
  expect(moved({ key, ctrlKey }, { row: 2, column: 3 }, { rows: 10, columns: 6 })).toEqual(expected);
});

test("the first key press enters at the first cell; an empty matrix has none", () => {
  expect(moved({ key: "ArrowDown", ctrlKey: false }, null, { rows: 2, columns: 2 })).toEqual({ row: 0, column: 0 });
  expect(moved({ key: "ArrowDown", ctrlKey: false }, null, { rows: 0, columns: 0 })).toBeNull();
});
