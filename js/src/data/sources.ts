/**
 * Places in the prompt and in the answer, as ranges of UTF-16 units in their texts (an empty text counts as one).
 *
 * A selection kept this way survives regrouping, streaming and a run at another granularity.
 */
import type { Chart, Range } from "../wire/protocol";

export type { Range };

/** Range of every piece of the prompt. */
export function pieceRanges(chart: Pick<Chart, "pieces">): readonly Range[] {
  let end = 0;
  return chart.pieces.map(({ text }) => {
    const start = end;
    end += Math.max(1, text.length);
    return { start, end };
  });
}

/** Ranges of every feature in the prompt, in order. A feature without a piece of text gets a range before zero. */
export function featureRanges(chart: Chart): readonly (readonly Range[])[] {
  const ranges: Range[][] = chart.features.map(() => []);
  pieceRanges(chart).forEach((range, at) => {
    const feature = chart.pieces[at]?.feature ?? null;
    if (feature !== null) ranges[feature]?.push(range);
  });
  return ranges.map((found, feature) => (found.length > 0 ? found : [{ start: -feature - 1, end: -feature }]));
}

/** Range of every output token in the answer. */
export function outputRanges(chart: Chart): readonly Range[] {
  let end = 0;
  return chart.outputs.map((text) => {
    const start = end;
    end += Math.max(1, text.length);
    return { start, end };
  });
}

export function overlap(a: Range, b: Range): boolean {
  return a.start < b.end && b.start < a.end;
}
