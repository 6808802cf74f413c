/** The matrix as a drawing that stands alone. Python writes the very same: llm_attr_widget/export/matrix.py, tests/exports. */

import { nameOf, saidOf } from "../data/certainty";
import type { Shown } from "../data/shown";
import { paintEdges } from "../draw/edges";
import { layout, sizeFor } from "../draw/layout";
import { type Context, type Lit, paintCells, type Scene } from "../draw/paint";
import { labelsOf, sceneOf } from "../draw/scene";
import { coloursOn, css, type Palette, ramp, type Theme } from "../style/colours";
import { limitText, reckonedWidth } from "../style/format";
import { FONT, LEGEND, LEGEND_STEPS, LEGEND_STRIP, MINUS, NUMBER_SIZE, PALETTES, PNG_ZOOM } from "../style/style";
import type { Progress } from "../wire/protocol";
import { SvgContext } from "./svg";

const UNLIT: Lit = { row: -1, column: -1, cell: null, span: new Set(), brush: null, pins: [] };

/** Colours and type of a file: not the host's, so that it is the same wherever it is made. */
export function filePalette(theme: Theme, hatched: boolean): Palette {
  const colours = coloursOn(theme);
  return { ...PALETTES[theme], theme, colours, ground: css(colours.ground), font: FONT, hatched };
}

/** The whole matrix, at a size that depends on nothing but its own. */
function fileScene(shown: Shown, palette: Palette): Scene {
  const labels = labelsOf(shown.table);
  const shape = sizeFor(
    widest(["total", ...labels.rows]),
    widest(labels.columns),
    labels.rows.length,
    labels.columns.length,
  );
  return { ...sceneOf(shown, palette, layout(shape), labels), rowBands: [], columnBands: [] };
}

function widest(labels: readonly string[]): number {
  return Math.ceil(Math.max(0, ...labels.map(reckonedWidth)));
}

/** Of the whole: the last labels above and the name of the scale may reach further than the matrix. */
function widthOf({ layout: { width, plot, cell, tilt }, columnLabels, table }: Scene): number {
  const ends = columnLabels.map(
    (label, column) => plot.x + (column + 0.5) * cell.width + reckonedWidth(label) * Math.cos(tilt) + 8,
  );
  return Math.ceil(Math.max(width, plot.x + LEGEND.width + 16 + reckonedWidth(nameOf(table)), ...ends));
}

/** The matrix without highlights, and the scale of its colours. */
export function toSvg(
  shown: Shown,
  palette: Palette,
  makeCanvas: () => HTMLCanvasElement,
  progress: Progress | null = null,
): string {
  const scene = fileScene(shown, palette);
  const to = new SvgContext();
  const context = to as unknown as Context;
  const { plot, height } = scene.layout;
  // What has many small cells is drawn by a real context and put in as an image.
  const helper = makeCanvas().getContext("2d");
  Object.assign(to, { createImageData: (w: number, h: number) => helper?.createImageData(w, h) });
  to.save();
  to.beginPath();
  to.rect(plot.x, plot.y, plot.width, plot.height);
  to.clip();
  to.translate(plot.x, plot.y);
  paintCells(context, scene, 1, makeCanvas);
  to.restore();
  paintEdges(context, scene, UNLIT);
  paintScale(context, scene, shown);
  const { label, unit, run } = scene.table.chart;
  const title = saidOf(run, progress)?.sentence ?? `${label} (${unit})`;
  return to.document(widthOf(scene), height + LEGEND.height, palette.ground, title);
}

export async function toPng(shown: Shown, palette: Palette, makeCanvas: () => HTMLCanvasElement): Promise<Blob> {
  const scene = fileScene(shown, palette);
  const { height, plot } = scene.layout;
  const width = widthOf(scene);
  const whole = height + LEGEND.height;
  const [canvas, cells] = [makeCanvas(), makeCanvas()];
  [canvas.width, canvas.height] = [Math.round(width * PNG_ZOOM), Math.round(whole * PNG_ZOOM)];
  [cells.width, cells.height] = [Math.ceil(plot.width * PNG_ZOOM), Math.ceil(plot.height * PNG_ZOOM)];
  const [to, layer] = [canvas.getContext("2d"), cells.getContext("2d")];
  if (!to || !layer) throw new Error("This browser gives no canvas to draw the PNG on.");
  layer.scale(PNG_ZOOM, PNG_ZOOM);
  paintCells(layer, scene, PNG_ZOOM, makeCanvas);
  to.scale(PNG_ZOOM, PNG_ZOOM);
  to.fillStyle = palette.ground;
  to.fillRect(0, 0, width, whole);
  to.drawImage(cells, plot.x, plot.y, cells.width / PNG_ZOOM, cells.height / PNG_ZOOM);
  paintEdges(to, scene, UNLIT);
  paintScale(to, scene, shown);
  return new Promise((resolve, reject) =>
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("The browser could not make the PNG.")))),
  );
}

/** What the colours mean, with zero in the middle. */
function paintScale(to: Context, { layout: { plot, height }, palette, table }: Scene, { limit, look }: Shown): void {
  const [x, y] = [plot.x, height + 8];
  const step = LEGEND.width / LEGEND_STEPS;
  for (let at = 0; at < LEGEND_STEPS; at++) {
    to.fillStyle = css(ramp(palette.colours, ((at + 0.5) / LEGEND_STEPS) * 2 - 1));
    to.fillRect(x + at * step, y, step, LEGEND_STRIP);
  }
  const size = limitText(look.scale === "row" ? null : limit);
  to.fillStyle = palette.muted;
  to.font = `${NUMBER_SIZE}px ${palette.font}`;
  to.textBaseline = "middle";
  const write = (text: string, at: number, align: CanvasTextAlign) => {
    to.textAlign = align;
    to.fillText(text, x + at, y + LEGEND_STRIP + 10);
  };
  write(`${MINUS}${size} against`, 0, "left");
  write("0", LEGEND.width / 2, "center");
  write(`for +${size}`, LEGEND.width, "right");
  to.textAlign = "left";
  to.fillText(nameOf(table), x + LEGEND.width + 16, y + LEGEND_STRIP / 2);
}
