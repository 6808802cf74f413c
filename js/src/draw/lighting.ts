/** From what is selected to what is lit and painted, in rows and columns of the table. */

import { type Brush, paintedFeature, paintedOutput, type Selection, type Spot } from "../data/selection";
import type { Shown } from "../data/shown";
import type { Range } from "../data/sources";
import { type Cell, type Line, lineAt, numbersOf, type Table } from "../data/table";
import type { Lit } from "./paint";

/** Numbers that a text is painted with, one for each line of it; limit: where colours are full. */
export interface Paint {
  readonly values: ArrayLike<number>;
  readonly errors: ArrayLike<number>;
  readonly limit: number;
}

/** A line that is pinned, and the letter of its pin. */
export interface Mark {
  readonly line: number;
  readonly letter: string;
}

export interface Lighting {
  readonly lit: Lit;
  /** Row and column under the pointer; -1: none. */
  readonly over: Cell;
  /** Row that the prompt is painted for, and column that the answer is painted for; -1: the total, none. */
  readonly row: number;
  readonly column: number;
  readonly promptPaint: Paint;
  readonly answerPaint: Paint | null;
  readonly rowPins: readonly Mark[];
  readonly columnPins: readonly Mark[];
}

export function lightingOf(shown: Shown, selection: Selection): Lighting {
  const { table } = shown;
  const row = lineAt(table.rows, paintedOutput(selection));
  const column = lineAt(table.columns, paintedFeature(selection));
  const { hovered, pins: pinned, brush } = selection;
  const over = {
    row: lineAt(table.rows, hovered?.output ?? null),
    column: lineAt(table.columns, hovered?.feature ?? null),
  };
  const pins = pinned.flatMap(({ letter, output, feature }) => {
    const pin = { letter, row: lineAt(table.rows, output), column: lineAt(table.columns, feature) };
    // What is locked or out of view is no line of the matrix: its pin is nowhere.
    return (output !== null && pin.row < 0) || (feature !== null && pin.column < 0) ? [] : [pin];
  });
  const cell = over.row >= 0 && over.column >= 0 ? over : null;
  return {
    lit: { row, column, cell, span: shown.spanned, pins, brush: brush && cellsOf(table, brush) },
    over,
    row,
    column,
    promptPaint: promptPaint(shown, row),
    answerPaint: column < 0 ? null : columnPaint(shown, column),
    rowPins: pins.filter((pin) => pin.row >= 0).map((pin) => ({ letter: pin.letter, line: pin.row })),
    columnPins: pins.filter((pin) => pin.column >= 0).map((pin) => ({ letter: pin.letter, line: pin.column })),
  };
}

function promptPaint({ table, limits, sequenceLimit }: Shown, row: number): Paint {
  return { ...numbersOf(table, row), limit: row < 0 ? sequenceLimit : limits(row) };
}

function columnPaint({ table, limit }: Shown, column: number): Paint {
  const pick = (from: Float32Array) =>
    Float32Array.from(table.rows, (_, row) => from[row * table.columns.length + column] as number);
  return { values: pick(table.values), errors: pick(table.errors), limit };
}

/** Corners of a brush, first and last cell. */
function cellsOf(table: Table, brush: Brush): readonly [Cell, Cell] | null {
  const edge = (lines: readonly Line[], { start, end }: Range) =>
    [lineAt(lines, { start, end: start + 1 }), lineAt(lines, { start: end - 1, end })] as const;
  const [top, bottom] = edge(table.rows, brush.output);
  const [left, right] = edge(table.columns, brush.feature);
  if (top < 0 || bottom < 0 || left < 0 || right < 0) return null;
  return [
    { row: Math.min(top, bottom), column: Math.min(left, right) },
    { row: Math.max(top, bottom), column: Math.max(left, right) },
  ];
}

/** The places in the source of a row and a column (-1: none). */
export function spotOf(table: Table, row: number, column: number): Spot | null {
  const place = (line: Line | undefined) => line?.ranges[0] ?? null;
  const spot = { output: place(table.rows[row]), feature: place(table.columns[column]) };
  return spot.output === null && spot.feature === null ? null : spot;
}

/** The place from one line to another, in either direction. */
export function rangeOf(lines: readonly Line[], from: number, to: number): Range | null {
  const first = lines[Math.min(from, to)]?.ranges[0];
  const last = lines[Math.max(from, to)]?.ranges.at(-1);
  return first && last ? { start: first.start, end: last.end } : null;
}
