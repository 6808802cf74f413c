/** A result as a file: CSV and JSON of the numbers as shown, SVG of the matrix. */
import { paintEdges } from "./edges";
import { type Context, type Lit, paintCells, type Scene } from "./paint";
import type { Progress } from "./protocol";
import { SvgContext } from "./svg";
import type { Table } from "./table";

export const UNLIT: Lit = { row: -1, column: -1, cell: null, span: new Set(), brush: null, pins: [] };

/** One line a cell, with the columns of `to_dataframe()`: places count from 0. */
export function toCsv(table: Table): string {
  const head = ["output", "output_text", "feature", "feature_text", "value", "standard_error"];
  const lines = table.rows.flatMap((row, r) =>
    table.columns.map((column, c) => {
      const at = r * table.columns.length + c;
      return [r, row.text, c, column.text, number(table.values[at]), number(table.errors[at])];
    }),
  );
  return `${[head, ...lines].map((line) => line.map((part) => quoted(String(part))).join(",")).join("\r\n")}\r\n`;
}

/** RFC 4180. */
function quoted(text: string): string {
  return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** All that float32 holds and no more: the shortest decimal that gives the same number back. */
function number(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  for (let digits = 6; digits < 9; digits++) {
    const text = value.toPrecision(digits);
    if (Math.fround(Number(text)) === value) return String(Number(text));
  }
  return String(Number(value.toPrecision(9)));
}

/** Everything the widget shows. Not a number and infinite become null: JSON has no word for them. */
export function toJson(table: Table, progress: Progress | null): string {
  const columns = table.columns.length;
  const plain = (value: number) => (Number.isFinite(value) ? Number(number(value)) : null);
  const rows = (from: Float32Array, width: number) =>
    table.rows.map((_, row) => Array.from(from.subarray(row * width, (row + 1) * width), plain));
  const { run: _run, pieces, ...chart } = table.chart;
  const content = {
    ...chart,
    pieces,
    features: table.columns.map((line) => line.text),
    outputs: table.rows.map((line) => line.text),
    added_up: table.added,
    values: rows(table.values, columns),
    standard_errors: rows(table.errors, columns),
    ends: rows(table.ends, 2),
    total: Array.from(table.total, plain),
    total_standard_errors: Array.from(table.totalErrors, plain),
    progress,
  };
  return `${JSON.stringify(content, null, 1)}\n`;
}

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
