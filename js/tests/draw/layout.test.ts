import { describe, expect, test } from "vitest";
import {
  cellAt,
  cellBox,
  columnAt,
  inSight,
  labelStride,
  layout,
  rowAt,
  type Shape,
  zoomAt,
} from "../../src/draw/layout";

const small: Shape = { rows: 6, columns: 14, width: 680, rowLabelWidth: 58, columnLabelWidth: 70 };
const big: Shape = { rows: 500, columns: 500, width: 700, rowLabelWidth: 60, columnLabelWidth: 80 };

describe("what fits", () => {
  test.each([
    small,
    big,
    { ...small, width: 360 },
    { ...big, rows: 100, columns: 8000 },
    { ...small, rows: 1, columns: 1 },
  ])("everything stands on the canvas: %o", (shape) => {
    const at = layout(shape);
    expect(at.rowBars.x + at.rowBars.width).toBeLessThanOrEqual(shape.width);
    expect(at.plot.y + at.plot.height).toBeLessThanOrEqual(at.height);
    expect(at.plot.width).toBeCloseTo(at.cell.width * shape.columns, 6);
    expect(at.plot.height).toBeCloseTo(at.cell.height * shape.rows, 6);
    expect(at.columnBars.y).toBeGreaterThan(0);
  });

  test("small matrices have full-size cells, large ones share the room", () => {
    expect(layout({ ...small, width: 1000 }).cell).toEqual({ width: 48, height: 30 });
    expect(layout(big).plot.height).toBe(480);
  });

  test("an empty matrix has no size to divide by", () => {
    const at = layout({ ...small, rows: 0, columns: 0 });
    expect(Number.isFinite(at.height)).toBe(true);
    expect(cellAt(at, at.plot.x, at.plot.y)).toBeNull();
  });
});

describe("hit test", () => {
  test("every cell is found at its middle and corners", () => {
    const at = layout(small);
    for (let row = 0; row < 6; row++)
      for (let column = 0; column < 14; column++) {
        const box = cellBox(at, { row, column });
        expect(cellAt(at, box.x + 0.01, box.y + 0.01)).toEqual({ row, column });
        expect(cellAt(at, box.x + box.width / 2, box.y + box.height / 2)).toEqual({ row, column });
        expect(cellAt(at, box.x + box.width - 0.01, box.y + box.height - 0.01)).toEqual({ row, column });
      }
  });

  test("also when zoomed and scrolled", () => {
    const at = layout(big, { zoom: 12, x: 1000, y: 2000 });
    const box = cellBox(at, { row: 180, column: 90 });
    expect(cellAt(at, box.x + 1, box.y + 1)).toEqual({ row: 180, column: 90 });
  });

  test("outside is nothing; beside is a row, above is a column", () => {
    const at = layout(small);
    const box = cellBox(at, { row: 2, column: 8 });
    expect(cellAt(at, at.plot.x - 1, box.y + 5)).toBeNull();
    expect(rowAt(at, at.plot.x - 20, box.y + 5)).toBe(2);
    expect(rowAt(at, at.rowBars.x + 3, box.y + 5)).toBe(2);
    expect(columnAt(at, box.x + 5, at.columnBars.y + 5)).toBe(8);
    expect(columnAt(at, box.x + 5, box.y)).toBe(-1);
  });

  test("a tilted label belongs to the column it leans out of", () => {
    const at = layout(small);
    const middle = cellBox(at, { row: 0, column: 3 }).x + at.cell.width / 2;
    const up = 40;
    expect(columnAt(at, middle + up / Math.tan(at.tilt), at.columnBars.y - up)).toBe(3);
  });
});

describe("zoom", () => {
  test("keeps the point under the pointer", () => {
    const before = layout(big);
    const [x, y] = [before.plot.x + 200, before.plot.y + 333];
    const cell = cellAt(before, x, y);
    let viewport = { zoom: 1, x: 0, y: 0 };
    for (let step = 0; step < 8; step++) viewport = zoomAt(big, viewport, 1.4, x, y);
    expect(layout(big, viewport).cell.width).toBeGreaterThan(10);
    expect(cellAt(layout(big, viewport), x, y)).toEqual(cell);
  });

  test("never past the ends, never smaller than the whole, never larger than a readable cell", () => {
    const far = layout(big, { zoom: 10, x: 1e9, y: -50 });
    expect(far.scroll.x).toBeCloseTo(far.cell.width * 500 - far.plot.width, 6);
    expect(far.scroll.y).toBe(0);
    expect(zoomAt(big, { zoom: 1, x: 0, y: 0 }, 0.2, 100, 300).zoom).toBe(1);
    const most = zoomAt(big, { zoom: 1, x: 0, y: 0 }, 1e6, 100, 300);
    expect(layout(big, most).cell.width).toBeLessThanOrEqual(72);
  });

  test("the plot keeps its place and size", () => {
    expect(layout(big, { zoom: 9, x: 10, y: 10 }).plot).toEqual(layout(big).plot);
  });

  test("in sight are the cells that touch the plot", () => {
    const at = layout(big, { zoom: 20, x: 0, y: 0 });
    const { rows, columns } = inSight(at);
    expect(rows[0]).toBe(0);
    expect(cellBox(at, { row: rows[1], column: 0 }).y).toBeGreaterThanOrEqual(at.plot.y + at.plot.height - 1e-6);
    expect(cellBox(at, { row: 0, column: columns[1] - 1 }).x).toBeLessThan(at.plot.x + at.plot.width);
  });
});

test("labels: all of them from 11 px a cell, fewer below", () => {
  expect(labelStride(11)).toBe(1);
  expect(labelStride(5)).toBe(3);
  const narrow = layout({ ...small, columns: 30, width: 500 });
  expect(narrow.cell.width).toBeGreaterThan(10.9);
  expect(labelStride(narrow.cell.width, narrow.tilt)).toBe(1);
});
