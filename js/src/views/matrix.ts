/** The matrix: canvas, highlights, tooltip and legend; zoom and scroll. */
import { element, type Place, setAttributes, setText, uniqueId } from "../dom";
import { measured, paintEdges } from "../edges";
import { featureLabel, tokenLabel } from "../format";
import {
  type Cell,
  cellAt,
  cellBox,
  columnAt,
  FIT,
  type Layout,
  layout,
  rowAt,
  type Shape,
  type Viewport,
  zoomAt,
} from "../layout";
import { type Lit, type Palette, paintCells, paintLit, type Scene } from "../paint";
import type { Progress } from "../protocol";
import type { Table } from "../table";
import { createLegend } from "./legend";
import { createTooltip, factsOf } from "./tooltip";

export interface MatrixData {
  readonly table: Table;
  readonly progress: Progress | null;
  readonly palette: Palette;
  readonly limits: (row: number) => number;
  /** Limit of the whole matrix, or null where every row has its own. */
  readonly limit: number | null;
  readonly totalLimit: number;
  readonly totalName: string;
  readonly sums: Float32Array;
  readonly lit: Lit;
  /** Row and column whose tooltip is open in this view. */
  readonly open: Cell | null;
}

export interface MatrixActions {
  /** Row and column under the pointer; -1 where it is on a label only, null outside. */
  hover(cell: Cell | null): void;
  pin(cell: Cell): void;
  /** Lifts all pins and the span. */
  clear(): void;
  /** Something here changed (size, zoom): draw again. */
  redraw(): void;
}

export interface MatrixView {
  readonly element: HTMLElement;
  update(data: MatrixData): void;
}

interface Labels {
  readonly table: Table;
  readonly font: string;
  readonly rows: { readonly labels: readonly string[]; readonly width: number };
  readonly columns: { readonly labels: readonly string[]; readonly width: number };
}

export function createMatrix(place: Place, actions: MatrixActions): MatrixView {
  const { document } = place;
  const id = uniqueId(document);
  const canvas = element(document, "canvas", { "aria-hidden": "true" });
  const cells = element(document, "canvas");
  const active = element(document, "div", { role: "gridcell", id: `${id}-cell` });
  const row = element(document, "div", { role: "row", class: "law-hidden" }, active);
  const grid = element(document, "div", {
    class: "law-grid",
    role: "grid",
    tabindex: 0,
    "aria-label": "Attribution of each output token (rows) to each part of the prompt (columns)",
  });
  grid.append(canvas, row);
  const tooltip = createTooltip(place, `${id}-tip`);
  const legend = createLegend(place);
  const root = element(document, "div", { class: "law-matrix" }, grid, legend.element, tooltip.element);

  let viewport: Viewport = FIT;
  let labels: Labels | null = null;
  let drawn: { key: readonly unknown[]; layout: Layout } | null = null;
  let shape: Shape | null = null;

  listen(grid, place, {
    at: (x, y) => (drawn ? spotAt(drawn.layout, x, y) : null),
    hover: actions.hover,
    pin: actions.pin,
    zoom(factor, x, y) {
      if (!shape) return;
      viewport = factor === null ? FIT : zoomAt(shape, viewport, factor, x, y);
      actions.redraw();
    },
  });
  observeSize(root, place, actions.redraw);

  return {
    element: root,
    update(data) {
      const to = canvas.getContext("2d");
      const width = Math.floor(grid.clientWidth);
      if (!to || width < 40) return;
      const { table, palette } = data;
      if (
        !labels ||
        labels.table.rows !== table.rows ||
        labels.table.columns !== table.columns ||
        labels.font !== palette.font
      )
        labels = labelsOf(to, table, palette.font);
      shape = {
        rows: table.rows.length,
        columns: table.columns.length,
        width,
        rowLabelWidth: labels.rows.width,
        columnLabelWidth: labels.columns.width,
      };
      const at = layout(shape, viewport);
      const scene = sceneOf(data, at, labels);
      const ratio = document.defaultView?.devicePixelRatio ?? 1;
      const key = [table.values, table, palette, data.limit, width, ratio, at.zoom, at.scroll.x, at.scroll.y];
      if (!drawn || key.some((part, index) => part !== drawn?.key[index])) {
        resize(cells, at.plot.width, at.plot.height, ratio, null);
        const layer = cells.getContext("2d");
        if (layer) {
          layer.setTransform(ratio, 0, 0, ratio, 0, 0);
          paintCells(layer, scene, ratio, () => element(document, "canvas"));
        }
      }
      drawn = { key, layout: at };
      resize(canvas, width, at.height, ratio, canvas.style);
      to.setTransform(ratio, 0, 0, ratio, 0, 0);
      to.drawImage(cells, at.plot.x, at.plot.y, cells.width / ratio, cells.height / ratio);
      paintEdges(to, scene, data.lit);
      paintLit(to, scene, data.lit);
      describe(grid, row, active, data, at, `${id}-cell`);
      const chart = table.chart;
      legend.update({ colours: palette.colours, limit: data.limit, unit: chart.unit, fades: chart.sampled });
      legend.element.style.marginLeft = `${at.plot.x}px`;
      showTooltip(tooltip, data, at, root);
    },
  };
}

function sceneOf(data: MatrixData, at: Layout, labels: Labels): Scene {
  const { table, palette, limits, totalLimit, totalName, sums } = data;
  return {
    layout: at,
    table,
    palette,
    limits,
    totalLimit,
    totalName,
    sums,
    rowLabels: labels.rows.labels,
    columnLabels: labels.columns.labels,
  };
}

function labelsOf(to: CanvasRenderingContext2D, table: Table, font: string): Labels {
  return {
    table,
    font,
    rows: measured(
      to,
      table.rows.map((line) => tokenLabel(line.text)),
      font,
    ),
    columns: measured(
      to,
      table.columns.map((line) => featureLabel(line.text)),
      font,
    ),
  };
}

/** Sets a canvas to a size in CSS pixels and clears it. */
function resize(
  canvas: HTMLCanvasElement,
  width: number,
  height: number,
  ratio: number,
  style: CSSStyleDeclaration | null,
): void {
  canvas.width = Math.max(1, Math.round(width * ratio));
  canvas.height = Math.max(1, Math.round(height * ratio));
  if (!style) return;
  style.width = `${width}px`;
  style.height = `${height}px`;
}

function spotAt(at: Layout, x: number, y: number): Cell | null {
  const cell = cellAt(at, x, y);
  if (cell) return cell;
  const [row, column] = [rowAt(at, x, y), columnAt(at, x, y)];
  return row < 0 && column < 0 ? null : { row, column: row < 0 ? column : -1 };
}

/** For screen readers, and for whoever needs to know where the cells are. */
function describe(
  grid: HTMLElement,
  row: HTMLElement,
  active: HTMLElement,
  data: MatrixData,
  at: Layout,
  id: string,
): void {
  const { table, lit } = data;
  setAttributes(grid, {
    "aria-rowcount": table.rows.length,
    "aria-colcount": table.columns.length,
    "aria-activedescendant": lit.cell ? id : null,
    "data-x0": at.plot.x - at.scroll.x,
    "data-y0": at.plot.y - at.scroll.y,
    "data-cell-width": at.cell.width,
    "data-cell-height": at.cell.height,
    "data-zoom": at.zoom,
    "data-limit": data.limit,
  });
  if (!lit.cell) return setText(active, "");
  setAttributes(row, { "aria-rowindex": lit.cell.row + 1 });
  setAttributes(active, { "aria-colindex": lit.cell.column + 1 });
  const { title, facts } = factsOf({ table, progress: data.progress, ...lit.cell, limit: data.limits(lit.cell.row) });
  setText(active, `${title}: ${facts.map(({ name, value }) => `${name} ${value}`).join(", ")}`);
}

function showTooltip(tooltip: ReturnType<typeof createTooltip>, data: MatrixData, at: Layout, root: HTMLElement): void {
  const room = { width: root.clientWidth, height: root.clientHeight + 40 };
  if (!data.open) return tooltip.update(null, null, room);
  const box = cellBox(at, data.open);
  const grid = root.firstElementChild as HTMLElement;
  const anchor = { ...box, x: box.x + grid.offsetLeft, y: box.y + grid.offsetTop };
  const { table, progress } = data;
  tooltip.update({ table, progress, ...data.open, limit: data.limits(data.open.row) }, anchor, room);
}

interface Pointer {
  at(x: number, y: number): Cell | null;
  hover(cell: Cell | null): void;
  pin(cell: Cell): void;
  /** null: back to the whole. */
  zoom(factor: number | null, x: number, y: number): void;
}

function listen(grid: HTMLElement, { signal }: Place, pointer: Pointer): void {
  const place = (event: MouseEvent): readonly [number, number] => {
    const box = grid.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  grid.addEventListener("pointermove", (event) => pointer.hover(pointer.at(...place(event))), { signal });
  grid.addEventListener("pointerleave", () => pointer.hover(null), { signal });
  grid.addEventListener(
    "click",
    (event) => {
      const cell = pointer.at(...place(event));
      if (cell) pointer.pin(cell);
    },
    { signal },
  );
}

/** Redraws when the width changes; where there is no ResizeObserver, when the window does. */
function observeSize(root: HTMLElement, { document, signal }: Place, redraw: () => void): void {
  const Observer = document.defaultView?.ResizeObserver;
  if (!Observer) {
    document.defaultView?.addEventListener("resize", redraw, { signal });
    return;
  }
  const observer = new Observer(redraw);
  observer.observe(root);
  signal.addEventListener("abort", () => observer.disconnect());
}
