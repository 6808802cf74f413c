/** What is hovered, pinned and spanned: one state that every view reads and writes, in terms of source places. */
import { overlap, type Range } from "./sources";

/** A row (a place in the answer), a column (a place in the prompt), or the cell where both meet. */
export interface Spot {
  readonly output: Range | null;
  readonly feature: Range | null;
}

export interface Pin extends Spot {
  readonly letter: string;
}

/** span: the output tokens explained together; empty means the whole answer. */
export interface Selection {
  readonly hovered: Spot | null;
  readonly pins: readonly Pin[];
  readonly span: readonly Range[];
}

export const NOTHING: Selection = { hovered: null, pins: [], span: [] };

const LETTERS = ["A", "B", "C", "D"] as const;

export function hover(selection: Selection, hovered: Spot | null): Selection {
  return same(selection.hovered, hovered) ? selection : { ...selection, hovered };
}

/** Pins a spot, or lifts the pin that is on it. A fifth pin takes the place of the oldest. */
export function togglePin(selection: Selection, spot: Spot): Selection {
  const kept = selection.pins.filter((pin) => !same(pin, spot));
  if (kept.length < selection.pins.length) return { ...selection, pins: kept };
  const room = kept.length < LETTERS.length ? kept : kept.slice(1);
  const letter = LETTERS.find((name) => room.every((pin) => pin.letter !== name)) ?? "A";
  return { ...selection, pins: [...room, { ...spot, letter }] };
}

/** `more`: adds to the span that is there (a disjoint one), else takes its place. */
export function chooseSpan(selection: Selection, range: Range, more: boolean): Selection {
  if (!more) return { ...selection, span: [range] };
  const apart = selection.span.filter((other) => !overlap(other, range));
  return { ...selection, span: [...apart, range].sort((a, b) => a.start - b.start) };
}

/** The row to paint the prompt for: the one under the pointer, else that of the last pin, else none (the total). */
export function paintedOutput(selection: Selection): Range | null {
  if (selection.hovered?.output) return selection.hovered.output;
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
