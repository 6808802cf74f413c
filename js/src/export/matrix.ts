/** The matrix as a drawing that stands alone. Python writes the very same: llm_attr_widget/export/matrix.py, tests/exports. */

import type { Shown } from "../data/shown";
import { paintEdges } from "../draw/edges";
import { layout, sizeFor } from "../draw/layout";
import { type Context, type Lit, paintCells, type Scene } from "../draw/paint";
import { labelsOf, sceneOf } from "../draw/scene";
import { coloursOn, css, type Palette, ramp, type Theme } from "../style/colours";
import { decimalsFor } from "../style/format";
import { SvgContext } from "./svg";

const UNLIT: Lit = { row: -1, column: -1, cell: null, span: new Set(), brush: null, pins: [] };
/** Dots to a pixel in a PNG, whatever the screen has. */
const PNG_RATIO = 2;
/** Room below the matrix for the scale of the colours, and the scale's own size. */
const LEGEND = { height: 44, width: 200, strip: 8, steps: 40 };

/** Colours and type of a file: not the host's, so that it is the same wherever it is made. */
export function filePalette(theme: Theme, hatched: boolean): Palette {
  const dark = theme === "dark";
  return {
    theme,
    colours: coloursOn(theme),
    text: dark ? "#e6e9ee" : "#1d2430",
    muted: dark ? "#98a2b1" : "#5f6875",
    line: dark ? "#2d333c" : "#e3e7ec",
    ground: dark ? "#15181d" : "#ffffff",
    accent: dark ? "#7ea2ff" : "#2f5fd0",
    font: "DejaVu Sans, Verdana, sans-serif",
    hatched,
  };
}

/** The whole matrix, at a size that depends on nothing but its own. */
export function fileScene(shown: Shown, palette: Palette): Scene {
  const labels = labelsOf(shown.table);
  const shape = sizeFor(widest(labels.rows), widest(labels.columns), labels.rows.length, labels.columns.length);
  return { ...sceneOf(shown, palette, layout(shape), labels), rowBands: [], columnBands: [] };
}

/** Pixels that the widest label takes, a little generous: reckoned, as no two machines have the same type. */
function widest(labels: readonly string[]): number {
  const width = (label: string) =>
    [...label].reduce((sum, char) => sum + ((char.codePointAt(0) ?? 0) < 0x1100 ? 7.5 : 13), 0);
  return Math.ceil(labels.reduce((most, label) => Math.max(most, width(label)), 0));
}

/** The matrix without highlights, and the scale of its colours. */
export function toSvg(shown: Shown, palette: Palette, makeCanvas: () => HTMLCanvasElement): string {
  const scene = fileScene(shown, palette);
  const to = new SvgContext();
  const context = to as unknown as Context;
  const { plot, width, height } = scene.layout;
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
  const { label, unit } = scene.table.chart;
  return to.document(width, height + LEGEND.height, palette.ground, `${label} (${unit})`);
}

export async function toPng(shown: Shown, palette: Palette, makeCanvas: () => HTMLCanvasElement): Promise<Blob> {
  const scene = fileScene(shown, palette);
  const { width, height, plot } = scene.layout;
  const whole = height + LEGEND.height;
  const [canvas, cells] = [makeCanvas(), makeCanvas()];
  [canvas.width, canvas.height] = [Math.round(width * PNG_RATIO), Math.round(whole * PNG_RATIO)];
  [cells.width, cells.height] = [Math.ceil(plot.width * PNG_RATIO), Math.ceil(plot.height * PNG_RATIO)];
  const [to, layer] = [canvas.getContext("2d"), cells.getContext("2d")];
  if (!to || !layer) throw new Error("This browser gives no canvas to draw the PNG on.");
  layer.scale(PNG_RATIO, PNG_RATIO);
  paintCells(layer, scene, PNG_RATIO, makeCanvas);
  to.scale(PNG_RATIO, PNG_RATIO);
  to.fillStyle = palette.ground;
  to.fillRect(0, 0, width, whole);
  to.drawImage(cells, plot.x, plot.y, cells.width / PNG_RATIO, cells.height / PNG_RATIO);
  paintEdges(to, scene, UNLIT);
  paintScale(to, scene, shown);
  return new Promise((resolve, reject) =>
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("The browser could not make the PNG.")))),
  );
}

/** What the colours mean, with zero in the middle. */
function paintScale(to: Context, { layout: { plot, height }, palette, table }: Scene, { limit, look }: Shown): void {
  const { label, unit } = table.chart;
  const [x, y] = [plot.x, height + 8];
  const step = LEGEND.width / LEGEND.steps;
  for (let at = 0; at < LEGEND.steps; at++) {
    to.fillStyle = css(ramp(palette.colours, ((at + 0.5) / LEGEND.steps) * 2 - 1));
    to.fillRect(x + at * step, y, step, LEGEND.strip);
  }
  const size = look.scale === "row" ? "row’s largest" : String(Number(limit.toFixed(decimalsFor(limit))));
  to.fillStyle = palette.muted;
  to.font = `11px ${palette.font}`;
  to.textBaseline = "middle";
  const write = (text: string, at: number, align: CanvasTextAlign) => {
    to.textAlign = align;
    to.fillText(text, x + at, y + LEGEND.strip + 10);
  };
  write(`−${size} against`, 0, "left");
  write("0", LEGEND.width / 2, "center");
  write(`for +${size}`, LEGEND.width, "right");
  to.textAlign = "left";
  to.fillText(`${label}, ${unit}`, x + LEGEND.width + 16, y + LEGEND.strip / 2);
}
