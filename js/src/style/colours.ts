/** Numbers to colours: diverging around zero, blue against and orange for, safe for colour-blind people. */

import { CURVE, FADE, MISSING, NICE, PALETTES, STEPS, WORTH } from "./style";

export { CURVE, FADE, STEPS };

export type Theme = "light" | "dark";
export type Rgb = readonly [number, number, number];

/** How the limit of the colour scale is chosen; see `limitFor`. */
export type ScaleMode = "whole" | "row" | "robust" | "frozen";

/** The ends and the middle of the scale, and what lies behind the cells. */
export interface Colours {
  readonly against: Rgb;
  readonly none: Rgb;
  readonly for: Rgb;
  readonly ground: Rgb;
}

/** Colours and type of the host, for the canvas. */
export interface Palette {
  readonly theme: Theme;
  readonly colours: Colours;
  readonly text: string;
  readonly muted: string;
  readonly line: string;
  readonly ground: string;
  readonly accent: string;
  readonly font: string;
  /** Negative cells hatched, so that colour is not the only sign. */
  readonly hatched: boolean;
}

/** The scale on a background of the host's. Its middle is a shade of that background, so zero stands back. */
export function coloursOn(theme: Theme, ground: Rgb = PALETTES[theme].ground): Colours {
  const palette = PALETTES[theme];
  return { ...palette, none: mix(ground, palette.tone, palette.middle), ground };
}

/** Colour at t in [-1, 1] (clipped). Zero is always the neutral middle. */
export function ramp(colours: Colours, t: number): Rgb {
  const clipped = Math.max(-1, Math.min(1, t));
  return mix(colours.none, clipped > 0 ? colours.for : colours.against, Math.abs(clipped) ** CURVE);
}

/** The colour of a cell whose value is less than two standard errors from zero: drawn back towards zero's. */
export function faded(colours: Colours, t: number): Rgb {
  return mix(colours.none, ramp(colours, t), FADE);
}

/** What stands where there is no number. */
export function missing(colours: Colours): Rgb {
  return mix(colours.ground, colours.none, MISSING);
}

/** The colour of a value with its standard error at a scale limit. */
export function cellColour(value: number, error: number, limit: number, colours: Colours): Rgb {
  if (Number.isNaN(value)) return missing(colours);
  return uncertain(value, error) ? faded(colours, value / limit) : ramp(colours, value / limit);
}

export function css([r, g, b]: Rgb): string {
  return `rgb(${r},${g},${b})`;
}

/** Colour of text on a colour, at a contrast of 4.5 or more (WCAG 2.2, 1.4.3) on every colour there is. */
export function inkOn(colour: Rgb): string {
  const light = luminance(colour);
  if (light > 0.22) return "#10141b";
  return light > 0.179 ? "#000000" : "#ffffff";
}

export function luminance(colour: Rgb): number {
  const [r, g, b] = colour.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** A table of `STEPS` colours as the little-endian words of an ImageData: certain ones, then faded ones, then missing. */
export function colourTable(colours: Colours): Uint32Array {
  const table = new Uint32Array(2 * STEPS + 1);
  for (let step = 0; step < STEPS; step++) {
    const t = (step / (STEPS - 1)) * 2 - 1;
    table[step] = word(ramp(colours, t));
    table[STEPS + step] = word(faded(colours, t));
  }
  table[2 * STEPS] = word(missing(colours));
  return table;
}

/** Index into `colourTable` of a value with its standard error, at a scale limit. Called for every cell of a frame. */
export function tableIndex(value: number, error: number, limit: number): number {
  const t = value / limit;
  const step = t >= 1 ? STEPS - 1 : t <= -1 ? 0 : ((t + 1) * ((STEPS - 1) / 2) + 0.5) | 0;
  if (Number.isNaN(value)) return 2 * STEPS;
  return uncertain(value, error) ? STEPS + step : step;
}

/**
 * True where zero lies within two standard errors, or may: where the error is not known (NaN). Without one (0: an exact
 * method) a value is certain.
 */
export function uncertain(value: number, error: number): boolean {
  return error !== 0 && !(Math.abs(value) >= 2 * error);
}

/** Whether a cell's number is written into it: not where it hardly differs from zero, or may be zero. */
export function worthWriting(value: number, error: number, limit: number): boolean {
  return !Number.isFinite(value) || (Math.abs(value) >= WORTH * limit && !uncertain(value, error));
}

function mix(from: Rgb, to: Rgb, share: number): Rgb {
  const at = (index: 0 | 1 | 2) => Math.round(from[index] + (to[index] - from[index]) * share);
  return [at(0), at(1), at(2)];
}

function word([r, g, b]: Rgb): number {
  return ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
}

/** The smallest of NICE × 10^k that is at least `value`; 1 for none. */
export function niceCeil(value: number): number {
  if (!(value > 0) || !Number.isFinite(value)) return 1;
  const unit = 10 ** Math.floor(Math.log10(value));
  const step = NICE.find((factor) => value <= factor * unit * (1 + 1e-6)) ?? 10;
  return Number((step * unit).toPrecision(2));
}

/** Largest |value| that is finite; 0 where there is none. */
export function largest(values: Float32Array): number {
  let found = 0;
  for (let index = 0; index < values.length; index++) {
    const value = values[index] as number;
    const size = value < 0 ? -value : value;
    if (size > found && size < Number.POSITIVE_INFINITY) found = size;
  }
  return found;
}

/** Of the bits of a float32: all but the sign, and infinity. */
const SIZE = 0x7fffffff;
const INFINITE = 0x7f800000;

/** The 98th percentile of |value| over the finite values; 0 where there is none. */
export function robustLargest(values: Float32Array): number {
  // The bits of floats are in the order of their sizes: counted twice, by the upper and the lower half of them. To sort
  // millions takes too long while frames come.
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const upper = new Uint32Array(1 << 16);
  const lower = new Uint32Array(1 << 15);
  let count = 0;
  for (let at = 0; at < bits.length; at++) {
    const size = (bits[at] as number) & SIZE;
    if (size >= INFINITE) continue;
    upper[size >>> 15] = (upper[size >>> 15] as number) + 1;
    count++;
  }
  if (count === 0) return 0;
  const [high, rest] = ranked(upper, Math.max(1, Math.ceil(0.98 * count)));
  for (let at = 0; at < bits.length; at++) {
    const size = (bits[at] as number) & SIZE;
    if (size >>> 15 === high) lower[size & 0x7fff] = (lower[size & 0x7fff] as number) + 1;
  }
  const [low] = ranked(lower, rest);
  return new Float32Array(Uint32Array.of((high << 15) | low).buffer)[0] as number;
}

/** Which bin holds the one at a rank (from 1), and its rank in there. */
function ranked(bins: Uint32Array, rank: number): readonly [number, number] {
  let left = rank;
  let at = 0;
  for (; left > (bins[at] as number); at++) left -= bins[at] as number;
  return [at, left];
}

/**
 * Limit of the scale for what is shown now. While frames stream it stays unless the values outgrow it or shrink below
 * a third of it, so that colours don't flicker. most: largest |value|, where it is known.
 */
export function limitFor(
  values: Float32Array,
  mode: ScaleMode,
  previous: number | null,
  streaming: boolean,
  most?: number,
): number {
  if (mode === "frozen" && previous !== null) return previous;
  const size = mode === "robust" ? robustLargest(values) : (most ?? largest(values));
  if (size === 0) return previous ?? 1;
  if (streaming && previous !== null && size <= previous && size > previous / 3) return previous;
  return niceCeil(size);
}
