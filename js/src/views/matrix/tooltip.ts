/** The small table beside a cell. */

import { certaintyOf, spreadOf } from "../../data/certainty";
import { isWhole, shareOfRow, type Table } from "../../data/table";
import type { Box } from "../../draw/layout";
import { uncertain } from "../../style/colours";
import { element, type Place } from "../../style/dom";
import { decimalsOf, featureLabel, percent, probability, shorten, signed } from "../../style/format";
import type { Progress } from "../../wire/protocol";

export interface TooltipData {
  readonly table: Table;
  readonly progress: Progress | null;
  readonly row: number;
  readonly column: number;
}

export interface Fact {
  readonly name: string;
  readonly value: string;
}

/** Title and lines of the tooltip of one cell. */
export function factsOf({ table, progress, row, column }: TooltipData): {
  title: string;
  facts: readonly Fact[];
} {
  const { chart } = table;
  const index = row * table.columns.length + column;
  const value = table.values[index] as number;
  const error = table.errors[index] as number;
  const decimals = decimalsOf(value, error);
  const feature = shorten(featureLabel(table.columns[column]?.text ?? ""), 28);
  const output = shorten(featureLabel(table.rows[row]?.text ?? ""), 28);
  const facts: Fact[] = [
    { name: chart.label, value: `${signed(value, decimals)}${spreadOf(error, decimals)} ${chart.unit}` },
  ];
  const sure = certaintyOf(error, progress, table.added);
  if (sure) facts.push({ name: "certainty", value: sure });
  if (uncertain(value, error)) facts.push({ name: "sign", value: "not certain (within 2 errors)" });
  const share = isWhole(table) ? "share of this row" : "share of what is in view";
  facts.push({ name: share, value: percent(shareOfRow(table, row, column)) });
  facts.push(...endFacts(table, row, shorten(output, 12)));
  if (progress && progress.trials > 1) facts.push({ name: "trials", value: String(progress.trials) });
  return { title: `${feature} → ${output}`, facts };
}

/** Probabilities with the whole prompt and without any of it. */
function endFacts({ chart, ends }: Table, row: number, output: string): readonly Fact[] {
  const [whole, nothing] = [ends[row * 2] as number, ends[row * 2 + 1] as number];
  if (!Number.isFinite(whole) || !Number.isFinite(nothing)) return [];
  if (chart.explains === "other") return [];
  if (chart.explains === "log_odds") {
    const times = (score: number) => `${Number(Math.exp(score).toPrecision(2))} ×`;
    const name = "as likely as the other, with / without prompt";
    return [{ name, value: `${times(whole)} / ${times(nothing)}` }];
  }
  const p = chart.explains === "log_prob" ? Math.exp : (score: number) => score;
  return [
    { name: `p(${output}) with / without prompt`, value: `${probability(p(whole))} / ${probability(p(nothing))}` },
  ];
}

export interface Tooltip {
  readonly element: HTMLElement;
  /** Beside `anchor`, inside `room` (both in pixels of the parent). */
  update(data: TooltipData, anchor: Box, room: { width: number; height: number }): void;
  hide(): void;
}

export function createTooltip({ document }: Place, id: string): Tooltip {
  const root = element(document, "div", { class: "law-tip", role: "tooltip", id });
  root.hidden = true;
  return {
    element: root,
    hide() {
      root.hidden = true;
    },
    update(data, anchor, room) {
      root.hidden = false;
      const { title, facts } = factsOf(data);
      const rows = facts.map(({ name, value }) =>
        element(document, "div", {}, element(document, "span", {}, name), element(document, "b", {}, value)),
      );
      root.replaceChildren(element(document, "strong", {}, title), ...rows);
      const { x, y } = beside(anchor, { width: root.offsetWidth, height: root.offsetHeight }, room);
      root.style.left = `${x}px`;
      root.style.top = `${y}px`;
    },
  };
}

/** Below and to the right of the anchor where that fits, else on its other sides; never over it when avoidable. */
export function beside(
  anchor: Box,
  size: { readonly width: number; readonly height: number },
  room: { readonly width: number; readonly height: number },
): { x: number; y: number } {
  const gap = 8;
  const right = anchor.x + anchor.width + gap;
  const left = anchor.x - gap - size.width;
  const x = right + size.width <= room.width ? right : left >= 0 ? left : Math.max(0, room.width - size.width);
  const below = anchor.y + anchor.height + gap;
  const above = anchor.y - gap - size.height;
  const y = below + size.height <= room.height ? below : above >= 0 ? above : below;
  return { x: Math.round(x), y: Math.round(y) };
}
