/** The matrix in words and attributes: for screen readers, and for whoever needs to know where the cells are. */

import type { Table } from "../../data/table";
import type { Layout } from "../../draw/layout";
import { element, setAttributes, setText } from "../../style/dom";
import type { Progress } from "../../wire/protocol";
import { factsOf } from "./tooltip";

export interface Described {
  readonly table: Table;
  readonly progress: Progress | null;
  readonly limit: (row: number) => number;
  readonly cell: { readonly row: number; readonly column: number } | null;
  readonly layout: Layout;
}

/** The grid with one hidden live cell: thousands of cells as elements would be slow for everyone. */
export interface Grid {
  readonly element: HTMLElement;
  describe(data: Described): void;
}

export function createGrid(document: Document, id: string, canvas: HTMLCanvasElement): Grid {
  const active = element(document, "div", { role: "gridcell", id: `${id}-cell` });
  const row = element(document, "div", { role: "row", class: "law-hidden" }, active);
  const label = "Attribution of each output token (rows) to each part of the prompt (columns). Press ? for the keys.";
  const grid = element(document, "div", { class: "law-grid", role: "grid", tabindex: 0, "aria-label": label });
  grid.append(canvas, row);
  return {
    element: grid,
    describe({ table, progress, limit, cell, layout: at }) {
      setAttributes(grid, {
        "aria-rowcount": table.rows.length,
        "aria-colcount": table.columns.length,
        "aria-activedescendant": cell ? active.id : null,
        "data-x0": at.plot.x - at.scroll.x,
        "data-y0": at.plot.y - at.scroll.y,
        "data-cell-width": at.cell.width,
        "data-cell-height": at.cell.height,
        "data-zoom": at.zoom,
        "data-limit": limit(cell?.row ?? 0),
      });
      setAttributes(row, { "aria-rowindex": (cell?.row ?? 0) + 1 });
      setAttributes(active, { "aria-colindex": (cell?.column ?? 0) + 1 });
      if (!cell) return setText(active, "No cell chosen: use the arrow keys");
      const { title, facts } = factsOf({ table, progress, ...cell });
      setText(active, `${title}: ${facts.map(({ name, value }) => `${name} ${value}`).join(", ")}`);
    },
  };
}
