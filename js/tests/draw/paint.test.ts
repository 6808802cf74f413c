import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createCanvas, loadImage } from "@napi-rs/canvas";
import { describe, expect, test } from "vitest";
import { emptyMatrix, type Matrix } from "../../src/data/matrix";
import { rowFigures } from "../../src/data/rows";
import { axesOf, tableOf } from "../../src/data/table";
import { paintEdges, widest } from "../../src/draw/edges";
import { cellBox, layout, type Viewport } from "../../src/draw/layout";
import { type Context, type Lit, paintCells, paintLit, type Scene } from "../../src/draw/paint";
import { cellColour, coloursOn, type Palette, type Rgb } from "../../src/style/colours";
import { makeChart } from "../model";

const palette: Palette = {
  theme: "light",
  colours: coloursOn("light"),
  text: "#1d2430",
  muted: "#5f6875",
  line: "#e3e7ec",
  ground: "#ffffff",
  accent: "#2f5fd0",
  font: "sans-serif",
  hatched: false,
};
const NOTHING: Lit = { row: -1, column: -1, cell: null, span: new Set(), brush: null, pins: [] };

/** A matrix of `rows` × `columns` where cell (r, c) is `value(r, c)`. */
function matrixOf(rows: number, columns: number, value: (row: number, column: number) => number, error = 0): Matrix {
  const names = (length: number) => Array.from({ length }, () => "");
  const matrix = emptyMatrix(makeChart(1, names(columns), names(rows)));
  matrix.values.forEach((_, at) => {
    matrix.values[at] = value(Math.floor(at / columns), at % columns);
  });
  matrix.errors.fill(error);
  matrix.sequence.fill(1);
  matrix.sequence_errors.fill(0);
  return matrix;
}

function sceneOf(matrix: Matrix, limit: number, width: number, viewport?: Viewport): Scene {
  const { rows, features: columns } = matrix;
  const blank = (length: number) => new Array<string>(length).fill("");
  const shape = { rows, columns, width, rowLabelWidth: 20, columnLabelWidth: 20 };
  return {
    layout: layout(shape, viewport),
    table: tableOf(matrix, axesOf(matrix.chart)),
    palette,
    limits: () => limit,
    sequenceLimit: 1,
    totalName: "",
    sums: rowFigures(matrix, null).sums,
    rowLabels: blank(rows),
    columnLabels: blank(columns),
    rowBands: [],
    columnBands: [],
  };
}

function drawn(scene: Scene, lit = NOTHING) {
  const { plot, width, height } = scene.layout;
  const canvas = createCanvas(Math.ceil(width), Math.ceil(height));
  const to = canvas.getContext("2d");
  to.fillStyle = "#ffffff";
  to.fillRect(0, 0, canvas.width, canvas.height);
  const layer = createCanvas(Math.ceil(plot.width), Math.ceil(plot.height));
  paintCells(
    layer.getContext("2d") as unknown as Context,
    scene,
    1,
    () => createCanvas(1, 1) as unknown as HTMLCanvasElement,
  );
  to.drawImage(layer, plot.x, plot.y);
  paintEdges(to as unknown as Context, scene, lit);
  paintLit(to as unknown as Context, scene, lit);
  const pixel = (x: number, y: number) => [...to.getImageData(Math.round(x), Math.round(y), 1, 1).data].slice(0, 3);
  const middle = (row: number, column: number) => {
    const box = cellBox(scene.layout, { row, column });
    return pixel(box.x + box.width / 2, box.y + 6);
  };
  return { canvas, pixel, middle };
}

const near = (found: readonly number[], expected: Rgb) =>
  found.forEach((part, index) => void expect(Math.abs(part - (expected[index] as number))).toBeLessThanOrEqual(2));

describe("boxes", () => {
  const values = [
    [2, -2, 0, 1],
    [Number.NaN, 0.5, -1, 0.1],
  ];
  const scene = sceneOf(
    matrixOf(2, 4, (row, column) => values[row]?.[column] as number),
    2,
    400,
  );

  test("every cell has the colour of its own value", () => {
    const { middle } = drawn(scene);
    for (const [row, line] of values.entries())
      for (const [column, value] of line.entries()) near(middle(row, column), cellColour(value, 0, 2, palette.colours));
  });

  test("a value within two errors of zero is drawn back", () => {
    const sure = drawn(
      sceneOf(
        matrixOf(1, 3, () => 1, 0.1),
        2,
        400,
      ),
    ).middle(0, 1);
    const unsure = drawn(
      sceneOf(
        matrixOf(1, 3, () => 1, 0.6),
        2,
        400,
      ),
    ).middle(0, 1);
    expect(unsure).not.toEqual(sure);
    const far = (found: readonly number[]) =>
      Math.hypot(...found.map((part, at) => part - (palette.colours.none[at] as number)));
    expect(far(unsure)).toBeLessThan(far(sure) / 2 + 2);
  });

  test("the lit cell has an outline, its neighbours don't", () => {
    const box = cellBox(scene.layout, { row: 1, column: 2 });
    const at = [box.x + box.width / 2, box.y + box.height - 1] as const;
    const lit = { ...NOTHING, row: 1, column: 2, cell: { row: 1, column: 2 } };
    expect(drawn(scene, lit).pixel(...at)[0]).toBeLessThan(80);
    expect(drawn(scene).pixel(...at)[0]).toBeGreaterThan(80);
  });
});

describe("one picture", () => {
  test("each cell stands where the hit test finds it", () => {
    const hot = new Set(["3,7", "40,80", "99,0"]);
    const scene = sceneOf(
      matrixOf(100, 100, (row, column) => (hot.has(`${row},${column}`) ? 1 : 0)),
      1,
      600,
    );
    const { pixel } = drawn(scene);
    for (const key of hot) {
      const [row, column] = key.split(",").map(Number) as [number, number];
      const box = cellBox(scene.layout, { row, column });
      near(pixel(Math.floor(box.x + box.width / 2), Math.floor(box.y + box.height / 2)), palette.colours.for);
    }
  });

  test.each([
    [37, 4001],
    [4999, 7777],
    [0, 0],
  ])("no hot cell hides in 100 × 8,000: (%d)", (at, column) => {
    const row = at % 100;
    const scene = sceneOf(
      matrixOf(100, 8000, (r, c) => (r === row && c === column ? -1 : 0.01)),
      1,
      700,
    );
    const { canvas } = drawn(scene);
    const { plot } = scene.layout;
    const data = canvas
      .getContext("2d")
      .getImageData(plot.x, plot.y, Math.floor(plot.width), Math.floor(plot.height)).data;
    let blue = 0;
    for (let index = 0; index < data.length; index += 4)
      if ((data[index] as number) < 120 && (data[index + 2] as number) > 150) blue++;
    expect(blue).toBeGreaterThan(0);
  });

  test("zoomed in, the cell under a point is the one that is drawn there", () => {
    const matrix = matrixOf(60, 400, (row, column) => (row === 31 && column === 200 ? 1 : -1));
    const scene = sceneOf(matrix, 1, 600, { zoom: 4, x: 800, y: 800 });
    const box = cellBox(scene.layout, { row: 31, column: 200 });
    near(
      drawn(scene).pixel(Math.floor(box.x + box.width / 2), Math.floor(box.y + box.height / 2)),
      palette.colours.for,
    );
  });
});

describe("numbers in cells", () => {
  const texts = (width: number, value: number) => {
    const one = matrixOf(2, 3, () => value);
    const scene = sceneOf(one, 2, 20 + 12 + 94 + 3 * width);
    const found: string[] = [];
    const to = createCanvas(400, 400).getContext("2d") as unknown as Context;
    to.fillText = (text: string) => void found.push(text);
    paintCells(to, scene, 1, () => createCanvas(1, 1) as unknown as HTMLCanvasElement);
    expect(scene.layout.cell.width).toBeCloseTo(width, 6);
    return found;
  };

  test("from 44 pixels a cell on", () => {
    expect(texts(44, 1.5)).toEqual(new Array(6).fill("+1.5"));
    expect(texts(43.5, 1.5)).toEqual([]);
  });

  test.each([
    [Number.NaN, "–"],
    [Number.POSITIVE_INFINITY, "+∞"],
    [Number.NEGATIVE_INFINITY, "−∞"],
  ])("%d is a glyph", (value, glyph) => {
    expect(texts(44, value)).toEqual(new Array(6).fill(glyph));
  });
});

/** Pixels as they were looked at and found right; UPDATE_GOLDEN=1 draws them anew. No text: fonts differ. */
test.each([
  [
    "boxes",
    sceneOf(
      matrixOf(4, 24, (row, column) => Math.sin(row * 9 + column) * 0.2 * (row + 1), 0.1),
      2,
      480,
    ),
  ],
  [
    "picture",
    sceneOf(
      matrixOf(80, 120, (row, column) => Math.sin(row / 7) * Math.cos(column / 11), 0.2),
      1,
      480,
    ),
  ],
])("golden: %s", async (name, scene) => {
  const { canvas } = drawn({ ...scene, sums: new Float32Array(scene.table.rows.length) });
  const file = new URL(`../golden/${name}.png`, import.meta.url);
  if (process.env["UPDATE_GOLDEN"] || !existsSync(file)) {
    if (process.env["CI"])
      throw new Error(`${name}.png is missing: run UPDATE_GOLDEN=1 npm test, look at it, commit it.`);
    mkdirSync(new URL("../golden/", import.meta.url), { recursive: true });
    writeFileSync(file, canvas.toBuffer("image/png"));
  }
  const image = await loadImage(readFileSync(file));
  const golden = createCanvas(image.width, image.height);
  golden.getContext("2d").drawImage(image, 0, 0);
  expect([image.width, image.height]).toEqual([canvas.width, canvas.height]);
  const [a, b] = [golden, canvas].map((one) => one.getContext("2d").getImageData(0, 0, one.width, one.height).data);
  let worst = 0;
  a?.forEach((part, at) => {
    worst = Math.max(worst, Math.abs(part - (b?.[at] as number)));
  });
  expect(worst).toBeLessThanOrEqual(3);
});

test("the widest of many labels is found by measuring a few", () => {
  const context = createCanvas(1, 1).getContext("2d");
  const labels = Array.from({ length: 200 }, (_, at) => (at === 77 ? "WWWWWWWW" : "il".repeat(1 + (at % 6)) + at));
  context.font = "600 12px sans-serif";
  const longest = Math.max(...labels.map((label) => context.measureText(label).width));
  expect(widest(context as unknown as Context, labels, "sans-serif")).toBe(Math.ceil(longest));
});
