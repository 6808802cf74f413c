/** The image of a prompt: which features lie where, and what colours they give its pixels. */

import type { Table } from "../data/table";
import { type Colours, CURVE, FADE, missing, uncertain } from "../style/colours";
import type { Place } from "../style/dom";
import type { Picture as Sent } from "../wire/protocol";

/**
 * width, height: pixels; regions: (height, width), row-major, the region of each pixel; members: features of each
 * region (several where segments overlap, none for what is always present); image: PNG.
 */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly image: Uint8Array;
  readonly regions: Uint16Array;
  readonly members: readonly (readonly number[])[];
}

/** A picture as it came over the wire. */
export function pictureFrom({ width, height, image, regions, members }: Sent): Picture {
  const bytes = (part: DataView) => new Uint8Array(part.buffer, part.byteOffset, part.byteLength).slice();
  return { width, height, image: bytes(image), regions: new Uint16Array(bytes(regions).buffer), members };
}

/**
 * values, errors: one for each feature of the run; limit: where colours are full; out: features left out of the view,
 * which have no colour.
 */
export interface Tint {
  readonly out: ReadonlySet<number>;
  readonly values: ArrayLike<number>;
  readonly errors: ArrayLike<number>;
  readonly limit: number;
}

/** How much of a region without a number yet is covered, of 255. */
const UNKNOWN = 38;

/** Value and standard error (an upper bound where segments overlap) of each region; NaN where no segment is in view. */
export function regionValues(picture: Picture, tint: Tint): { values: Float32Array; errors: Float32Array } {
  const seen = picture.members.map((members) => members.filter((at) => !tint.out.has(at)));
  const add = (from: ArrayLike<number>) =>
    Float32Array.from(seen, (members) =>
      members.length === 0 ? Number.NaN : members.reduce((sum, at) => sum + (from[at] ?? Number.NaN), 0),
    );
  return { values: add(tint.values), errors: add(tint.errors) };
}

/**
 * (regions, 4): RGBA of each region. Colour is the sign, how much of it the size, on the same curve as everywhere: zero
 * lets the picture through, and so does what is always present or out of view.
 */
export function regionShades(picture: Picture, tint: Tint, colours: Colours): Uint8ClampedArray {
  const { values, errors } = regionValues(picture, tint);
  const shades = new Uint8ClampedArray(4 * picture.members.length);
  for (const [region, members] of picture.members.entries()) {
    const [value, error] = [values[region] as number, errors[region] as number];
    if (members.every((at) => tint.out.has(at))) continue;
    if (Number.isNaN(value)) shades.set([...missing(colours), UNKNOWN], 4 * region);
    else {
      const share = Math.min(1, Math.abs(value) / tint.limit) ** CURVE * (uncertain(value, error) ? FADE : 1);
      shades.set([...(value > 0 ? colours.for : colours.against), Math.round(255 * share)], 4 * region);
    }
  }
  return shades;
}

/** (regions, 4): how much of its own colour each region loses under a tint of this opacity, so that the tint is read. */
export function calmShades(shades: Uint8ClampedArray, opacity: number): Uint8ClampedArray {
  return shades.map((part, at) => (at % 4 === 3 ? Math.round(2 * opacity * part) : 127));
}

/** RGBA of every pixel, row-major: the shade of its region. */
export function tintPixels(picture: Picture, shades: Uint8ClampedArray, into: Uint8ClampedArray): void {
  // Four bytes at a time: this runs for every frame of a run.
  const shade = new Uint32Array(shades.buffer, shades.byteOffset, shades.length / 4);
  const pixels = new Uint32Array(into.buffer, into.byteOffset, into.length / 4);
  for (let pixel = 0; pixel < pixels.length; pixel++) pixels[pixel] = shade[picture.regions[pixel] as number] as number;
}

/** From (x0, y0) to (x1, y1), in pixels of the picture. */
export type Line = readonly [x0: number, y0: number, x1: number, y1: number];

/** Edges between regions of different kind, those of the picture among them (0 is what lies outside of it). */
export function outlines({ width, height, regions, members }: Picture, kind: (region: number) => number): Line[] {
  const kinds = members.map((_, region) => kind(region));
  const at = (x: number, y: number) =>
    x < 0 || y < 0 || x >= width || y >= height ? 0 : (kinds[regions[y * width + x] as number] as number);
  const lines: Line[] = [];
  for (let y = 0; y <= height; y++)
    for (const [start, end] of stretches(width, (x) => at(x, y - 1) !== at(x, y))) lines.push([start, y, end, y]);
  for (let x = 0; x <= width; x++)
    for (const [start, end] of stretches(height, (y) => at(x - 1, y) !== at(x, y))) lines.push([x, start, x, end]);
  return lines;
}

/** Where something holds, as stretches (start, one past the end). */
function stretches(length: number, holds: (at: number) => boolean): (readonly [number, number])[] {
  const found: (readonly [number, number])[] = [];
  let start = -1;
  for (let at = 0; at <= length; at++) {
    const now = at < length && holds(at);
    if (now && start < 0) start = at;
    if (!now && start >= 0) {
      found.push([start, at]);
      start = -1;
    }
  }
  return found;
}

/** The feature at a place (shares of width and height); where several overlap the smallest; -1: none. */
export function featureAt(picture: Picture, places: ReadonlyMap<number, Spot>, x: number, y: number): number {
  if (!(x >= 0 && y >= 0 && x < 1 && y < 1)) return -1;
  const region = picture.regions[Math.floor(y * picture.height) * picture.width + Math.floor(x * picture.width)];
  const size = (feature: number) => places.get(feature)?.size ?? 0;
  const members = picture.members[region ?? -1] ?? [];
  return members.reduce((best, feature) => (best < 0 || size(feature) < size(best) ? feature : best), -1);
}

/** Features of the picture, in the order of their regions. */
export function pictureFeatures(picture: Picture): readonly number[] {
  return [...new Set(picture.members.flat())].sort((a, b) => a - b);
}

/** Where a feature lies: its middle, as shares of the picture's width and height, and how many pixels it has. */
export interface Spot {
  readonly x: number;
  readonly y: number;
  readonly size: number;
}

/** Of each feature. */
export function featureSpots(picture: Picture): ReadonlyMap<number, Spot> {
  const sums = picture.members.map(() => ({ count: 0, x: 0, y: 0 }));
  picture.regions.forEach((region, pixel) => {
    const sum = sums[region];
    if (!sum) return;
    sum.count++;
    sum.x += (pixel % picture.width) + 0.5;
    sum.y += Math.floor(pixel / picture.width) + 0.5;
  });
  return new Map(
    pictureFeatures(picture).map((feature) => {
      const own = sums.filter((_, region) => picture.members[region]?.includes(feature));
      const total = (name: "count" | "x" | "y") => own.reduce((sum, part) => sum + part[name], 0);
      const size = total("count");
      const count = Math.max(1, size);
      return [feature, { x: total("x") / count / picture.width, y: total("y") / count / picture.height, size }];
    }),
  );
}

/** The nearest feature below (down: 1) or above (-1) another one; what lies aside counts as further away. */
export function below(spots: ReadonlyMap<number, Spot>, from: number, down: 1 | -1): number {
  const start = spots.get(from);
  if (!start) return from;
  let [best, least] = [from, Number.POSITIVE_INFINITY];
  for (const [feature, { x, y }] of spots) {
    const ahead = (y - start.y) * down;
    const far = ahead + 2 * Math.abs(x - start.x);
    if (ahead > 1e-6 && far < least) [best, least] = [feature, far];
  }
  return best;
}

/** Values of a row of the table (or its total) for each feature of the run. */
export function featureTint(table: Table, row: number, limit: number): Tint {
  const columns = table.columns.length;
  const [values, errors] = row < 0 ? [table.sequence, table.sequence_errors] : [table.values, table.errors];
  const from = row < 0 ? 0 : row * columns;
  const count = table.chart.features.length;
  const spread = (source: Float32Array) => {
    const found = new Float32Array(count).fill(Number.NaN);
    table.columns.forEach(({ members }, column) => {
      for (const member of members) found[member] = source[from + column] as number;
    });
    return found;
  };
  const seen = new Set(table.columns.flatMap(({ members }) => members));
  const out = new Set([...table.chart.features.keys()].filter((feature) => !seen.has(feature)));
  return { values: spread(values), errors: spread(errors), limit, out };
}

/** The picture as something a canvas draws. */
export async function decodeImage({ document }: Place, picture: Pick<Picture, "image">): Promise<ImageBitmap | null> {
  const make = document.defaultView?.createImageBitmap;
  return make ? make(new Blob([picture.image.slice()], { type: "image/png" })) : null;
}
