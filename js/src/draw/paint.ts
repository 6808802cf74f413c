/** The matrix on a canvas: cells, labels, sums along the edges, highlights. Pixels only, no events. */

import type { Band } from "../data/bands";
import type { Cell, Table } from "../data/table";
import { cellColour, colourTable, css, inkOn, type Palette, tableIndex, worthWriting } from "../style/colours";
import { cellDecimals, signed } from "../style/format";
import { BOXES_FROM, LABELS_FROM, NUMBER_SIZE, VALUES_FROM } from "../style/style";
import { type Box, cellBox, inSight, type Layout } from "./layout";
import { blocksIn, cellsPerPixel, createPyramid, type Level, type Pyramid } from "./pyramid";

export type Context = CanvasRenderingContext2D;

/** limits: one for all rows, or one for each. rowLabels and columnLabels are shortened already. */
export interface Scene {
  readonly layout: Layout;
  readonly table: Table;
  readonly palette: Palette;
  readonly limits: (row: number) => number;
  readonly sequenceLimit: number;
  /** What the bars above are the attribution of. */
  readonly totalName: string;
  readonly sums: Float32Array;
  readonly rowLabels: readonly string[];
  readonly columnLabels: readonly string[];
  readonly rowBands: readonly Band[];
  readonly columnBands: readonly Band[];
}

/** What is lit: -1 and null are none. */
export interface Lit {
  readonly row: number;
  readonly column: number;
  readonly cell: Cell | null;
  readonly span: ReadonlySet<number>;
  /** First and last cell of a rectangle. */
  readonly brush: readonly [Cell, Cell] | null;
  readonly pins: readonly { readonly letter: string; readonly row: number; readonly column: number }[];
}

const HATCH_STEP = 6;
/** Share of the limit from which a negative cell is hatched: what has no colour needs no second sign. */
const HATCH_FROM = 0.05;

/** Cells of the plot, drawn from (0, 0): rounded boxes where there is room, else one picture. */
export function paintCells(
  to: Context,
  scene: Scene,
  pixelRatio: number,
  makeCanvas: () => HTMLCanvasElement,
  pyramid = createPyramid(),
): void {
  const { cell } = scene.layout;
  if (Math.min(cell.width, cell.height) >= BOXES_FROM) paintBoxes(to, scene);
  else paintPicture(to, scene, pixelRatio, makeCanvas, pyramid);
}

function paintBoxes(to: Context, scene: Scene): void {
  const { layout, table, palette } = scene;
  const sight = inSight(layout);
  const gap = Math.min(layout.cell.width, layout.cell.height) >= 16 ? 1 : 0.5;
  const numbers = layout.cell.width >= VALUES_FROM.width && layout.cell.height >= VALUES_FROM.height;
  to.textAlign = "center";
  to.textBaseline = "middle";
  to.font = `${NUMBER_SIZE}px ${palette.font}`;
  for (let row = sight.rows[0]; row < sight.rows[1]; row++) {
    const limit = scene.limits(row);
    for (let column = sight.columns[0]; column < sight.columns[1]; column++) {
      const index = row * table.columns.length + column;
      const value = table.values[index] as number;
      const error = table.errors[index] as number;
      const box = cellBox(layout, { row, column });
      const inner = { x: box.x - layout.plot.x, y: box.y - layout.plot.y, width: box.width, height: box.height };
      paintBox(to, inner, gap, value, error, limit, palette);
      if (palette.hatched && value < 0 && Math.abs(value) >= HATCH_FROM * limit) paintHatch(to, inner, gap, palette);
      if (numbers) paintNumber(to, inner, value, error, limit, palette);
    }
  }
}

function paintBox(
  to: Context,
  box: Box,
  gap: number,
  value: number,
  error: number,
  limit: number,
  palette: Palette,
): void {
  to.fillStyle = css(cellColour(value, error, limit, palette.colours));
  to.beginPath();
  to.roundRect(box.x + gap, box.y + gap, box.width - 2 * gap, box.height - 2 * gap, gap * 3);
  to.fill();
  if (Math.abs(value) > limit * 1.000001) paintClipped(to, box, palette);
}

/** A cell beyond the end of the scale says so: a notch in its corner. */
function paintClipped(to: Context, box: Box, palette: Palette): void {
  const size = Math.min(7, box.width / 3, box.height / 3);
  to.fillStyle = palette.ground;
  to.beginPath();
  to.moveTo(box.x + box.width, box.y);
  to.lineTo(box.x + box.width - size, box.y);
  to.lineTo(box.x + box.width, box.y + size);
  to.fill();
}

/** Lines across a negative cell. */
function paintHatch(to: Context, box: Box, gap: number, palette: Palette): void {
  const [left, top] = [box.x + gap, box.y + gap];
  const [width, height] = [box.width - 2 * gap, box.height - 2 * gap];
  to.strokeStyle = palette.text;
  to.lineWidth = 1;
  to.globalAlpha = 0.4;
  to.beginPath();
  for (let from = HATCH_STEP; from < width + height; from += HATCH_STEP) {
    to.moveTo(left + Math.min(from, width), top + Math.max(0, from - width));
    to.lineTo(left + Math.max(0, from - height), top + Math.min(from, height));
  }
  to.stroke();
  to.globalAlpha = 1;
}

function paintNumber(to: Context, box: Box, value: number, error: number, limit: number, palette: Palette): void {
  if (!worthWriting(value, error, limit)) return;
  to.fillStyle = inkOn(cellColour(value, error, limit, palette.colours));
  const text = signed(value, cellDecimals(limit));
  to.fillText(text, box.x + box.width / 2, box.y + box.height / 2 + 0.5, box.width - 3);
}

function paintPicture(
  to: Context,
  scene: Scene,
  pixelRatio: number,
  makeCanvas: () => HTMLCanvasElement,
  pyramid: Pyramid,
): void {
  const { layout, table } = scene;
  const { cell, scroll } = layout;
  const block = { rows: cellsPerPixel(cell.height, pixelRatio), columns: cellsPerPixel(cell.width, pixelRatio) };
  const sight = inSight(layout);
  const part = blocksIn({ rows: sight.rows, columns: sight.columns }, block);
  const level = pyramid(table, { rows: table.rows.length, columns: table.columns.length }, block, part);
  const image = to.createImageData(level.columns, level.rows);
  fillPixels(new Uint32Array(image.data.buffer), level, scene);
  const canvas = makeCanvas();
  canvas.width = level.columns;
  canvas.height = level.rows;
  canvas.getContext("2d")?.putImageData(image, 0, 0);
  to.imageSmoothingEnabled = false;
  const size = { width: cell.width * block.columns, height: cell.height * block.rows };
  const [x, y] = [part.columns[0] * size.width - scroll.x, part.rows[0] * size.height - scroll.y];
  to.drawImage(canvas, x, y, size.width * level.columns, size.height * level.rows);
}

/** The colour of the cell that stands for each block. Hundreds of thousands a frame. */
function fillPixels(pixels: Uint32Array, { rows, columns, index }: Level, scene: Scene): void {
  const { table, palette, limits } = scene;
  const colours = colourTable(palette.colours);
  const stripe = palette.theme === "dark" ? 0xffffffff : 0xff2b1b10;
  for (let y = 0; y < rows; y++) {
    const part = index.subarray(y * columns, (y + 1) * columns);
    const row = pixels.subarray(y * columns, (y + 1) * columns);
    fillRow(row, part, table, limits, colours);
    if (palette.hatched) stripeRow(row, part, table, limits, stripe, (y * (columns + 1)) % 2);
  }
}

function fillRow(
  pixels: Uint32Array,
  index: Uint32Array,
  { values, errors, columns }: Table,
  limits: Scene["limits"],
  colours: Uint32Array,
): void {
  const width = columns.length;
  for (let x = 0; x < index.length; x++) {
    const cell = index[x] as number;
    const limit = limits((cell / width) | 0);
    pixels[x] = colours[tableIndex(values[cell] as number, errors[cell] as number, limit)] as number;
  }
}

/** Where cells are too small for lines, every other one of a row of negative cells is a shade darker or lighter. */
function stripeRow(
  pixels: Uint32Array,
  index: Uint32Array,
  { values, columns }: Table,
  limits: Scene["limits"],
  stripe: number,
  first: number,
): void {
  for (let x = first; x < index.length; x += 2) {
    const cell = index[x] as number;
    if ((values[cell] as number) < -HATCH_FROM * limits((cell / columns.length) | 0)) pixels[x] = stripe;
  }
}

/** Outlines of the lit cell and the pinned ones, and lines from the lit cell to its labels. */
export function paintLit(to: Context, scene: Scene, lit: Lit): void {
  const { layout, palette } = scene;
  to.save();
  to.beginPath();
  to.rect(layout.plot.x - 1, layout.plot.y - 1, layout.plot.width + 2, layout.plot.height + 2);
  to.clip();
  if (lit.cell) {
    const box = cellBox(layout, lit.cell);
    to.fillStyle = palette.text;
    to.globalAlpha = 0.16;
    to.fillRect(layout.plot.x, box.y, box.x - layout.plot.x, 1);
    to.fillRect(box.x, layout.plot.y, 1, box.y - layout.plot.y);
    to.globalAlpha = 1;
  }
  if (lit.brush) outline(to, boxOf(layout, ...lit.brush), palette.accent);
  for (const pin of lit.pins) paintPin(to, scene, pin);
  if (lit.cell) outline(to, boxOf(layout, lit.cell, lit.cell), palette.text);
  to.restore();
}

function paintPin(to: Context, scene: Scene, pin: { letter: string; row: number; column: number }): void {
  const { layout, palette } = scene;
  const { rows, columns } = layout;
  const [first, last] = [
    { row: Math.max(0, pin.row), column: Math.max(0, pin.column) },
    { row: pin.row < 0 ? rows - 1 : pin.row, column: pin.column < 0 ? columns - 1 : pin.column },
  ];
  const box = boxOf(layout, first, last);
  outline(to, box, palette.text);
  if (Math.min(layout.cell.width, layout.cell.height) < LABELS_FROM) return;
  to.fillStyle = palette.text;
  to.beginPath();
  to.arc(box.x + box.width - 5, box.y + 5, 6, 0, 2 * Math.PI);
  to.fill();
  to.fillStyle = palette.ground;
  to.font = `700 9px ${palette.font}`;
  to.textAlign = "center";
  to.textBaseline = "middle";
  to.fillText(pin.letter, box.x + box.width - 5, box.y + 5.5);
}

/** The box around the cells from one to another. */
function boxOf(layout: Layout, first: Cell, last: Cell): Box {
  const [from, to] = [cellBox(layout, first), cellBox(layout, last)];
  return { x: from.x, y: from.y, width: to.x + to.width - from.x, height: to.y + to.height - from.y };
}

function outline(to: Context, box: Box, colour: string): void {
  to.strokeStyle = colour;
  to.lineWidth = 1.5;
  to.beginPath();
  to.roundRect(box.x + 0.5, box.y + 0.5, Math.max(1, box.width - 1), Math.max(1, box.height - 1), 3);
  to.stroke();
}
