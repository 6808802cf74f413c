import { describe, expect, test } from "vitest";
import {
  cellColour,
  coloursOn,
  colourTable,
  inkOn,
  largest,
  limitFor,
  luminance,
  niceCeil,
  type Rgb,
  ramp,
  robustLargest,
  STEPS,
  tableIndex,
  uncertain,
  worthWriting,
} from "../../src/style/colours";

const light = coloursOn("light");
const dark = coloursOn("dark");

describe("ramp", () => {
  test("zero is the neutral middle, the ends are full blue and orange", () => {
    expect(ramp(light, 0)).toEqual(light.none);
    expect(ramp(light, 1)).toEqual([214, 96, 20]);
    expect(ramp(light, -1)).toEqual([44, 98, 190]);
    expect(ramp(dark, 1)).toEqual([240, 138, 60]);
  });

  test("clips beyond the limit", () => {
    expect(ramp(light, 7)).toEqual(ramp(light, 1));
    expect(ramp(light, Number.NEGATIVE_INFINITY)).toEqual(ramp(light, -1));
  });

  test("gets further from the middle with every step, on both sides", () => {
    const far = (t: number) => Math.hypot(...ramp(light, t).map((part, index) => part - (light.none[index] as number)));
    for (const sign of [-1, 1])
      for (let t = 0.1; t <= 1; t += 0.1) expect(far(sign * t)).toBeGreaterThan(far(sign * (t - 0.1)));
  });

  test("both signs stay apart for people who see no red or no green", () => {
    // Deuteranopia and protanopia keep the blue-yellow axis: blue minus the mean of red and green.
    const axis = ([r, g, b]: Rgb) => b - (r + g) / 2;
    for (const colours of [light, dark])
      for (const t of [0.3, 0.6, 1]) expect(axis(ramp(colours, -t)) - axis(ramp(colours, t))).toBeGreaterThan(50);
  });
});

test("text stands out at 4.5 to 1 or more on every colour of both scales", () => {
  const parse = (hex: string) => [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)) as unknown as Rgb;
  for (const colours of [light, dark])
    for (let t = -1; t <= 1; t += 0.01) {
      const back = luminance(ramp(colours, t));
      const ink = luminance(parse(inkOn(ramp(colours, t))));
      expect((Math.max(back, ink) + 0.05) / (Math.min(back, ink) + 0.05)).toBeGreaterThanOrEqual(4.5);
    }
});

test("the table holds the colours of the ramp, faded ones after them", () => {
  const table = colourTable(light);
  const bytes = (word: number) => [word & 255, (word >> 8) & 255, (word >> 16) & 255, word >>> 24];
  for (const [value, error] of [
    [2, 0.1],
    [-2, 0.1],
    [0, 0],
    [1, 0.9],
    [Number.NaN, 0],
  ] as const) {
    const expected = cellColour(value, error, 2, light);
    const found = bytes(table[tableIndex(value, error, 2)] as number);
    expect(found[3]).toBe(255);
    for (const channel of [0, 1, 2] as const)
      expect(Math.abs((found[channel] as number) - expected[channel])).toBeLessThanOrEqual(1);
  }
  expect(tableIndex(Number.POSITIVE_INFINITY, 0, 2)).toBe(STEPS - 1);
  expect(tableIndex(Number.NEGATIVE_INFINITY, 0, 2)).toBe(0);
});

test("uncertain: within two standard errors of zero; exact values never are", () => {
  expect(uncertain(0.19, 0.1)).toBe(true);
  expect(uncertain(-0.21, 0.1)).toBe(false);
  expect(uncertain(0, 0)).toBe(false);
});

test("a value whose error is not known is not certain, however large it is", () => {
  expect(uncertain(0.1, Number.NaN)).toBe(true);
  expect(uncertain(-8, Number.NaN)).toBe(true);
  expect(worthWriting(-8, Number.NaN, 8)).toBe(false);
  expect(tableIndex(8, Number.NaN, 8)).toBe(2 * STEPS - 1);
  expect(tableIndex(Number.NaN, Number.NaN, 8)).toBe(2 * STEPS);
});

describe("limit", () => {
  const values = (...numbers: number[]) => Float32Array.from(numbers);

  test.each([
    [1.95, 2],
    [0.013, 0.015],
    [7.2, 8],
    [100, 100],
    [1.2, 1.2],
    [9.9, 10],
    [0, 1],
    [Number.NaN, 1],
  ])("niceCeil(%d) = %d", (value, expected) => expect(niceCeil(value)).toBe(expected));

  test("largest ignores what is not finite", () => {
    expect(largest(values(1, -3, Number.NaN, Number.POSITIVE_INFINITY))).toBe(3);
    expect(largest(values(Number.NaN))).toBe(0);
  });

  test("robust: 2 % of outliers don't count", () => {
    const many = Float32Array.from({ length: 100 }, (_, index) => (index < 98 ? 1 : 50));
    expect(robustLargest(many)).toBe(1);
    expect(limitFor(many, "robust", null, false)).toBe(1);
    expect(limitFor(many, "whole", null, false)).toBe(50);
  });

  test("robust: the very number that sorting finds, whatever else is among them", () => {
    for (let seed = 1; seed < 40; seed++) {
      const some = Float32Array.from(
        { length: seed * 7 },
        (_, at) => Math.sin(at * seed) * 10 ** ((at * seed) % 9) - 4,
      );
      const sizes = some.map(Math.abs).sort();
      const odd = Float32Array.from([Number.NaN, ...some, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]);
      expect(robustLargest(odd)).toBe(sizes[Math.ceil(0.98 * sizes.length) - 1]);
    }
    expect(robustLargest(values(0, -0, Number.NaN))).toBe(0);
    expect(robustLargest(values())).toBe(0);
  });

  test("stays while streaming unless values outgrow it or shrink far below it", () => {
    expect(limitFor(values(1.5), "whole", 2, true)).toBe(2);
    expect(limitFor(values(2.4), "whole", 2, true)).toBe(2.5);
    expect(limitFor(values(0.5), "whole", 2, true)).toBe(0.5);
    expect(limitFor(values(1.5), "whole", 2, false)).toBe(1.5);
    expect(limitFor(values(9), "frozen", 2, true)).toBe(2);
  });
});
