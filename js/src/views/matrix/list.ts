/** The largest values as a table: for screen readers, for copying, and for those who like tables. */

import { certaintyOf } from "../../data/certainty";
import type { Table } from "../../data/table";
import { uncertain } from "../../style/colours";
import { element, type Place } from "../../style/dom";
import { decimalsFor, featureLabel, plain, shorten, signed } from "../../style/format";
import type { Progress } from "../../wire/protocol";

const ROWS = 20;

export interface Entry {
  readonly row: number;
  readonly column: number;
  readonly value: number;
  readonly error: number;
}

/** Cells of the largest |value|, largest first; what is not a number is left out. */
export function largestCells(table: Table, count: number): readonly Entry[] {
  const columns = table.columns.length;
  const found: Entry[] = [];
  let least = 0;
  table.values.forEach((value, index) => {
    const size = Math.abs(value);
    if (!(size > least) && !(found.length < count && size > 0)) return;
    found.push({
      row: Math.floor(index / columns),
      column: index % columns,
      value,
      error: table.errors[index] as number,
    });
    if (found.length < count * 4) return;
    found.sort((a, b) => Math.abs(b.value) - Math.abs(a.value)).splice(count);
    least = Math.abs(found.at(-1)?.value ?? 0);
  });
  return found.sort((a, b) => Math.abs(b.value) - Math.abs(a.value)).slice(0, count);
}

export interface List {
  readonly element: HTMLElement;
  update(table: Table, limit: number, progress: Progress | null): void;
}

export function createList({ document }: Place): List {
  const cell = (tag: "td" | "th", text: string) => element(document, tag, tag === "th" ? { scope: "col" } : {}, text);
  const head = element(document, "tr", {});
  const body = element(document, "tbody", {});
  const caption = element(document, "caption", {});
  const table = element(document, "table", {}, caption, element(document, "thead", {}, head), body);
  const root = element(
    document,
    "div",
    { class: "law-list", tabindex: 0, role: "region", "aria-label": "Largest values" },
    table,
  );
  let shown: Table | null = null;
  let latest: Progress | null = null;
  return {
    element: root,
    update(data, limit, progress) {
      if (data === shown && progress === latest) return;
      [shown, latest] = [data, progress];
      const { chart } = data;
      const decimals = Math.max(2, decimalsFor(limit));
      caption.textContent = `The ${ROWS} largest ${chart.label}s`;
      head.replaceChildren(
        ...["prompt", "answer", `${chart.label} (${chart.unit})`, "standard error", "sign"].map((name) =>
          cell("th", name),
        ),
      );
      const lines = largestCells(data, ROWS).map(({ row, column, value, error }) => [
        shorten(featureLabel(data.columns[column]?.text ?? ""), 40),
        shorten(featureLabel(data.rows[row]?.text ?? ""), 40),
        signed(value, decimals),
        error > 0 ? plain(error, decimals) : certaintyOf(error, progress),
        uncertain(value, error) ? "not certain" : value > 0 ? "for" : "against",
      ]);
      body.replaceChildren(
        ...lines.map((line) => element(document, "tr", {}, ...line.map((text) => cell("td", text)))),
      );
    },
  };
}
