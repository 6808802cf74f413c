/** How one cell settled: its value over the run, with a band of two standard errors. */
import { certaintyOf, spreadOf } from "../../data/certainty";
import { drawn, type Place } from "../../style/dom";
import { decimalsOf, signed } from "../../style/format";

export interface Point {
  readonly calls: number;
  readonly value: number;
  readonly error: number;
}

const SIZE = { width: 120, height: 22 };

/** Paths of the line and the band, in pixels: calls to the right, values upward. Null: too little to draw. */
export function pathsOf(points: readonly Point[]): { line: string; band: string } | null {
  const first = points[0]?.calls ?? 0;
  const last = points.at(-1)?.calls ?? 0;
  if (points.length < 3 || last === first) return null;
  const spread = ({ error }: Point) => (Number.isFinite(error) ? 2 * error : 0);
  // The first guesses are far off: they stay at the edge of the plot, so that the end can be seen.
  const settled = points.slice(Math.floor(points.length / 4));
  const low = Math.min(...settled.map((point) => point.value - spread(point)));
  const high = Math.max(...settled.map((point) => point.value + spread(point)));
  const x = (calls: number) => ((calls - first) / (last - first)) * SIZE.width;
  const y = (value: number) => 1 + (1 - (value - low) / (high - low || 1)) * (SIZE.height - 2);
  return tracePaths(points, { x, y, low, high }, spread);
}

/** Where a course stands in a drawing; what is beyond `low` and `high` stays at the edge. */
export interface Scales {
  readonly x: (calls: number) => number;
  readonly y: (value: number) => number;
  readonly low: number;
  readonly high: number;
}

/** Paths of a line and of the band around it. spread: half the width of the band. */
export function tracePaths(
  points: readonly Point[],
  { x, y, low, high }: Scales,
  spread: (point: Point) => number,
): { line: string; band: string } {
  const at = ({ calls }: Point, value: number) =>
    `${x(calls).toFixed(1)},${y(Math.max(low, Math.min(high, value))).toFixed(1)}`;
  const up = points.map((point) => at(point, point.value + spread(point)));
  const down = points.map((point) => at(point, point.value - spread(point))).reverse();
  return {
    line: `M${points.map((point) => at(point, point.value)).join("L")}`,
    band: `M${[...up, ...down].join("L")}Z`,
  };
}

export interface Course {
  readonly element: SVGElement;
  /** `name`: which cell, in words. */
  update(points: readonly Point[], name: string, unit: string): void;
}

export function createCourse({ document }: Place): Course {
  const title = drawn(document, "title", {});
  const band = drawn(document, "path", { class: "law-band" });
  const line = drawn(document, "path", { fill: "none", stroke: "currentColor", "stroke-width": 1.4 });
  const size = { ...SIZE, viewBox: `0 0 ${SIZE.width} ${SIZE.height}` };
  const root = drawn(document, "svg", { class: "law-course", role: "img", ...size }, title, band, line);
  root.style.display = "none";
  return {
    element: root,
    update(points, name, unit) {
      const paths = pathsOf(points);
      root.style.display = paths ? "" : "none";
      if (!paths) return;
      line.setAttribute("d", paths.line);
      band.setAttribute("d", paths.band);
      const { value, error } = points.at(-1) as Point;
      const decimals = decimalsOf(value, error);
      const now = `${signed(value, decimals)}${spreadOf(error, decimals)} ${unit}`;
      const sure = certaintyOf(error, null);
      title.textContent = `How ${name} settled: now ${now}${sure && ` (${sure})`}, with a band of 2 standard errors`;
    },
  };
}
