/** Where everything of the matrix stands, in CSS pixels. */

import type { Cell } from "../data/table";
import {
  BAR_GAP,
  BAR_HEIGHT,
  BAR_NUMBER,
  BAR_WIDTH,
  CELL,
  LABEL_CELL,
  LABEL_GAP,
  LABEL_LINE,
  LABELS_FROM,
  LEAST_WIDTH,
  MOST_WIDTH,
  PLOT_HEIGHT,
} from "../style/style";

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** How far the matrix is zoomed in (1: fits) and scrolled, in CSS pixels. */
export interface Viewport {
  readonly zoom: number;
  readonly x: number;
  readonly y: number;
}

export const FIT: Viewport = { zoom: 1, x: 0, y: 0 };

/** What `layout` needs to know. Label sizes are measured, as drawn (column labels are tilted by 45°). */
export interface Shape {
  readonly rows: number;
  readonly columns: number;
  readonly width: number;
  readonly rowLabelWidth: number;
  readonly columnLabelWidth: number;
}

/** cell: size of one cell; scroll: pixels of the matrix left of and above the plot; every box is on the canvas. */
export interface Layout {
  readonly rows: number;
  readonly columns: number;
  readonly width: number;
  readonly height: number;
  readonly plot: Box;
  readonly columnBars: Box;
  readonly rowBars: Box;
  readonly cell: { readonly width: number; readonly height: number };
  readonly scroll: { readonly x: number; readonly y: number };
  readonly zoom: number;
  /** Tilt of the column labels, in radians above the horizontal. */
  readonly tilt: number;
}

/** Of a cell that is zoomed in. */
const LARGEST = { width: 72, height: 44 };

/** The shape of a matrix that is drawn for itself: cells of full size where the whole is not too wide for that. */
export function sizeFor(rowLabelWidth: number, columnLabelWidth: number, rows: number, columns: number): Shape {
  const room = Math.max(LEAST_WIDTH, Math.min(MOST_WIDTH, columns * CELL.width));
  const width = rowLabelWidth + LABEL_GAP + room + BAR_GAP + BAR_WIDTH + BAR_NUMBER;
  return { rows, columns, width, rowLabelWidth, columnLabelWidth };
}

export function layout(shape: Shape, viewport: Viewport = FIT): Layout {
  const { rows, columns, width } = shape;
  const left = shape.rowLabelWidth + LABEL_GAP;
  const right = BAR_GAP + BAR_WIDTH + BAR_NUMBER;
  const room = Math.max(40, width - left - right);
  const fit = {
    width: Math.min(CELL.width, room / Math.max(1, columns)),
    height: Math.min(CELL.height, Math.max(PLOT_HEIGHT / Math.max(1, rows), rows <= 50 ? LABEL_CELL : 0)),
  };
  const tilt = tiltFor(fit.width);
  const top = Math.ceil(shape.columnLabelWidth * Math.sin(tilt)) + 16 + BAR_HEIGHT + 4;
  const cell = {
    width: Math.max(fit.width, Math.min(LARGEST.width, fit.width * viewport.zoom)),
    height: Math.max(fit.height, Math.min(LARGEST.height, fit.height * viewport.zoom)),
  };
  const plot = {
    x: left,
    y: top,
    width: Math.min(room, cell.width * columns),
    height: Math.min(Math.max(fit.height * rows, 1), cell.height * rows),
  };
  const scroll = {
    x: clamp(viewport.x, 0, Math.max(0, cell.width * columns - plot.width)),
    y: clamp(viewport.y, 0, Math.max(0, cell.height * rows - plot.height)),
  };
  return {
    rows,
    columns,
    width,
    height: plot.y + plot.height + 6,
    plot,
    columnBars: { x: plot.x, y: plot.y - 4 - BAR_HEIGHT, width: plot.width, height: BAR_HEIGHT },
    rowBars: { x: plot.x + plot.width + BAR_GAP, y: plot.y, width: BAR_WIDTH, height: plot.height },
    cell,
    scroll,
    zoom: viewport.zoom,
    tilt,
  };
}

/** The box of a cell on the canvas, also where it is scrolled out of sight. */
export function cellBox(at: Layout, { row, column }: Cell): Box {
  return {
    x: at.plot.x + column * at.cell.width - at.scroll.x,
    y: at.plot.y + row * at.cell.height - at.scroll.y,
    width: at.cell.width,
    height: at.cell.height,
  };
}

/** The cell under a point of the canvas, or null outside the plot. */
export function cellAt(at: Layout, x: number, y: number): Cell | null {
  const { plot, cell, scroll } = at;
  if (x < plot.x || y < plot.y || x >= plot.x + plot.width || y >= plot.y + plot.height) return null;
  const column = Math.floor((x - plot.x + scroll.x) / cell.width);
  const row = Math.floor((y - plot.y + scroll.y) / cell.height);
  return row < at.rows && column < at.columns ? { row, column } : null;
}

/** The row whose label or bar is under a point, or -1. */
export function rowAt(at: Layout, x: number, y: number): number {
  const inside = (x < at.plot.x || x >= at.plot.x + at.plot.width) && y >= at.plot.y && y < at.plot.y + at.plot.height;
  const row = Math.floor((y - at.plot.y + at.scroll.y) / at.cell.height);
  return inside && row < at.rows ? row : -1;
}

/** The column whose bar or (tilted) label is under a point, or -1. */
export function columnAt(at: Layout, x: number, y: number): number {
  if (y >= at.plot.y || at.columns === 0) return -1;
  const above = Math.max(0, at.columnBars.y - y);
  const onAxis = x - above / Math.tan(at.tilt);
  if (onAxis < at.plot.x || onAxis >= at.plot.x + at.plot.width) return -1;
  const column = Math.floor((onAxis - at.plot.x + at.scroll.x) / at.cell.width);
  return column < at.columns ? column : -1;
}

/** Rows and columns in sight: first, and one after the last. */
export function inSight(at: Layout): { rows: readonly [number, number]; columns: readonly [number, number] } {
  const part = (scroll: number, size: number, room: number, lines: number): readonly [number, number] => [
    Math.max(0, Math.floor(scroll / size)),
    Math.min(lines, Math.ceil((scroll + room) / size - 1e-6)),
  ];
  return {
    rows: part(at.scroll.y, at.cell.height, at.plot.height, at.rows),
    columns: part(at.scroll.x, at.cell.width, at.plot.width, at.columns),
  };
}

/** Every how-many-th label has room: of the rows (tilt of a right angle), or of the tilted columns. */
export function labelStride(cell: number, tilt = Math.PI / 2): number {
  if (cell >= LABELS_FROM && cell * Math.sin(tilt) > LABEL_LINE - 1.5) return 1;
  return Math.max(1, Math.ceil(LABEL_LINE / Math.sin(tilt) / cell - 1e-6));
}

/** 45° where there is room, steeper where columns are narrow, and 60° where only some are labelled. */
function tiltFor(cell: number): number {
  if (cell < LABELS_FROM) return Math.PI / 3;
  return Math.max(Math.PI / 4, Math.asin(Math.min(1, LABEL_LINE / cell)));
}

/** Zoomed by a factor around a point of the canvas, which stays where it is. */
export function zoomAt(shape: Shape, viewport: Viewport, factor: number, x: number, y: number): Viewport {
  const before = layout(shape, viewport);
  const most = Math.max(1, LARGEST.width / layout(shape).cell.width, LARGEST.height / layout(shape).cell.height);
  const zoom = clamp(viewport.zoom * factor, 1, most);
  const after = layout(shape, { ...viewport, zoom });
  const kept = (scroll: number, point: number, from: number, to: number) => ((scroll + point) / from) * to - point;
  return {
    zoom,
    x: kept(before.scroll.x, x - before.plot.x, before.cell.width, after.cell.width),
    y: kept(before.scroll.y, y - before.plot.y, before.cell.height, after.cell.height),
  };
}

export function clamp(value: number, low: number, high: number): number {
  return Math.max(low, Math.min(high, value));
}
