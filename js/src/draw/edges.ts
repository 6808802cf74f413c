/** What stands around the cells on the canvas: labels, the total above, row sums at the right. */

import type { Band } from "../data/bands";
import { cellColour, css, ramp } from "../style/colours";
import { cellDecimals, shorten, signed } from "../style/format";
import { BAR_LIMIT, LABEL_SIZE, LABELS_FROM, NUMBER_SIZE } from "../style/style";
import { cellBox, inSight, labelStride } from "./layout";
import type { Context, Lit, Scene } from "./paint";

const LABEL_FONT = `${LABEL_SIZE}px`;
/** How many labels are measured as a whole. */
const MEASURED = 12;

export function paintEdges(to: Context, scene: Scene, lit: Lit): void {
  paintRowLabels(to, scene, lit);
  paintColumnLabels(to, scene, lit);
  paintBands(to, scene);
  paintColumnBars(to, scene, lit);
  to.font = `${NUMBER_SIZE}px ${scene.palette.font}`;
  to.textAlign = "right";
  to.fillStyle = scene.palette.muted;
  to.fillText(
    scene.totalName,
    scene.layout.plot.x - 10,
    scene.layout.columnBars.y + scene.layout.columnBars.height - 7,
  );
  if (scene.table.chart.adds_up) paintRowBars(to, scene);
}

function paintRowLabels(to: Context, scene: Scene, lit: Lit): void {
  const { layout, palette } = scene;
  const [first, last] = inSight(layout).rows;
  const banded = hasNames(scene.rowBands, layout.cell.height, LABELS_FROM);
  const stride = banded ? Number.POSITIVE_INFINITY : labelStride(layout.cell.height);
  to.textAlign = "right";
  to.textBaseline = "middle";
  for (let row = first; row < last; row++) {
    const marked = row === lit.row || lit.span.has(row);
    if ((banded || row % stride !== 0) && !marked) continue;
    if (stride > 1 && !marked && Math.abs(row - lit.row) < stride && lit.row >= 0) continue;
    const y = cellBox(layout, { row, column: 0 }).y + layout.cell.height / 2;
    if (y < layout.plot.y - 1 || y > layout.plot.y + layout.plot.height + 1) continue;
    to.font = `${marked ? "600 " : ""}${LABEL_FONT} ${palette.font}`;
    to.fillStyle = marked ? palette.text : palette.muted;
    to.fillText(scene.rowLabels[row] ?? "", layout.plot.x - 10, y);
  }
}

function paintColumnLabels(to: Context, scene: Scene, lit: Lit): void {
  const { layout, palette } = scene;
  const [first, last] = inSight(layout).columns;
  const banded = hasNames(scene.columnBands, layout.cell.width, LABELS_FROM / Math.sin(layout.tilt));
  const stride = banded ? Number.POSITIVE_INFINITY : labelStride(layout.cell.width, layout.tilt);
  to.textAlign = "left";
  to.textBaseline = "middle";
  for (let column = first; column < last; column++) {
    const marked = column === lit.column;
    if ((banded || column % stride !== 0) && !marked) continue;
    if (stride > 1 && !marked && Math.abs(column - lit.column) < stride && lit.column >= 0) continue;
    const x = cellBox(layout, { row: 0, column }).x + layout.cell.width / 2;
    if (x < layout.plot.x - 1 || x > layout.plot.x + layout.plot.width + 1) continue;
    to.save();
    to.translate(x + 1, layout.columnBars.y - 8);
    to.rotate(-layout.tilt);
    to.font = `${marked ? "600 " : ""}${LABEL_FONT} ${palette.font}`;
    to.fillStyle = marked ? palette.text : palette.muted;
    to.fillText(scene.columnLabels[column] ?? "", 0, 0);
    to.restore();
  }
}

/** Whether cells are too small for labels of their own, and some band is not too small for its name. */
function hasNames(bands: readonly Band[], cell: number, room: number): boolean {
  return cell < LABELS_FROM && bands.some(({ first, end }) => (end - first) * cell >= room);
}

/** A strip beside the plot for each turn or sentence, with its name where there is room: cells too small for labels. */
function paintBands(to: Context, scene: Scene): void {
  const { layout, palette, rowBands, columnBands } = scene;
  const { plot, cell, scroll } = layout;
  to.fillStyle = palette.muted;
  to.font = `${NUMBER_SIZE}px ${palette.font}`;
  to.textBaseline = "middle";
  const visiblePart = (from: number, size: number, start: number, room: number) => {
    const [low, high] = [Math.max(start, from), Math.min(start + room, from + size)];
    return high - low > 0.5 ? { low, size: high - low } : null;
  };
  if (hasNames(rowBands, cell.height, LABELS_FROM))
    rowBands.forEach(({ first, end, name }, index) => {
      const part = visiblePart(
        plot.y + first * cell.height - scroll.y,
        (end - first) * cell.height,
        plot.y,
        plot.height,
      );
      if (!part) return;
      to.globalAlpha = index % 2 === 0 ? 0.75 : 0.35;
      to.fillRect(plot.x - 6, part.low, 3, Math.max(0.5, part.size - 0.5));
      to.globalAlpha = 1;
      to.textAlign = "right";
      if (part.size >= LABELS_FROM) to.fillText(shorten(name), plot.x - 10, part.low + part.size / 2);
    });
  if (hasNames(columnBands, cell.width, LABELS_FROM / Math.sin(layout.tilt)))
    paintColumnBands(to, scene, columnBands, visiblePart);
  to.globalAlpha = 1;
}

function paintColumnBands(
  to: Context,
  { layout, palette }: Scene,
  bands: Scene["columnBands"],
  visiblePart: (from: number, size: number, start: number, room: number) => { low: number; size: number } | null,
): void {
  const { plot, cell, scroll, columnBars, tilt } = layout;
  bands.forEach(({ first, end, name }, index) => {
    const part = visiblePart(plot.x + first * cell.width - scroll.x, (end - first) * cell.width, plot.x, plot.width);
    if (!part) return;
    to.fillStyle = palette.muted;
    to.globalAlpha = index % 2 === 0 ? 0.75 : 0.35;
    to.fillRect(part.low, columnBars.y - 5, Math.max(0.5, part.size - 0.5), 3);
    to.globalAlpha = 1;
    if (part.size < LABELS_FROM / Math.sin(tilt)) return;
    to.save();
    to.translate(part.low + part.size / 2, columnBars.y - 10);
    to.rotate(-tilt);
    to.textAlign = "left";
    to.fillText(shorten(name), 0, 0);
    to.restore();
  });
}

function paintColumnBars(to: Context, scene: Scene, lit: Lit): void {
  const { layout, table, palette } = scene;
  const [first, last] = inSight(layout).columns;
  const inset = Math.min(5, layout.cell.width * 0.14);
  to.save();
  to.beginPath();
  to.rect(layout.columnBars.x, layout.columnBars.y, layout.columnBars.width, layout.columnBars.height);
  to.clip();
  for (let column = first; column < last; column++) {
    const value = table.sequence[column] as number;
    if (!Number.isFinite(value)) continue;
    const size = Math.max(1, (Math.abs(value) / scene.sequenceLimit) * layout.columnBars.height);
    to.fillStyle = css(
      cellColour(value, table.sequence_errors[column] as number, scene.sequenceLimit * BAR_LIMIT, palette.colours),
    );
    const x = cellBox(layout, { row: 0, column }).x + inset;
    to.globalAlpha = lit.column >= 0 && lit.column !== column ? 0.75 : 1;
    to.fillRect(
      x,
      layout.columnBars.y + layout.columnBars.height - size,
      Math.max(0.5, layout.cell.width - 2 * inset),
      size,
    );
  }
  to.restore();
}

function paintRowBars(to: Context, scene: Scene): void {
  const { layout, palette } = scene;
  const [first, last] = inSight(layout).rows;
  const largest =
    scene.sums.reduce((most, sum) => (Number.isFinite(sum) ? Math.max(most, Math.abs(sum)) : most), 0) || 1;
  to.textAlign = "left";
  to.textBaseline = "middle";
  to.font = `${NUMBER_SIZE}px ${palette.font}`;
  to.save();
  to.beginPath();
  to.rect(layout.rowBars.x, layout.plot.y, layout.width, layout.plot.height);
  to.clip();
  for (let row = first; row < last; row++) {
    const sum = scene.sums[row] as number;
    if (!Number.isFinite(sum)) continue;
    const box = cellBox(layout, { row, column: 0 });
    const inset = box.height * 0.27;
    const size = (Math.abs(sum) / largest) * layout.rowBars.width;
    to.fillStyle = css(ramp(palette.colours, Math.sign(sum) * Math.max(0.35, Math.abs(sum) / largest)));
    to.fillRect(layout.rowBars.x, box.y + inset, size, Math.max(0.5, box.height - 2 * inset));
    if (box.height < LABELS_FROM || Math.abs(sum) < largest * 0.02) continue;
    to.fillStyle = palette.muted;
    to.fillText(signed(sum, cellDecimals(largest)), layout.rowBars.x + size + 5, box.y + box.height / 2 + 0.5);
  }
  to.restore();
}

/** Labels short enough to draw. */
export function shortLabels(texts: readonly string[]): readonly string[] {
  return texts.map((text) => shorten(text));
}

/** Width of the longest of some short labels, in CSS pixels. */
export function widest(to: Context, labels: readonly string[], font: string): number {
  to.font = `600 ${LABEL_FONT} ${font}`;
  const width = (text: string) => to.measureText(text).width;
  // To measure thousands of labels takes long: only those are that look longest by the widths of their characters.
  const widths = new Map<string, number>();
  const guess = (label: string) => {
    let sum = 0;
    for (const character of label) {
      const own = widths.get(character) ?? width(character);
      widths.set(character, own);
      sum += own;
    }
    return sum;
  };
  const guesses = [...new Set(labels)].map((label) => ({ label, width: guess(label) }));
  const longest = guesses.sort((a, b) => b.width - a.width).slice(0, MEASURED);
  return Math.ceil(longest.reduce((most, { label }) => Math.max(most, width(label)), 0));
}
