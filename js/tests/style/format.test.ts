import { describe, expect, test } from "vitest";
import {
  count,
  decimalsFor,
  decimalsOf,
  duration,
  featureLabel,
  percent,
  plain,
  probability,
  rate,
  shorten,
  signed,
  tokenLabel,
  visible,
} from "../../src/style/format";

test.each([
  [1.946, 2, "+1.95"],
  [-0.3, 2, "−0.30"],
  [0, 2, "0.00"],
  [-0.001, 2, "0.00"],
  [Number.NaN, 2, "–"],
  [Number.NEGATIVE_INFINITY, 2, "−∞"],
])("signed(%d, %d) = %s", (value, decimals, expected) => expect(signed(value, decimals)).toBe(expected));

test.each([
  [2, 2],
  [0.05, 4],
  [30, 1],
  [500, 0],
  [0, 2],
  [1e-30, 8],
])("decimalsFor(%d) = %d", (limit, expected) => expect(decimalsFor(limit)).toBe(expected));

test.each([
  [0.99, "0.99"],
  [0.13, "0.13"],
  [0.0042, "0.0042"],
  [0.9997, "> 0.999"],
  [0.997, "0.997"],
  [1, "1.00"],
  [0, "0.00"],
  [1e-6, "< 0.0001"],
  [Number.NaN, "–"],
])("probability(%d) = %s", (p, expected) => expect(probability(p)).toBe(expected));

test.each([
  [1.946, 0.079, 2],
  [9.7, 0.2, 2],
  [0.012, 0.0021, 3],
  [0.0123, 0, 4],
  [3, Number.NaN, 2],
  [1e-12, 0, 6],
])("decimalsOf(%d, %d) = %d", (value, error, expected) => expect(decimalsOf(value, error)).toBe(expected));

test("counts, shares, times, rates", () => {
  expect([count(1110), count(999), count(1234567)]).toEqual(["1,110", "999", "1,234,567"]);
  expect([percent(0.98), percent(0.001), percent(0), percent(Number.NaN)]).toEqual(["98 %", "< 1 %", "0 %", "–"]);
  expect([duration(0.8), duration(9.96), duration(119), duration(185)]).toEqual([
    "0.8 s",
    "10 s",
    "119 s",
    "3 min 05 s",
  ]);
  expect([rate(842.4), rate(3.21)]).toEqual(["842/s", "3.2/s"]);
  expect([plain(0.09, 2), plain(-1, 1)]).toEqual(["0.09", "−1.0"]);
});

describe("labels never look empty", () => {
  test.each([
    [" golf", "␣golf"],
    ["", "∅"],
    ["\n", "⏎"],
    ["  ", "␣␣"],
    ["\t", "⇥"],
    ["\u0000", "␀"],
    ["a b", "a b"],
  ])("token %j → %s", (text, expected) => expect(tokenLabel(text)).toBe(expected));
  test.each([
    [" lawyer", "lawyer"],
    [" ", "␣"],
    ["\n\n", "⏎⏎"],
    [" a\nb ", "a⏎b"],
  ])("feature %j → %s", (text, expected) => expect(featureLabel(text)).toBe(expected));
  test("control characters have their own pictures", () => expect(visible("\u001b\u007f")).toBe("␛␡"));
});

test("shorten never cuts through a character", () => {
  expect(shorten("👩‍🚀😀😀😀", 3)).not.toContain("\ufffd");
  expect(shorten("😀😀😀", 2)).toBe("😀…");
  expect(shorten("golf", 4)).toBe("golf");
});
