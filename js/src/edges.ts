/** What stands around the cells on the canvas: labels, the total above, row sums at the right. */
import { decimalsFor, shorten, signed } from "./format";
import { cellBox, inSight, LABELS_FROM, labelStride } from "./layout";
import type { Context, Lit, Scene } from "./paint";
import { cellColour, css, ramp } from "./scale";

export const LABEL_LENGTH = 18;
const LABEL_FONT = "12px";

export function paintEdges(to: Context, scene: Scene, lit: Lit): void {
  paintRowLabels(to, scene, lit);
  paintColumnLabels(to, scene, lit);
  paintColumnBars(to, scene, lit);
  to.font = `11px ${scene.palette.font}`;
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
  const stride = labelStride(layout.cell.height);
  to.textAlign = "right";
  to.textBaseline = "middle";
  for (let row = first; row < last; row++) {
    const marked = row === lit.row || lit.span.has(row);
    if (row % stride !== 0 && !marked) continue;
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
  const stride = labelStride(layout.cell.width, layout.tilt);
  to.textAlign = "left";
  to.textBaseline = "middle";
  for (let column = first; column < last; column++) {
    const marked = column === lit.column;
    if (column % stride !== 0 && !marked) continue;
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

function paintColumnBars(to: Context, scene: Scene, lit: Lit): void {
  const { layout, table, palette } = scene;
  const [first, last] = inSight(layout).columns;
  const inset = Math.min(5, layout.cell.width * 0.14);
  to.save();
  to.beginPath();
  to.rect(layout.columnBars.x, layout.columnBars.y, layout.columnBars.width, layout.columnBars.height);
  to.clip();
  for (let column = first; column < last; column++) {
    const value = table.total[column] as number;
    if (!Number.isFinite(value)) continue;
    const size = Math.max(1, (Math.abs(value) / scene.totalLimit) * layout.columnBars.height);
    to.fillStyle = css(cellColour(value, table.totalErrors[column] as number, scene.totalLimit * 0.8, palette.colours));
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
  to.font = `11px ${palette.font}`;
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
    to.fillText(
      signed(sum, Math.max(1, decimalsFor(largest) - 1)),
      layout.rowBars.x + size + 5,
      box.y + box.height / 2 + 0.5,
    );
  }
  to.restore();
}

/** Labels short enough to draw, and the width of the longest. */
export function measured(
  to: Context,
  texts: readonly string[],
  font: string,
): { labels: readonly string[]; width: number } {
  to.font = `600 ${LABEL_FONT} ${font}`;
  const labels = texts.map((text) => shorten(text, LABEL_LENGTH));
  const longest = [...new Set(labels)].reduce((most, label) => Math.max(most, to.measureText(label).width), 0);
  return { labels, width: Math.ceil(longest) };
}
