/** Turns, sentences and documents along the edges of a matrix whose cells are too small for labels of their own. */
import { shorten, visible } from "../style/format";
import { TEMPLATE, type Units } from "../wire/protocol";
import type { Line, Table } from "./table";
import { membersOf, unitsAt } from "./units";

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
  return byUnits(chart.units, chart.features, columns);
}

export function rowBands({ chart, rows }: Table): readonly Band[] {
  return byUnits(chart.output_units, chart.outputs, rows);
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

function byUnits(units: readonly Units[] | null, texts: readonly string[], lines: readonly Line[]): readonly Band[] {
  const paragraphs = unitsAt(units, "paragraph");
  const of = paragraphs?.some((unit) => unit > 0) ? paragraphs : unitsAt(units, "sentence");
  if (!of) return [];
  const members = membersOf(of);
  return grouped(
    lines,
    (line) => of[line.members[0] ?? -1] ?? -1,
    (_, unit) =>
      shorten(
        visible(
          (members[unit] ?? [])
            .map((at) => texts[at])
            .join("")
            .trim(),
        ),
        NAME_LENGTH,
      ),
  );
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
