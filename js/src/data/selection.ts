/** What is hovered, pinned and spanned: one state that every view reads and writes, in terms of source places. */

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

/** Places in other texts than these are other words. */
export interface Texts {
  readonly prompt: string;
  readonly answer: string;
}

/**
 * about: the texts that the places are in; null before anything was chosen. span: the output tokens explained together;
 * empty means the whole answer. scale: how the limit of the colours is chosen. hatched: sign is shown by pattern, too.
 * side: what of two that are compared.
 */
export interface Selection {
  readonly about: Texts | null;
  readonly hovered: Spot | null;
  readonly pins: readonly Pin[];
  readonly span: readonly Range[];
  readonly brush: Brush | null;
  readonly scale: ScaleMode;
  readonly hatched: boolean;
  readonly side: Side;
}

export const NOTHING: Selection = {
  about: null,
  hovered: null,
  pins: [],
  span: [],
  brush: null,
  scale: "whole",
  hatched: false,
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

/** Nothing chosen: what stood there may be out of view. */
export function lifted(selection: Selection): Selection {
  return { ...selection, hovered: null, pins: [], brush: null };
}

/** One step back at a time: the brush, then the span, then the pins; the same where there is nothing of these. */
export function clear(selection: Selection): Selection {
  if (selection.brush) return { ...selection, brush: null };
  if (selection.span.length > 0) return { ...selection, span: [] };
  return selection.pins.length > 0 ? { ...selection, pins: [] } : selection;
}

/** What of a selection holds in these texts: another prompt, or another answer, has other words in the same places. */
export function within(selection: Selection, texts: Texts): Selection {
  const { about } = selection;
  const [prompt, answer] = [about?.prompt === texts.prompt, about?.answer === texts.answer];
  if (prompt && answer) return selection;
  const holds = ({ output, feature }: Spot) => (answer || output === null) && (prompt || feature === null);
  const pins = selection.pins.filter(holds);
  return { ...selection, about: texts, hovered: null, brush: null, pins, span: answer ? selection.span : [] };
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
