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
    const blocks = index.subarray(y * columns, (y + 1) * columns);
    const end = Math.min(whole.rows, (top + y + 1) * block.rows);
    for (let row = (top + y) * block.rows; row < end; row++) {
      const first = row * whole.columns;
      fold(values, first + left * block.columns, first + whole.columns, block.columns, best, blocks);
    }
  }
  return { rows, columns, index };
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
