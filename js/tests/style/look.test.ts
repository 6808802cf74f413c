/** The cases that Python is tested with, too: tests/export/test_style.py. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { cellColour, coloursOn, niceCeil, type Theme } from "../../src/style/colours";
import { featureLabel, limitText, shorten, signed, tokenLabel, visible } from "../../src/style/format";

type Cases = {
  readonly labels: readonly (readonly [text: string, token: string, feature: string])[];
  readonly limits: readonly (readonly [value: number, limit: number, text: string])[];
  readonly numbers: readonly (readonly [value: number, decimals: number, text: string])[];
  readonly colours: readonly (readonly [Theme, value: number | null, error: number | null, limit: number, number[]])[];
};
const look: Cases = JSON.parse(readFileSync(new URL("../../../tests/exports/look.json", import.meta.url), "utf8"));

describe("the look that Python has", () => {
  test.each(look.labels)("label of %j", (text, token, feature) => {
    expect([tokenLabel(text), featureLabel(text)]).toEqual([token, feature]);
  });
  test.each(look.limits)("limit for %d", (value, limit, text) => {
    expect([niceCeil(value), limitText(limit)]).toEqual([limit, text]);
  });
  test.each(look.numbers)("%d with %d decimals", (value, decimals, text) => {
    expect(signed(value, decimals)).toBe(text);
  });
  test.each(look.colours)("%s: %d ± %d of %d", (theme, value, error, limit, colour) => {
    expect(cellColour(value ?? Number.NaN, error ?? Number.NaN, limit, coloursOn(theme))).toEqual(colour);
  });
});

test("whatever cannot be seen has a glyph, all over Unicode", () => {
  const seen = /[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u{110bd}\u{110cd} ]/u;
  for (let code = 0; code <= 0x10ffff; code++) {
    const char = String.fromCodePoint(code);
    if (/[\p{Cc}\p{Cf}\p{Cs}\p{Z}]/u.test(char) && !seen.test(char)) expect(visible(char)).not.toBe(char);
  }
});

test("labels are cut at characters", () => {
  expect(shorten("0123456789abcdefgh")).toBe("0123456789abcdefgh");
  expect(shorten("0123456789abcdefghi")).toBe("0123456789abcdefg…");
  expect(shorten("😀".repeat(19))).toBe(`${"😀".repeat(17)}…`);
});
