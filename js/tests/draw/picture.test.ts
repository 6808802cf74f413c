import { describe, expect, test } from "vitest";
import { emptyMatrix } from "../../src/data/matrix";
import { axesOf, tableOf } from "../../src/data/table";
import {
  below,
  calmShades,
  featureAt,
  featureSpots,
  featureTint,
  outlines,
  type Picture,
  pictureFeatures,
  regionShades,
  regionValues,
  type Tint,
  tintPixels,
} from "../../src/draw/picture";
import { CURVE, coloursOn, FADE } from "../../src/style/colours";
import { makeChart } from "../model";

/** 4 × 2: segment 0 on the left, 1 on the right, both in the middle of the lower row, nothing in one corner. */
const picture: Picture = {
  width: 4,
  height: 2,
  image: new Uint8Array(0),
  regions: Uint16Array.from([0, 0, 1, 3, 0, 2, 2, 1]),
  members: [[0], [1], [0, 1], []],
};
const colours = coloursOn("light");
const tint: Tint = { values: [1, -0.5], errors: [0, 0], limit: 1, out: new Set() };

/** What the pixels are painted with. */
function painted(with_: Tint): Uint8ClampedArray {
  const pixels = new Uint8ClampedArray(4 * 8);
  tintPixels(picture, regionShades(picture, with_, colours), pixels);
  return pixels;
}

describe("the picture", () => {
  test("a region has the sum of the segments that cover it; what is always present has no number", () => {
    expect([...regionValues(picture, tint).values]).toEqual([1, -0.5, 0.5, Number.NaN]);
  });

  test("every pixel has the colour of its region, stronger where more is at stake; the rest is see-through", () => {
    const pixels = painted(tint);
    const at = (pixel: number) => [...pixels.subarray(pixel * 4, pixel * 4 + 4)];
    expect(at(0)).toEqual([...colours.for, 255]);
    expect(at(2)).toEqual([...colours.against, Math.round(255 * 0.5 ** CURVE)]);
    expect(at(3)).toEqual([0, 0, 0, 0]);
    expect(at(4)).toEqual(at(0));
    expect(painted({ ...tint, values: [0, Number.NaN] })[3]).toBe(0);
  });

  test("under a tint the picture loses its colours, twice as fast as the tint comes", () => {
    const calm = calmShades(regionShades(picture, tint, colours), 0.7);
    const second = Math.round(255 * 0.5 ** CURVE);
    expect([calm[3], calm[7], calm[15]]).toEqual([255, Math.round(2 * 0.7 * second), 0]);
  });

  test("what is out of view has no colour, nor a share in what it overlaps", () => {
    const out = new Set([1]);
    const pixels = painted({ ...tint, values: [1, Number.NaN], out });
    expect([pixels[3], pixels[2 * 4 + 3], pixels[5 * 4 + 3]]).toEqual([255, 0, 255]);
    expect(painted({ ...tint, values: [1, Number.NaN] })[2 * 4 + 3]).toBeGreaterThan(0);
  });

  test("an uncertain segment fades, as a cell does", () => {
    expect(painted({ ...tint, errors: [0.6, 0] })[3]).toBe(Math.round(255 * FADE));
  });

  test("outlines run where kinds meet, in as few lines as there are straight stretches", () => {
    const first = outlines(picture, (region) => Number(picture.members[region]?.includes(0)));
    // Segment 0: two pixels above, three below.
    expect(first).toEqual([
      [0, 0, 2, 0],
      [2, 1, 3, 1],
      [0, 2, 3, 2],
      [0, 0, 0, 2],
      [2, 0, 2, 1],
      [3, 1, 3, 2],
    ]);
    expect(outlines(picture, () => 1)).toHaveLength(4);
    expect(outlines(picture, () => 0)).toEqual([]);
  });

  test("a place belongs to the smallest segment that covers it", () => {
    const at = (x: number, y: number) => featureAt(picture, featureSpots(picture), x, y);
    // The left segment has five pixels, the right one four: what they share is the right one's.
    expect([at(0.1, 0.1), at(0.6, 0.1), at(0.4, 0.9)]).toEqual([0, 1, 1]);
    expect([at(0.9, 0.1), at(1, 0), at(-0.1, 0)]).toEqual([-1, -1, -1]);
    const [frame, spot] = [1, 0];
    const nested: Picture = { ...picture, members: [[frame], [frame], [frame, spot], [frame]] };
    expect(featureAt(nested, featureSpots(nested), 0.4, 0.9)).toBe(spot);
    const other: Picture = { ...picture, members: [[spot], [spot], [spot, frame], [spot]] };
    expect(featureAt(other, featureSpots(other), 0.4, 0.9)).toBe(frame);
    expect(pictureFeatures(picture)).toEqual([0, 1]);
  });

  test("a feature's middle is that of all its pixels", () => {
    const spots = featureSpots(picture);
    expect(spots.get(0)).toEqual({
      x: (0.5 + 1.5 + 0.5 + 1.5 + 2.5) / 5 / 4,
      y: (0.5 + 0.5 + 1.5 + 1.5 + 1.5) / 5 / 2,
      size: 5,
    });
    expect(spots.size).toBe(2);
  });

  test("up and down go to what lies nearest there, not to the next in order", () => {
    const grid: Picture = {
      width: 3,
      height: 2,
      image: new Uint8Array(0),
      regions: Uint16Array.from([0, 1, 2, 3, 4, 5]),
      members: [[0], [1], [2], [3], [4], [5]],
    };
    const spots = featureSpots(grid);
    expect([below(spots, 1, 1), below(spots, 5, -1)]).toEqual([4, 2]);
    expect([below(spots, 1, -1), below(spots, 4, 1)]).toEqual([1, 4]);
  });

  test("a row of the table, or its total, as numbers of the segments", () => {
    const matrix = emptyMatrix(makeChart(1, ["left", "right"], [" red", " blue"]));
    matrix.values.set([1, 2, 3, 4]);
    matrix.errors.fill(0.5);
    matrix.sequence.set([4, 6]);
    const table = tableOf(matrix, axesOf(matrix.chart));
    expect(featureTint(table, 1, 4)).toMatchObject({ values: Float32Array.from([3, 4]), limit: 4 });
    expect(featureTint(table, -1, 4).values).toEqual(Float32Array.from([4, 6]));
    expect(featureTint(table, -1, 4).out).toEqual(new Set());
    const half = { ...table, columns: table.columns.slice(0, 1) };
    expect(featureTint(half, -1, 4).out).toEqual(new Set([1]));
  });
});
