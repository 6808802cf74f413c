/** Turns, sentences and documents along the edges of a matrix whose cells are too small for labels of their own. */
import { shorten, visible } from "../style/format";
import { TEMPLATE } from "../wire/protocol";
import { unitStarts } from "./segments";
import type { Line, Table } from "./table";

/** Neighbouring lines, from `first` to one before `end`, and what they are. */
export interface Band {
  readonly first: number;
  readonly end: number;
  readonly name: string;
}

const NAME_LENGTH = 18;

/** Turns where there are any, else paragraphs, else sentences; none where there is only one of them. */
export function columnBands({ chart, columns }: Table): readonly Band[] {
  const roles: string[] = [];
  for (const { feature, role } of chart.pieces) if (feature !== null) roles[feature] ??= role;
  if (roles.some((role) => role !== "" && role !== TEMPLATE)) return byRole(chart.pieces, columns);
  return byUnits(chart.pieces.map((piece) => piece.text).join(""), columns);
}

export function rowBands({ chart, rows }: Table): readonly Band[] {
  return byUnits(chart.outputs.join(""), rows);
}

/** A new turn begins where another role, or the template, stands between. */
function byRole(pieces: Table["chart"]["pieces"], lines: readonly Line[]): readonly Band[] {
  let turn = -1;
  let before = "";
  const turns = new Map<number, { turn: number; role: string }>();
  for (const { feature, role } of pieces) {
    if (role !== before) turn++;
    before = role;
    if (feature !== null && !turns.has(feature)) turns.set(feature, { turn, role });
  }
  const turnOf = ({ members }: Line) => turns.get(members[0] ?? -1);
  return grouped(
    lines,
    (line) => turnOf(line)?.turn ?? -1,
    (line) => turnOf(line)?.role ?? "",
  );
}

function byUnits(text: string, lines: readonly Line[]): readonly Band[] {
  const paragraphs = unitStarts(text, "paragraph");
  const starts = paragraphs.length > 1 ? paragraphs : unitStarts(text, "sentence");
  const unitOf = ({ ranges, text: own }: Line) => {
    const range = ranges[0] ?? { start: 0, end: 1 };
    // A line belongs where its first letter stands: the space before it may belong to the unit before.
    const at = range.start + Math.max(0, own.length - own.trimStart().length);
    return starts.findLastIndex((start) => start <= at);
  };
  return grouped(lines, unitOf, (_, unit) => {
    const stretch = text.slice(starts[unit] ?? 0, starts[unit + 1] ?? text.length);
    return shorten(visible(stretch.trim()), NAME_LENGTH);
  });
}

/** Neighbours of one key, with a name for each stretch of them. */
function grouped(
  lines: readonly Line[],
  keyOf: (line: Line) => number,
  nameOf: (line: Line, key: number) => string,
): readonly Band[] {
  const bands: (Band & { readonly key: number })[] = [];
  lines.forEach((line, at) => {
    const key = keyOf(line);
    const last = bands.at(-1);
    if (last?.key === key) bands[bands.length - 1] = { ...last, end: at + 1 };
    else bands.push({ key, first: at, end: at + 1, name: nameOf(line, key) });
  });
  return bands.length > 1 ? bands.map(({ first, end, name }) => ({ first, end, name })) : [];
}
