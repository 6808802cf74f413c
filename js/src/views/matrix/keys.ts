/** The matrix by keyboard. */

import type { Cell } from "../../data/table";
import { clamp } from "../../draw/layout";
import { claim } from "../../style/dom";

export interface KeyActions {
  size(): { readonly rows: number; readonly columns: number };
  /** The cell that is active now, if any. */
  active(): Cell | null;
  move(cell: Cell): void;
  pin(cell: Cell): void;
  brush(from: Cell, to: Cell): void;
  clear(): void;
  zoom(factor: number | null): void;
}

/** What each key does, for the list behind `?`. */
export const KEYS: readonly (readonly [string, string])[] = [
  ["← ↑ → ↓", "move from cell to cell"],
  ["Home, End", "start and end of the row; with Ctrl, of the matrix"],
  ["Page ↑ ↓", "ten rows up or down"],
  ["Enter", "pin the cell, or lift its pin"],
  ["Shift + arrows", "brush a rectangle and see its sum"],
  ["Esc", "clear the brush, then the span, the pins, the groups"],
  ["+ − 0", "zoom in, out, and back to the whole"],
  ["/", "find a token"],
  ["g", "next granularity"],
  [".", "stop the run"],
  ["O", "on a picture: the original, and back"],
  ["F2", "on a part in What if: other words in its place"],
  ["?", "this list"],
];

export function listenKeys(grid: HTMLElement, actions: KeyActions): void {
  let from: Cell | null = null;
  grid.addEventListener("keydown", (event) => {
    if (event.altKey || event.metaKey) return;
    const cell = moved(event, actions.active(), actions.size());
    if (cell) {
      from = event.shiftKey ? (from ?? actions.active() ?? cell) : null;
      actions.move(cell);
      if (from) actions.brush(from, cell);
    } else if (!command(event.key, actions)) return;
    // The notebook must not take these keys for its own shortcuts.
    claim(event);
  });
}

function command(key: string, actions: KeyActions): boolean {
  const active = actions.active();
  if (key === "Enter" && active) actions.pin(active);
  else if (key === "Escape") actions.clear();
  else if (key === "+" || key === "=") actions.zoom(1.5);
  else if (key === "-") actions.zoom(1 / 1.5);
  else if (key === "0") actions.zoom(null);
  else return false;
  return true;
}

/** Where a key leads from the active cell; null where it isn't one that moves. */
export function moved(
  { key, ctrlKey }: { readonly key: string; readonly ctrlKey: boolean },
  active: Cell | null,
  { rows, columns }: { readonly rows: number; readonly columns: number },
): Cell | null {
  const steps: Readonly<Record<string, readonly [number, number]>> = {
    ArrowUp: [-1, 0],
    ArrowDown: [1, 0],
    ArrowLeft: [0, -1],
    ArrowRight: [0, 1],
    PageUp: [-10, 0],
    PageDown: [10, 0],
    Home: [ctrlKey ? -rows : 0, -columns],
    End: [ctrlKey ? rows : 0, columns],
  };
  const step = steps[key];
  if (!step || rows === 0 || columns === 0) return null;
  if (!active) return { row: 0, column: 0 };
  return { row: clamp(active.row + step[0], 0, rows - 1), column: clamp(active.column + step[1], 0, columns - 1) };
}
