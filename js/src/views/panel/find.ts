/** Finding a token by its text, behind `/`. */

import type { Table } from "../../data/table";
import { boxOf, element, listen, type Place, setText } from "../../style/dom";

export interface Match {
  readonly row: number;
  readonly column: number;
}

/** Rows and columns whose text holds `query`, whatever the case: the prompt's first, then the answer's. */
export function matches(table: Table, query: string): readonly Match[] {
  const wanted = query.toLocaleLowerCase();
  if (wanted.trim() === "") return [];
  const holds = ({ text }: { readonly text: string }) => text.toLocaleLowerCase().includes(wanted);
  return [
    ...table.columns.flatMap((line, column) => (holds(line) ? [{ row: -1, column }] : [])),
    ...table.rows.flatMap((line, row) => (holds(line) ? [{ row, column: -1 }] : [])),
  ];
}

export interface Find {
  readonly element: HTMLElement;
  open(): void;
}

export function createFind({ document }: Place, table: () => Table | null, light: (match: Match | null) => void): Find {
  const input = element(document, "input", {
    type: "search",
    "aria-label": "Find a token",
    placeholder: "Find a token…",
  });
  const count = element(document, "span", { role: "status" });
  const root = boxOf(document, "find", input, count);
  root.hidden = true;
  let at = 0;
  const show = () => {
    const now = table();
    const found = now ? matches(now, input.value) : [];
    const match = found[at % Math.max(1, found.length)];
    light(match ?? null);
    setText(count, input.value === "" ? "" : match ? `${(at % found.length) + 1} of ${found.length}` : "none");
  };
  listen(input, "input", () => {
    at = 0;
    show();
  });
  listen(root, "keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Enter") {
      at++;
      show();
    }
    if (event.key !== "Escape") return;
    root.hidden = true;
    light(null);
  });
  return {
    element: root,
    open() {
      root.hidden = false;
      input.focus();
      input.select();
    },
  };
}
