/** The mouse on the matrix: hover, click to pin, drag to brush, space-drag to scroll, Ctrl-wheel to zoom. */

import type { Cell } from "../../data/table";
import { claim, listen, type Place } from "../../style/dom";

export interface PointerActions {
  /** What is under a point of the grid: a cell, a label (-1 for the other side), or nothing. */
  at(x: number, y: number): Cell | null;
  hover(cell: Cell | null): void;
  pin(cell: Cell): void;
  brush(from: Cell, to: Cell): void;
  scroll(dx: number, dy: number): void;
  /** null: back to the whole. */
  zoom(factor: number | null, x: number, y: number): void;
}

/** Pixels that a press may wander and still be a click. */
const CLICK = 4;

export function listenPointer(grid: HTMLElement, { document, signal }: Place, actions: PointerActions): void {
  const place = (event: MouseEvent): readonly [number, number] => {
    const box = grid.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  let press: { x: number; y: number; cell: Cell | null; moved: boolean; pan: boolean } | null = null;
  const space = spaceHeld(grid, { document, signal });

  listen(grid, "pointermove", (event) => {
    const [x, y] = place(event);
    if (press) press.moved ||= Math.hypot(x - press.x, y - press.y) > CLICK;
    if (press?.pan) {
      actions.scroll(press.x - x, press.y - y);
      [press.x, press.y] = [x, y];
      return;
    }
    const cell = actions.at(x, y);
    actions.hover(cell);
    if (press?.moved && isCell(press.cell) && isCell(cell)) actions.brush(press.cell, cell);
  });
  listen(grid, "pointerdown", (event) => {
    if (event.button > 1) return;
    const [x, y] = place(event);
    press = { x, y, cell: actions.at(x, y), moved: false, pan: space() || event.button === 1 };
    if (press.pan) event.preventDefault();
  });
  listen(grid, "pointerleave", () => actions.hover(null));
  listen(grid, "click", (event) => {
    const moved = press?.moved === true || press?.pan === true;
    press = null;
    const cell = actions.at(...place(event));
    if (cell && !moved) actions.pin(cell);
  });
  const release = () => {
    // The click that ends a press on the grid comes after this.
    setTimeout(() => {
      press = null;
    });
  };
  listen(document, "pointerup", release, { signal });
  listen(grid, "dblclick", (event) => actions.zoom(null, ...place(event)));
  listen(
    grid,
    "wheel",
    (event) => {
      // The plain wheel scrolls the notebook. A pinch on a trackpad comes as a wheel with Ctrl.
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      const pixels = event.deltaMode === 1 ? event.deltaY * 16 : event.deltaY;
      actions.zoom(2 ** (-pixels / 180), ...place(event));
    },
    { passive: false },
  );
}

function isCell(cell: Cell | null): cell is Cell {
  return cell !== null && cell.row >= 0 && cell.column >= 0;
}

/** Whether the space bar is down while the pointer is over the grid. */
function spaceHeld(grid: HTMLElement, { document, signal }: Place): () => boolean {
  let over = false;
  let held = false;
  listen(grid, "pointerenter", () => {
    over = true;
  });
  listen(grid, "pointerleave", () => {
    over = false;
  });
  for (const type of ["keydown", "keyup"] as const)
    listen(
      document,
      type,
      (event) => {
        const typing = event.target instanceof Element && event.target.closest("input, textarea, [contenteditable]");
        if (event.key !== " " || typing) return;
        held = type === "keydown" && over;
        if (!held) return;
        claim(event);
      },
      { signal, capture: true },
    );
  return () => held;
}
