/** A matrix made smaller without losing its hot cells: each block shows its strongest one. */

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

/**
 * The cell of largest |value| in every block of a part of the matrix (the signed maximum keeps its sign). part: counted
 * in blocks.
 *
 * Averaging or picking every k-th would hide a single hot cell. NaN loses against any number.
 */
export function strongest(values: Float32Array, whole: Size, block: Size, part: Part): Level {
  const [[top, bottom], [left, right]] = [part.rows, part.columns];
  const [rows, columns] = [bottom - top, right - left];
  const index = new Uint32Array(rows * columns);
  const best = new Float32Array(columns);
  for (let y = 0; y < rows; y++) {
    best.fill(-1);
    const end = Math.min(whole.rows, (top + y + 1) * block.rows);
    for (let row = (top + y) * block.rows; row < end; row++) {
      const last = (row + 1) * whole.columns;
      let at = row * whole.columns + left * block.columns;
      for (let x = 0; x < columns; x++) {
        let most = best[x] as number;
        for (const next = Math.min(last, at + block.columns); at < next; at++) {
          const value = Math.abs(values[at] as number);
          const size = Number.isNaN(value) ? -0.5 : value;
          if (size <= most) continue;
          most = size;
          index[y * columns + x] = at;
        }
        best[x] = most;
      }
    }
  }
  return { rows, columns, index };
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
