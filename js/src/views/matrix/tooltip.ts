/** The small table beside a cell. */

import { certaintyOf, spreadOf } from "../../data/certainty";
import { isWhole, numbersOf, rowOf, shareOfRow, type Table } from "../../data/table";
import type { Box } from "../../draw/layout";
import { uncertain } from "../../style/colours";
import { element, type Place } from "../../style/dom";
import { decimalsOf, decimalsOfSum, featureLabel, percent, probability, shorten, signed } from "../../style/format";
import type { Progress } from "../../wire/protocol";
import { nameOf } from "./names";

/** row -1: the total, whose rows are `spanned` (none: all) and whose name is `total`; column -1: the whole prompt. */
export interface TooltipData {
  readonly table: Table;
  readonly progress: Progress | null;
  readonly row: number;
  readonly column: number;
  readonly spanned?: ReadonlySet<number>;
  readonly total?: string;
}

export interface Fact {
  readonly name: string;
  readonly value: string;
}

/** Title and lines of the tooltip of one cell. */
export function factsOf(data: TooltipData): { title: string; facts: readonly Fact[] } {
  const { table, row, column, total = "the whole answer" } = data;
  const feature = column < 0 ? "the whole prompt" : nameOf(table.columns, column);
  const output = row < 0 ? total : nameOf(table.rows, row);
  const ends = row < 0 ? [] : endFacts(table, row, shorten(featureLabel(table.rows[row]?.text ?? ""), 12));
  const facts = column < 0 ? sumFacts(table, row) : numberFacts(data);
  return { title: `${feature} → ${output}`, facts: [...facts, ...ends, ...trialFacts(data)] };
}

/** Of a cell, or of a part of the prompt in all. */
function numberFacts({ table, progress, row, column, spanned }: TooltipData): readonly Fact[] {
  const { label, unit } = table.chart;
  const { values, errors } = numbersOf(table, row);
  const [value, error] = [values[column] as number, errors[column] as number];
  const parts = (of: Float32Array) =>
    [...(spanned ?? [])].map((at) => of[at * table.columns.length + column] as number);
  const spans = row < 0 && spanned !== undefined && spanned.size > 0;
  const decimals = spans
    ? decimalsOfSum(value, error, parts(table.values), parts(table.errors))
    : decimalsOf(value, error);
  const sure = certaintyOf(error, progress, table.added || spans);
  const share = isWhole(table) ? "share of |row|" : "share of |what is in view|";
  return [
    { name: label, value: `${signed(value, decimals)}${spreadOf(error, decimals)} ${unit}` },
    ...(sure ? [{ name: "certainty", value: sure }] : []),
    ...(error > 0 && uncertain(value, error) ? [{ name: "sign", value: "not certain (within 2 errors)" }] : []),
    { name: share, value: percent(shareOfRow(table, row, column)) },
  ];
}

/** Of a row: its sum, and what it must be where rows add up. */
function sumFacts({ chart, columns, ends, ...table }: Table, row: number): readonly Fact[] {
  const name = isWhole({ chart, columns, ends, ...table }) ? "sum of the row" : "sum of what is in view";
  if (!chart.adds_up) return [{ name, value: `none: ${chart.label}s don’t add up` }];
  const [values, errors] = [table.values, table.errors].map((of) => rowOf(of, row, columns.length)) as [
    Float32Array,
    Float32Array,
  ];
  const sum = values.reduce((all, value) => all + value, 0);
  const decimals = decimalsOfSum(sum, Number.NaN, values, errors);
  const whole = (ends[row * 2] as number) - (ends[row * 2 + 1] as number);
  const must = Number.isFinite(whole)
    ? [{ name: "v(all) − v(none)", value: `${signed(whole, decimals)} ${chart.unit}` }]
    : [];
  return [{ name, value: `${signed(sum, decimals)} ${chart.unit}` }, ...must];
}

function trialFacts({ progress }: TooltipData): readonly Fact[] {
  return progress && progress.trials > 1 ? [{ name: "trials", value: String(progress.trials) }] : [];
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
