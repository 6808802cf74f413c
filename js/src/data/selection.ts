/** What is hovered, pinned, spanned and grouped: one state that every view reads and writes, in terms of source places. */

import type { ScaleMode } from "../style/colours";
import type { Side } from "./comparison";
import { overlap, type Range } from "./sources";

/** A row (a place in the answer), a column (a place in the prompt), or the cell where both meet. */
export interface Spot {
  readonly output: Range | null;
  readonly feature: Range | null;
}

export interface Pin extends Spot {
  readonly letter: string;
}

/** A rectangle of cells. */
export interface Brush {
  readonly output: Range;
  readonly feature: Range;
}

/**
 * span: the output tokens explained together; empty means the whole answer. groups: stretches of the prompt put
 * together by hand. hidden: stretches left out of the view; every number stays what it is. scale: how the limit of the colours is chosen. hatched: sign is shown by pattern, too. run: which
 * run is looked at, null: the newest. side: what of two that are compared.
 */
export interface Selection {
  readonly hovered: Spot | null;
  readonly pins: readonly Pin[];
  readonly span: readonly Range[];
  readonly brush: Brush | null;
  readonly groups: readonly Range[];
  readonly hidden: readonly Range[];
  readonly scale: ScaleMode;
  readonly hatched: boolean;
  readonly run: number | null;
  readonly side: Side;
}

export const NOTHING: Selection = {
  hovered: null,
  pins: [],
  span: [],
  brush: null,
  groups: [],
  hidden: [],
  scale: "whole",
  hatched: false,
  run: null,
  side: "a",
};

const LETTERS = ["A", "B", "C", "D"] as const;

export function hover(selection: Selection, hovered: Spot | null): Selection {
  return same(selection.hovered, hovered) ? selection : { ...selection, hovered };
}

/** Pins a spot, or lifts the pin that is on it. A fifth pin takes the place of the oldest. */
export function togglePin(selection: Selection, spot: Spot): Selection {
  const kept = selection.pins.filter((pin) => !same(pin, spot));
  const rest = { ...selection, span: [], brush: null };
  if (kept.length < selection.pins.length) return { ...rest, pins: kept };
  const room = kept.length < LETTERS.length ? kept : kept.slice(1);
  const letter = LETTERS.find((name) => room.every((pin) => pin.letter !== name)) ?? "A";
  return { ...rest, pins: [...room, { ...spot, letter }] };
}

/** `more`: adds to the span that is there (a disjoint one), else takes its place. */
export function chooseSpan(selection: Selection, range: Range, more: boolean): Selection {
  if (!more) return { ...selection, span: [range] };
  const apart = selection.span.filter((other) => !overlap(other, range));
  return { ...selection, span: [...apart, range].sort((a, b) => a.start - b.start) };
}

/** Puts several stretches together at once, such as the matches of a pattern. */
export function groupAll(selection: Selection, ranges: readonly Range[]): Selection {
  return ranges.reduce(group, selection);
}

/** Puts a stretch of the prompt together; it swallows the groups that it touches. */
export function group(selection: Selection, range: Range): Selection {
  const touched = selection.groups.filter((other) => overlap(other, range));
  const whole = {
    start: Math.min(range.start, ...touched.map((other) => other.start)),
    end: Math.max(range.end, ...touched.map((other) => other.end)),
  };
  return { ...selection, groups: [...selection.groups.filter((other) => !touched.includes(other)), whole] };
}

/** Leaves more stretches of the prompt out of the view; pins and brush may stand on what is gone, so they are lifted. */
export function hide(selection: Selection, ranges: readonly Range[]): Selection {
  return { ...selection, hidden: [...selection.hidden, ...ranges], hovered: null, pins: [], brush: null };
}

/** One step back at a time: the brush, then the span, then the pins, then the groups. */
export function clear(selection: Selection): Selection {
  if (selection.brush) return { ...selection, brush: null };
  if (selection.span.length > 0) return { ...selection, span: [] };
  if (selection.pins.length > 0) return { ...selection, pins: [] };
  return { ...selection, groups: [] };
}

/** The row to paint the prompt for: the one under the pointer, else none (a span), else that of the last pin. */
export function paintedOutput(selection: Selection): Range | null {
  if (selection.hovered?.output) return selection.hovered.output;
  if (selection.span.length > 0) return null;
  return selection.pins.findLast((pin) => pin.output !== null)?.output ?? null;
}

/** The column to paint the answer for. */
export function paintedFeature(selection: Selection): Range | null {
  if (selection.hovered?.feature) return selection.hovered.feature;
  return selection.pins.findLast((pin) => pin.feature !== null)?.feature ?? null;
}

export function same(a: Spot | null, b: Spot | null): boolean {
  if (a === null || b === null) return a === b;
  return sameRange(a.output, b.output) && sameRange(a.feature, b.feature);
}

function sameRange(a: Range | null, b: Range | null): boolean {
  return a === b || (a !== null && b !== null && a.start === b.start && a.end === b.end);
}
