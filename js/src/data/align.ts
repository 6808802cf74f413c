/** Two lists of tokens side by side: which stand for the same, by a longest common subsequence. */

/** Positions in the first and in the second list; -1 where only the other has it. */
export type Pair = readonly [number, number];

/** Beyond this many cells of the table the middle is paired by position: a diff of 4,000 × 4,000 would take seconds. */
const MOST_CELLS = 4_000_000;

/** All of both, in order; what is equal (but for white space around it) is paired. */
export function align(first: readonly string[], second: readonly string[]): readonly Pair[] {
  const a = first.map((text) => text.trim() || text);
  const b = second.map((text) => text.trim() || text);
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a.at(-1 - end) === b.at(-1 - end)) end++;
  const middle = between(a.slice(start, a.length - end), b.slice(start, b.length - end));
  return [
    ...range(start, (at): Pair => [at, at]),
    ...middle.map(([i, j]): Pair => [i < 0 ? -1 : i + start, j < 0 ? -1 : j + start]),
    ...range(end, (at): Pair => [a.length - end + at, b.length - end + at]),
  ];
}

function between(a: readonly string[], b: readonly string[]): readonly Pair[] {
  if (a.length * b.length > MOST_CELLS)
    return range(Math.max(a.length, b.length), (at): Pair => [at < a.length ? at : -1, at < b.length ? at : -1]);
  const width = b.length + 1;
  const longest = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      longest[i * width + j] =
        a[i] === b[j]
          ? 1 + (longest[(i + 1) * width + j + 1] as number)
          : Math.max(longest[(i + 1) * width + j] as number, longest[i * width + j + 1] as number);
  const pairs: Pair[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    const down = i < a.length ? (longest[(i + 1) * width + j] as number) : -1;
    const right = j < b.length ? (longest[i * width + j + 1] as number) : -1;
    if (i < a.length && j < b.length && a[i] === b[j]) pairs.push([i++, j++]);
    else if (down >= right) pairs.push([i++, -1]);
    else pairs.push([-1, j++]);
  }
  return pairs;
}

function range<T>(length: number, make: (at: number) => T): readonly T[] {
  return Array.from({ length }, (_, at) => make(at));
}
