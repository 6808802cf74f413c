/** A matrix made smaller without losing its hot cells: each block shows its strongest one. */

/** index: (rows, columns), row-major: which cell of the matrix stands for the block. */
export interface Level {
  readonly rows: number;
  readonly columns: number;
  readonly index: Uint32Array;
}

/**
 * The cell of largest |value| in every block of `down` × `across` cells (the signed maximum keeps its sign).
 *
 * Averaging or picking every k-th would hide a single hot cell. NaN loses against any number.
 */
export function strongest(values: Float32Array, rows: number, columns: number, down: number, across: number): Level {
  const height = Math.ceil(rows / down);
  const width = Math.ceil(columns / across);
  const index = new Uint32Array(height * width);
  const best = new Float32Array(width);
  for (let y = 0; y < height; y++) {
    best.fill(-1);
    const start = y * width;
    for (let row = y * down; row < Math.min(rows, (y + 1) * down); row++) {
      for (let x = 0, column = 0; x < width; x++) {
        let most = best[x] as number;
        let found = -1;
        for (const end = Math.min(columns, column + across); column < end; column++) {
          const value = Math.abs(values[row * columns + column] as number);
          const size = Number.isNaN(value) ? -0.5 : value;
          if (size <= most) continue;
          most = size;
          found = row * columns + column;
        }
        if (found < 0) continue;
        best[x] = most;
        index[start + x] = found;
      }
    }
  }
  return { rows: height, columns: width, index };
}

/** How many cells share one device pixel, at least 1. */
export function cellsPerPixel(cell: number, pixelRatio: number): number {
  return Math.max(1, Math.ceil(1 / (cell * pixelRatio) - 1e-6));
}
