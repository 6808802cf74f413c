/**
 * Where text may be cut: words, phrases, sentences and paragraphs, by the Unicode rules (UAX #29), as
 * inputs/text/cutting.py does.
 *
 * White space goes with the unit after it, as it does in most tokenizers; at the end of a text with the last one.
 */
import { type Chart, GRANULARITIES, type Granularity } from "../wire/protocol";

/** True where units of `level` are made of whole units of `than`. */
export function coarser(level: Granularity, than: Granularity): boolean {
  return GRANULARITIES.indexOf(level) > GRANULARITIES.indexOf(than);
}

/** Punctuation that ends something, with the quotes and brackets that close after it. */
const PHRASE_END = /[\p{Terminal_Punctuation}…—–]+[\p{Pe}\p{Pf}"']*/gu;

/** Offsets (UTF-16) at which units begin: ascending, from 0. */
export function unitStarts(text: string, level: Exclude<Granularity, "token">): readonly number[] {
  const lines = lineStarts(text);
  const found = new Set([0, ...lines]);
  if (level !== "paragraph") {
    const segmenter = segmenterOf(level === "word" ? level : "sentence");
    lines.forEach((line, index) => {
      const rest = text.slice(line, lines[index + 1] ?? text.length);
      for (const { index: at, segment } of segmenter.segment(rest)) if (segment.trim() !== "") found.add(line + at);
    });
  }
  if (level === "phrase") for (const end of text.matchAll(PHRASE_END)) found.add(end.index + end[0].length);
  const last = text.trimEnd().length;
  const starts = [...found].filter((at) => at < last || at === 0).map((at) => beforeSpace(text, at));
  return [...new Set(starts)].sort((a, b) => a - b);
}

/** The first one on a page takes longer (15 ms) than all that it cuts. */
export function segmenterOf(level: "word" | "sentence"): Intl.Segmenter {
  return new Intl.Segmenter("en", { granularity: level });
}

/** Starts of the lines that hold something; line ends are those of Python's `splitlines`. */
function lineStarts(text: string): readonly number[] {
  const starts: number[] = [0];
  for (const end of text.matchAll(/\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/g)) starts.push(end.index + end[0].length);
  return starts.filter((at, index) => index === 0 || text.slice(at, starts[index + 1] ?? text.length).trim() !== "");
}

function beforeSpace(text: string, at: number): number {
  let start = at;
  while (start > 0 && /\s/.test(text[start - 1] as string)) start--;
  return start;
}

/** Features by the larger unit their first letter stands in, in reading order: at least one feature each. */
export function groupsOf(chart: Chart, starts: readonly number[]): readonly (readonly number[])[] {
  const found = new Map<number, number[]>();
  const seen = new Set<number>();
  let unit = 0;
  let position = 0;
  for (const { text, feature } of chart.pieces) {
    const first = position + text.length - text.trimStart().length;
    position += text.length;
    while (unit < starts.length - 1 && (starts[unit + 1] as number) <= first) unit++;
    if (feature === null || seen.has(feature)) continue;
    seen.add(feature);
    found.set(unit, [...(found.get(unit) ?? []), feature]);
  }
  // What has no text of its own (an image) stays by itself.
  const alone = chart.features.flatMap((_, feature) => (seen.has(feature) ? [] : [[feature]]));
  return [...found.values(), ...alone];
}
