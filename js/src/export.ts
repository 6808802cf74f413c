/** The matrix as a drawing that stands alone. */
import { paintEdges } from "./edges";
import { type Context, type Lit, paintCells, type Scene } from "./paint";
import { SvgContext } from "./svg";

export const UNLIT: Lit = { row: -1, column: -1, cell: null, span: new Set(), brush: null, pins: [] };

/** The matrix as it is on the canvas, without highlights. */
export function toSvg(scene: Scene, makeCanvas: () => HTMLCanvasElement): string {
  const to = new SvgContext();
  const context = to as unknown as Context;
  const { plot, width, height } = scene.layout;
  // A picture of many small cells is drawn by a real context and put in as an image.
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
  const { label, unit } = scene.table.chart;
  return to.document(width, height, scene.palette.ground, `${label} (${unit})`);
}
