/** The image of a prompt: which features lie where, and what colours they give its pixels. */
import type { Place } from "./dom";
import type { Picture } from "./protocol";
import { type Colours, cellColour, missing, type Rgb } from "./scale";
import type { Table } from "./table";

/**
 * width, height: pixels; regions: (height, width), row-major, the region of each pixel; members: features of each
 * region (several where segments overlap, none for what is always present); image: PNG.
 */
export interface Photo {
  readonly width: number;
  readonly height: number;
  readonly image: Uint8Array;
  readonly regions: Uint16Array;
  readonly members: readonly (readonly number[])[];
}

/** A picture as it came over the wire. */
export function photoFrom({ width, height, image, regions, members }: Picture): Photo {
  const bytes = (part: DataView) => new Uint8Array(part.buffer, part.byteOffset, part.byteLength).slice();
  return { width, height, image: bytes(image), regions: new Uint16Array(bytes(regions).buffer), members };
}

/** values, errors: one for each feature of the run; limit: where colours are full. */
export interface Tint {
  readonly values: ArrayLike<number>;
  readonly errors: ArrayLike<number>;
  readonly limit: number;
}

/** Value and standard error (an upper bound where segments overlap) of each region; NaN for what is always present. */
export function regionValues(photo: Photo, tint: Tint): { values: Float32Array; errors: Float32Array } {
  const add = (from: ArrayLike<number>) =>
    Float32Array.from(photo.members, (members) =>
      members.length === 0 ? Number.NaN : members.reduce((sum, at) => sum + (from[at] ?? Number.NaN), 0),
    );
  return { values: add(tint.values), errors: add(tint.errors) };
}

/** RGBA of every pixel, row-major: the colour of its region; see-through where the region is always present. */
export function tintPixels(photo: Photo, tint: Tint, colours: Colours, into: Uint8ClampedArray): void {
  const { values, errors } = regionValues(photo, tint);
  const colour = photo.members.map((members, region): readonly [...Rgb, number] => {
    if (members.length === 0) return [0, 0, 0, 0];
    const value = values[region] as number;
    const rgb = Number.isNaN(value)
      ? missing(colours)
      : cellColour(value, errors[region] as number, tint.limit, colours);
    // Zero lets the picture through: only what matters is coloured.
    const share = Number.isNaN(value) ? 0.15 : Math.min(1, Math.abs(value) / tint.limit) ** 0.5;
    return [...rgb, Math.round(255 * (0.06 + 0.94 * share))];
  });
  photo.regions.forEach((region, pixel) => {
    const [r, g, b, alpha] = colour[region] ?? [0, 0, 0, 0];
    into[pixel * 4] = r;
    into[pixel * 4 + 1] = g;
    into[pixel * 4 + 2] = b;
    into[pixel * 4 + 3] = alpha;
  });
}

/** RGBA of the pixels at which `inside` changes to the right or below: outlines of segments, or of one of them. */
export function edgePixels(
  photo: Photo,
  inside: (region: number) => number,
  colour: Rgb,
  into: Uint8ClampedArray,
): void {
  const { width, height, regions } = photo;
  const kind = photo.members.map((_, region) => inside(region));
  const of = (pixel: number) => kind[regions[pixel] as number] as number;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const at = y * width + x;
      const edge = (x + 1 < width && of(at) !== of(at + 1)) || (y + 1 < height && of(at) !== of(at + width));
      if (edge) into.set([...colour, 255], at * 4);
    }
}

/** Index of the feature at a place (shares of width and height); where several overlap the first; -1: none. */
export function featureAt(photo: Photo, x: number, y: number): number {
  if (!(x >= 0 && y >= 0 && x < 1 && y < 1)) return -1;
  const region = photo.regions[Math.floor(y * photo.height) * photo.width + Math.floor(x * photo.width)];
  return photo.members[region ?? -1]?.[0] ?? -1;
}

/** Features of the picture, in the order of their regions. */
export function photoFeatures(photo: Photo): readonly number[] {
  return [...new Set(photo.members.flat())].sort((a, b) => a - b);
}

/** Values of a row of the table (or its total) for each feature of the run. */
export function featureTint(table: Table, row: number, limit: number): Tint {
  const columns = table.columns.length;
  const [values, errors] = row < 0 ? [table.total, table.totalErrors] : [table.values, table.errors];
  const from = row < 0 ? 0 : row * columns;
  const count = table.chart.features.length;
  const spread = (source: Float32Array) => {
    const found = new Float32Array(count).fill(Number.NaN);
    table.columns.forEach(({ members }, column) => {
      for (const member of members) found[member] = source[from + column] as number;
    });
    return found;
  };
  return { values: spread(values), errors: spread(errors), limit };
}

/** The picture as something a canvas draws. */
export async function decodeImage({ document }: Place, photo: Photo): Promise<ImageBitmap | null> {
  const make = document.defaultView?.createImageBitmap;
  return make ? make(new Blob([photo.image.slice()], { type: "image/png" })) : null;
}
