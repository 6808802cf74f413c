/** The matrix: canvas, highlights, tooltip, legend and tools; zoom and scroll. */
import type { Band } from "../../data/bands";
import type { Shown } from "../../data/shown";
import type { Cell } from "../../data/table";
import { paintEdges, shortLabels, widest } from "../../draw/edges";
import {
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
} from "../../draw/layout";
import { type Lit, paintCells, paintLit, type Scene } from "../../draw/paint";
import { createPyramid } from "../../draw/pyramid";
import { type Labels, labelsOf, sceneOf } from "../../draw/scene";
import type { Palette, ScaleMode } from "../../style/colours";
import { boxOf, element, listen, type Place, uniqueId } from "../../style/dom";
import type { Progress } from "../../wire/protocol";
import { createGrid } from "./describe";
import { listenKeys } from "./keys";
import { createLegend } from "./legend";
import { createMinimap } from "./minimap";
import { paintedFor } from "./names";
import { listenPointer } from "./pointer";
import { createTools } from "./tools";
import { createTooltip } from "./tooltip";

export interface MatrixData {
  readonly shown: Shown;
  readonly progress: Progress | null;
  readonly palette: Palette;
  readonly lit: Lit;
  /** The cell whose tooltip is open in this view. */
  readonly open: Cell | null;
  readonly listed: boolean;
}

export interface MatrixActions {
  /** Row and column under the pointer; -1 for the other side where it is on a label, null outside. */
  hover(cell: Cell | null): void;
  pin(cell: Cell): void;
  brush(from: Cell, to: Cell): void;
  clear(): void;
  scale(mode: ScaleMode): void;
  hatch(): void;
  /** Shows or hides the table of the largest values. */
  list(): void;
  /** Something here changed (size, zoom): draw again. */
  redraw(): void;
}

export interface MatrixView {
  readonly element: HTMLElement;
  update(data: MatrixData): void;
  focus(): void;
  /** Scrolls a row or column (-1: none) into sight. */
  reveal(cell: Cell): void;
}

/** Labels with the widths they take, as long as texts and type stay. */
interface Measured {
  readonly axes: unknown;
  readonly font: string;
  readonly labels: Labels;
  readonly rowWidth: number;
  readonly columnWidth: number;
}

/** CSS pixels of the narrowest grid that is drawn: one that is hidden has none. */
const LEAST_WIDTH = 40;

export function createMatrix(place: Place, actions: MatrixActions): MatrixView {
  return new Matrix(place, actions);
}

class Matrix implements MatrixView {
  readonly element: HTMLElement;
  readonly #document: Document;
  readonly #actions: MatrixActions;
  readonly #canvas: HTMLCanvasElement;
  readonly #cells: HTMLCanvasElement;
  readonly #grid: ReturnType<typeof createGrid>;
  readonly #tooltip: ReturnType<typeof createTooltip>;
  readonly #legend: ReturnType<typeof createLegend>;
  readonly #tools: ReturnType<typeof createTools>;
  readonly #minimap: ReturnType<typeof createMinimap>;
  readonly #pyramid = createPyramid();
  #viewport: Viewport = FIT;
  #shape: Shape | null = null;
  #measured: Measured | null = null;
  #scene: Scene | null = null;
  #drawn: readonly unknown[] = [];
  #active: Cell | null = null;
  /** Where the pointer is, while it is over the grid. */
  #pointer: readonly [number, number] | null = null;
  /** Width of the grid as its observer told it; 0 before that. */
  #wide = 0;

  constructor(place: Place, actions: MatrixActions) {
    const { document } = place;
    const id = uniqueId(document);
    this.#document = document;
    this.#actions = actions;
    this.#canvas = element(document, "canvas", { "aria-hidden": "true" });
    this.#cells = element(document, "canvas");
    this.#grid = createGrid(document, id, this.#canvas);
    this.#tooltip = createTooltip(place, `${id}-tip`);
    this.#legend = createLegend(place);
    const zoom = (factor: number | null) => this.#zoom(factor);
    this.#tools = createTools(place, { scale: actions.scale, list: actions.list, hatch: actions.hatch, zoom });
    this.#minimap = createMinimap(
      place,
      () => this.#ratio(),
      (x, y) => this.#center(x, y),
    );
    const below = boxOf(document, "below", this.#legend.element, this.#minimap.element);
    below.append(this.#tools.element);
    this.element = boxOf(document, "matrix", this.#grid.element, below, this.#tooltip.element);
    this.#listen(place);
    observeWidth(this.#grid.element, place, (width) => {
      if (width !== null && width === this.#wide) return;
      this.#wide = width ?? 0;
      actions.redraw();
    });
  }

  focus(): void {
    this.#grid.element.focus();
  }

  update(data: MatrixData): void {
    const to = this.#canvas.getContext("2d");
    // To ask the page would lay it out anew, so the observer is asked first.
    const width = Math.floor(this.#wide || this.#grid.element.clientWidth);
    if (!to || width < LEAST_WIDTH) return;
    this.#active = data.lit.cell;
    const scene = this.#sceneOf(to, data, width);
    const { layout: at, palette } = scene;
    const fresh = this.#paintCells(scene, data.shown);
    const ratio = this.#ratio();
    blank(this.#canvas, to, width, at.height, ratio);
    this.#canvas.style.width = `${width}px`;
    this.#canvas.style.height = `${at.height}px`;
    to.setTransform(ratio, 0, 0, ratio, 0, 0);
    to.drawImage(this.#cells, at.plot.x, at.plot.y, this.#cells.width / ratio, this.#cells.height / ratio);
    paintEdges(to, scene, data.lit);
    paintLit(to, scene, data.lit);
    const moved = this.#scene !== null && this.#scene.table.columns !== scene.table.columns;
    this.#scene = scene;
    // Other columns are under a pointer that rests.
    if (moved && data.open && this.#pointer) this.#actions.hover(spotAt(at, ...this.#pointer));
    this.#minimap.update(scene, fresh);
    this.#around(data, at, palette);
  }

  #sceneOf(to: CanvasRenderingContext2D, { shown, palette }: MatrixData, width: number): Scene {
    const { table } = shown;
    if (this.#measured?.axes !== shown.axes || this.#measured.font !== palette.font)
      this.#measured = measured(to, shown, palette.font);
    const { labels, rowWidth, columnWidth } = this.#measured;
    this.#shape = {
      rows: table.rows.length,
      columns: table.columns.length,
      width,
      rowLabelWidth: rowWidth,
      columnLabelWidth: columnWidth,
    };
    return sceneOf(shown, palette, layout(this.#shape, this.#viewport), labels);
  }

  /** Draws the cells where anything of them changed; says whether numbers or colours did. */
  #paintCells(scene: Scene, shown: Shown): boolean {
    const { layout: at, palette } = scene;
    const ratio = this.#ratio();
    const key = [shown, palette, at.width, ratio, at.zoom, at.scroll.x, at.scroll.y];
    const before = this.#drawn;
    if (key.every((part, index) => part === before[index])) return false;
    this.#drawn = key;
    const layer = this.#cells.getContext("2d");
    if (!layer) return false;
    blank(this.#cells, layer, at.plot.width, at.plot.height, ratio);
    layer.setTransform(ratio, 0, 0, ratio, 0, 0);
    paintCells(layer, scene, ratio, () => element(this.#document, "canvas"), this.#pyramid);
    return before[0] !== shown || before[1] !== palette;
  }

  #around({ shown, progress, lit, open, listed }: MatrixData, at: Layout, { colours, hatched }: Palette): void {
    const { table, limits: limit, look } = shown;
    this.#grid.describe({ table, progress, limit, cell: lit.cell, layout: at });
    const { unit, sampled } = table.chart;
    const size = look.scale === "row" ? null : shown.limit;
    this.#legend.update({ colours, limit: size, unit, fades: sampled, clipped: shown.clipped });
    this.#legend.element.style.marginLeft = `${at.plot.x}px`;
    const zoomable = at.cell.width < 24 || at.cell.height < 20 || at.zoom > 1;
    this.#tools.update({ scale: look.scale, zoom: at.zoom, zoomable, listed, hatched });
    if (!open || Math.max(open.row, open.column) < 0) return this.#tooltip.hide();
    const room = { width: this.element.clientWidth, height: this.element.clientHeight + 40 };
    const { row, column } = open;
    const box = cellBox(at, open);
    const grid = this.#grid.element;
    // A row as a whole is pointed at beside the cells, a column above them.
    const y = row < 0 ? at.columnBars.y : box.y;
    const x = column < 0 ? at.plot.x : box.x;
    const anchor = { ...box, x: x + grid.offsetLeft, y: y + grid.offsetTop };
    const { spanned } = shown;
    this.#tooltip.update({ table, progress, row, column, spanned, total: paintedFor(shown, -1) }, anchor, room);
  }

  #listen(place: Place): void {
    const { hover, pin, brush, clear, redraw } = this.#actions;
    listen(this.#grid.element, "pointerleave", () => {
      this.#pointer = null;
    });
    listenPointer(this.#grid.element, place, {
      at: (x, y) => {
        this.#pointer = [x, y];
        return this.#scene ? spotAt(this.#scene.layout, x, y) : null;
      },
      hover,
      pin,
      brush,
      scroll: (dx, dy) => {
        const scroll = this.#scene?.layout.scroll ?? FIT;
        this.#viewport = { ...this.#viewport, x: scroll.x + dx, y: scroll.y + dy };
        redraw();
      },
      zoom: (factor, x, y) => this.#zoom(factor, { x, y }),
    });
    listenKeys(this.#grid.element, {
      size: () => ({ rows: this.#shape?.rows ?? 0, columns: this.#shape?.columns ?? 0 }),
      active: () => this.#active,
      move: (cell) => {
        this.reveal(cell);
        // The next key may come before the next frame.
        this.#active = cell;
        hover(cell);
      },
      pin,
      brush,
      clear,
      zoom: (factor) => this.#zoom(factor),
    });
  }

  /** Zooms around a point, else around the middle of the plot; null: back to the whole. */
  #zoom(factor: number | null, point?: { readonly x: number; readonly y: number }): void {
    if (!this.#shape || !this.#scene) return;
    const { plot } = this.#scene.layout;
    const { x, y } = point ?? { x: plot.x + plot.width / 2, y: plot.y + plot.height / 2 };
    this.#viewport = factor === null ? FIT : zoomAt(this.#shape, this.#viewport, factor, x, y);
    this.#actions.redraw();
  }

  /** Scrolls so that a point (shares of the whole) is in the middle. */
  #center(x: number, y: number): void {
    const at = this.#scene?.layout;
    if (!at) return;
    const to = (share: number, cell: number, lines: number, room: number) => share * cell * lines - room / 2;
    this.#viewport = {
      ...this.#viewport,
      x: to(x, at.cell.width, at.columns, at.plot.width),
      y: to(y, at.cell.height, at.rows, at.plot.height),
    };
    this.#actions.redraw();
  }

  /** Scrolls a cell into sight. */
  reveal(cell: Cell): void {
    const at = this.#scene?.layout;
    if (!at) return;
    const into = (scroll: number, line: number, size: number, room: number) =>
      line < 0 ? scroll : Math.max((line + 1) * size - room, Math.min(scroll, line * size));
    this.#viewport = {
      ...this.#viewport,
      x: into(at.scroll.x, cell.column, at.cell.width, at.plot.width),
      y: into(at.scroll.y, cell.row, at.cell.height, at.plot.height),
    };
  }

  #ratio(): number {
    return this.#document.defaultView?.devicePixelRatio ?? 1;
  }
}

function measured(to: CanvasRenderingContext2D, shown: Shown, font: string): Measured {
  const labels = labelsOf(shown.table);
  // Bands have their names where there is no room for labels.
  const width = (own: readonly string[], bands: readonly Band[]) =>
    widest(to, [...own, ...shortLabels(bands.map(({ name }) => name))], font);
  const [rowWidth, columnWidth] = [
    width(["total", ...labels.rows], shown.rowBands),
    width(labels.columns, shown.columnBands),
  ];
  return { axes: shown.axes, font, labels, rowWidth, columnWidth };
}

/** Gives a canvas its size (in CSS pixels) and nothing on it. A new size is a new bitmap: only where it must be. */
function blank(
  canvas: HTMLCanvasElement,
  to: CanvasRenderingContext2D,
  width: number,
  height: number,
  ratio: number,
): void {
  const [across, down] = [Math.max(1, Math.round(width * ratio)), Math.max(1, Math.round(height * ratio))];
  if (canvas.width === across && canvas.height === down) return to.reset();
  canvas.width = across;
  canvas.height = down;
}

function spotAt(at: Layout, x: number, y: number): Cell | null {
  const cell = cellAt(at, x, y);
  if (cell) return cell;
  const [row, column] = [rowAt(at, x, y), columnAt(at, x, y)];
  return row < 0 && column < 0 ? null : { row, column: row < 0 ? column : -1 };
}

/** Tells the width of an element when it changes; null (look for yourself) where there is no ResizeObserver. */
function observeWidth(target: HTMLElement, { document, signal }: Place, changed: (width: number | null) => void): void {
  const Observer = document.defaultView?.ResizeObserver;
  if (!Observer) {
    document.defaultView?.addEventListener("resize", () => changed(null), { signal });
    return;
  }
  const observer = new Observer((entries) => changed(entries.at(-1)?.contentRect.width ?? null));
  observer.observe(target);
  signal.addEventListener("abort", () => observer.disconnect());
}
