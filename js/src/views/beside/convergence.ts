/** How the pinned cells settled over the run, each with its 95% band. */
import { spreadOf } from "../../data/certainty";
import { boxOf, drawn, element, type Place, setText } from "../../style/dom";
import { count, decimalsOf, signed } from "../../style/format";
import { UNKNOWN_ERROR } from "../../wire/protocol";
import { type Point, type Scales, tracePaths } from "./course";

export interface Trace {
  /** Letter of the pin; empty for the strongest cell, which stands in where nothing is pinned. */
  readonly letter: string;
  readonly name: string;
  readonly points: readonly Point[];
}

export interface Convergence {
  readonly element: HTMLElement;
  update(traces: readonly Trace[], unit: string): void;
}

/** Half the width of a 95% band, in standard errors. */
const Z95 = 1.96;
const SIZE = { width: 560, height: 190, left: 66, right: 12, top: 10, bottom: 24 };

export interface Axes extends Scales {
  readonly calls: number;
}

/** Where calls and values stand. The first guesses may leave the plot, so that the end can be seen. */
export function axesFor(traces: readonly Trace[]): Axes | null {
  const settled = traces.flatMap(({ points }) => points.slice(Math.floor(points.length / 4)));
  const calls = Math.max(0, ...settled.map((point) => point.calls));
  if (settled.length < 2 || calls === 0) return null;
  const bounds = settled.flatMap((point) => [point.value - bandOf(point), point.value + bandOf(point)]);
  const [low, high] = [Math.min(0, ...bounds), Math.max(0, ...bounds)];
  const span = high - low || 1;
  const width = SIZE.width - SIZE.left - SIZE.right;
  const height = SIZE.height - SIZE.top - SIZE.bottom;
  return {
    x: (at) => SIZE.left + (at / calls) * width,
    y: (value) => SIZE.top + (1 - (value - low) / span) * height,
    low,
    high,
    calls,
  };
}

export function bandOf({ error }: Point): number {
  return Number.isFinite(error) ? Z95 * error : 0;
}

export function createConvergence({ document }: Place): Convergence {
  const plot = drawn(document, "svg", { viewBox: `0 0 ${SIZE.width} ${SIZE.height}`, role: "img" });
  const legend = element(document, "ul", {});
  const says = element(document, "p", { class: "law-say" });
  const root = boxOf(document, "convergence");
  root.append(plot, legend, says);
  let shown = "";
  return {
    element: root,
    update(traces, unit) {
      const known = traces.filter(({ points }) => points.length > 1);
      const axes = axesFor(known);
      const key = JSON.stringify([unit, known.map(({ name, points }) => [name, points.length, points.at(-1)])]);
      if (key === shown) return;
      shown = key;
      plot.style.display = axes ? "" : "none";
      setText(
        says,
        axes ? "Bands: 95%. Pin a cell of the matrix (click it) to see how it settled; up to four." : NOTHING,
      );
      legend.replaceChildren(...known.map((trace, at) => entry(document, trace, at, unit)));
      plot.setAttribute("aria-label", known.map((trace) => `${trace.name}: ${now(trace, unit)}`).join("; "));
      plot.replaceChildren(
        ...(axes
          ? [...frame(document, axes, unit), ...known.flatMap((trace, at) => drawing(document, trace, at, axes))]
          : []),
      );
    },
  };
}

const NOTHING = "The course of a run is seen while it runs: run again to watch how the numbers settle.";

function drawing(document: Document, { points }: Trace, at: number, axes: Axes): readonly SVGElement[] {
  const { line, band } = tracePaths(points, axes, bandOf);
  return [
    drawn(document, "path", { class: "law-band", "data-trace": at, d: band }),
    drawn(document, "path", { class: "law-line", "data-trace": at, d: line }),
  ];
}

function frame(document: Document, { x, y, low, high, calls }: Axes, unit: string): readonly SVGElement[] {
  const label = (value: number) => signed(value, Math.max(1, decimalsOf(high - low, Number.NaN) - 1));
  const ticks = [...new Set([low, 0, high])].map((value) => [
    drawn(document, "line", { x1: SIZE.left, x2: SIZE.width - SIZE.right, y1: y(value), y2: y(value) }),
    drawn(document, "text", { x: SIZE.left - 6, y: y(value) + 4, "text-anchor": "end" }, label(value)),
  ]);
  return [
    ...ticks.flat(),
    drawn(document, "text", { x: x(calls), y: SIZE.height - 6, "text-anchor": "end" }, `${count(calls)} calls`),
    drawn(document, "text", { x: SIZE.left, y: SIZE.height - 6 }, unit),
  ];
}

function entry(document: Document, trace: Trace, at: number, unit: string): HTMLElement {
  const mark = element(document, "i", { "data-trace": at }, trace.letter || "·");
  return element(document, "li", {}, mark, ` ${trace.name} `, element(document, "b", {}, now(trace, unit)));
}

function now({ points }: Trace, unit: string): string {
  const last = points.at(-1);
  if (!last) return "";
  const decimals = decimalsOf(last.value, last.error);
  const sure = Number.isNaN(last.error) ? `(${UNKNOWN_ERROR})` : bandOf(last) > 0 ? "(95% band)" : "";
  return `${signed(last.value, decimals)}${spreadOf(bandOf(last), decimals)} ${unit} ${sure}`.trim();
}
