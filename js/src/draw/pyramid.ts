/** A matrix made smaller without losing its hot cells: each block shows its strongest one. */
import { hasChanged, type Stamped, stampOf } from "../data/rows";

/** index: (rows, columns), row-major: which cell of the matrix stands for the block. */
export interface Level {
  readonly rows: number;
  readonly columns: number;
  readonly index: Uint32Array;
}

/** How many rows and columns: of a matrix, or of a block. */
export interface Size {
  readonly rows: number;
  readonly columns: number;
}

/** Rows and columns from the first to one before the second. */
export interface Part {
  readonly rows: readonly [number, number];
  readonly columns: readonly [number, number];
}

/** A level of a matrix. part: counted in blocks. */
export type Pyramid = (table: Stamped, whole: Size, block: Size, part: Part) => Level;

/**
 * Levels that show the cell of largest |value| in every block (the signed maximum keeps its sign): averaging or picking
 * every k-th would hide a single hot cell. NaN loses against any number.
 *
 * The last level is remembered: asked for again, only what has changed is reckoned again.
 */
export function createPyramid(): Pyramid {
  let last: { readonly of: Stamped; readonly key: string; readonly level: Level } | null = null;
  return (table, whole, block, part) => {
    const key = JSON.stringify([whole, block, part]);
    const before = last?.key === key ? last : null;
    const level = before?.level ?? levelFor(part);
    fill(level, table.values, whole, block, part, (row) => hasChanged(before?.of ?? null, table, row));
    last = { of: stampOf(table), key, level };
    return level;
  };
}

function levelFor({ rows: [top, bottom], columns: [left, right] }: Part): Level {
  const [rows, columns] = [bottom - top, right - left];
  return { rows, columns, index: new Uint32Array(rows * columns) };
}

/** Fills in every row of blocks that holds a changed row of cells. */
function fill(
  { rows, columns, index }: Level,
  values: Float32Array,
  whole: Size,
  block: Size,
  part: Part,
  changed: (row: number) => boolean,
): void {
  const [top, left] = [part.rows[0], part.columns[0]];
  const best = new Float32Array(columns);
  for (let y = 0; y < rows; y++) {
    const start = (top + y) * block.rows;
    const lines = Array.from({ length: Math.min(whole.rows - start, block.rows) }, (_, at) => start + at);
    if (!lines.some(changed)) continue;
    best.fill(-1);
    const blocks = index.subarray(y * columns, (y + 1) * columns);
    for (const row of lines) {
      const first = row * whole.columns;
      fold(values, first + left * block.columns, first + whole.columns, block.columns, best, blocks);
    }
  }
}

/** One row of cells into its blocks. A function of its own: it is fast from its second call on, a long loop is not. */
function fold(
  values: Float32Array,
  first: number,
  end: number,
  step: number,
  best: Float32Array,
  index: Uint32Array,
): void {
  for (let x = 0, at = first; x < best.length; x++) {
    let most = best[x] as number;
    let found = most < 0 ? at : (index[x] as number);
    for (const next = Math.min(at + step, end); at < next; at++) {
      const value = values[at] as number;
      const size = value < 0 ? -value : value;
      // Never true of NaN.
      if (size > most) {
        most = size;
        found = at;
      }
    }
    best[x] = most;
    index[x] = found;
  }
}

/** The blocks that hold these cells. */
export function blocksIn({ rows, columns }: Part, block: Size): Part {
  const blocks = ([first, end]: readonly [number, number], size: number): readonly [number, number] => [
    Math.floor(first / size),
    Math.ceil(end / size),
  ];
  return { rows: blocks(rows, block.rows), columns: blocks(columns, block.columns) };
}

/** How many cells share one device pixel, at least 1. */
export function cellsPerPixel(cell: number, pixelRatio: number): number {
  return Math.max(1, Math.ceil(1 / (cell * pixelRatio) - 1e-6));
}
