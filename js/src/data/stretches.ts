/** Prompt and answer as stretches of text, each with the row or column it belongs to. */

import type { Line, Table } from "./table";

/**
 * A stretch of text; `line` is the row or column it belongs to, -1 for text that is always there; `role`: whose words
 * these are ("" where there are no turns).
 */
export interface Stretch {
  readonly text: string;
  readonly line: number;
  readonly role: string;
}

export function promptStretches({ chart, columns }: Table): readonly Stretch[] {
  const lineOf = linesOf(columns);
  return chart.pieces.map(({ text, feature, role }) => ({
    text,
    role,
    line: feature === null ? -1 : (lineOf.get(feature) ?? -1),
  }));
}

export function answerStretches({ chart, rows }: Table): readonly Stretch[] {
  const lineOf = linesOf(rows);
  return chart.outputs.map((text, output) => ({ text, line: lineOf.get(output) ?? -1, role: "" }));
}

function linesOf(lines: readonly Line[]): ReadonlyMap<number, number> {
  return new Map(lines.flatMap((line, index) => line.members.map((member) => [member, index] as const)));
}
