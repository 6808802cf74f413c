/** Parts of the prompt that are always present from the next run on; how they are written: see `Settings.locked_stretches`. */
import type { Chart, Settings } from "../wire/protocol";
import { overlap, pieceRanges, type Range } from "./sources";

type Pieces = Pick<Chart, "pieces">;

/** For each piece whether it has a locked letter; none has where these are stretches of another text. */
export function lockedPieces({ pieces }: Pieces, locked: readonly string[]): readonly boolean[] {
  const text = locked.join("");
  if (text !== pieces.map((piece) => piece.text).join("")) return pieces.map(() => false);
  const held = locked.flatMap((stretch, at) => new Array<boolean>(stretch.length).fill(at % 2 === 1));
  let start = 0;
  return pieces.map((piece) => {
    const from = start;
    start += piece.text.length;
    return held.slice(from, start).some((is, at) => is && /\S/.test(text[from + at] as string));
  });
}

/** Names of the features of an image among these ranges: these have no place in the text. */
function segmentsIn({ features }: Pick<Chart, "features">, ranges: readonly Range[]): readonly string[] {
  return ranges.flatMap(({ start }) => (start < 0 ? [features[-start - 1] ?? []].flat() : []));
}

/** The settings once what is in these ranges is locked, or is not any more. */
export function lockedIn(
  chart: Pick<Chart, "pieces" | "features">,
  now: Locked,
  ranges: readonly Range[],
  on: boolean,
): Locked {
  const { locked_stretches, locked_segments: held } = now;
  const named = segmentsIn(chart, ranges);
  const others = (held ?? []).filter((name) => !named.includes(name));
  const segments = on ? [...others, ...named] : others;
  return {
    locked_stretches: lockedWith(chart, locked_stretches, ranges, on),
    locked_segments: segments.length > 0 ? segments : null,
  };
}

type Locked = Pick<Settings, "locked_stretches" | "locked_segments">;

/** The setting once the pieces in these ranges are locked, or are not any more. */
export function lockedWith(
  { pieces }: Pieces,
  locked: readonly string[],
  ranges: readonly Range[],
  on: boolean,
): readonly string[] {
  const places = pieceRanges({ pieces });
  const before = lockedPieces({ pieces }, locked);
  const stretches = [""];
  pieces.forEach(({ text }, at) => {
    const touched = ranges.some((range) => overlap(range, places[at] as Range));
    if ((touched ? on : before[at]) === (stretches.length % 2 === 1)) stretches.push("");
    stretches[stretches.length - 1] += text;
  });
  return stretches.length === 1 ? [] : stretches;
}

/** What is locked, neighbours together: its text and where it stands. */
export function lockedParts({ pieces }: Pieces, locked: readonly string[]): readonly { text: string; range: Range }[] {
  const places = pieceRanges({ pieces });
  const held = lockedPieces({ pieces }, locked);
  const parts: { text: string; range: Range }[] = [];
  pieces.forEach(({ text }, at) => {
    const { start, end } = places[at] as Range;
    const last = parts.at(-1);
    if (!held[at]) return;
    if (last?.range.end === start)
      parts[parts.length - 1] = { text: last.text + text, range: { start: last.range.start, end } };
    else parts.push({ text, range: { start, end } });
  });
  return parts;
}
