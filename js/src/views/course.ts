/** How one cell settled: its value over the run, with a band of two standard errors. */
import type { Place } from "../dom";
import { decimalsOf, plain, signed } from "../format";

export interface Point {
  readonly calls: number;
  readonly value: number;
  readonly error: number;
}

const SIZE = { width: 120, height: 22 };
const SVG = "http://www.w3.org/2000/svg";

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
  const x = (point: Point) => (((point.calls - first) / (last - first)) * SIZE.width).toFixed(1);
  const share = (value: number) => (Math.max(low, Math.min(high, value)) - low) / (high - low || 1);
  const y = (value: number) => (1 + (1 - share(value)) * (SIZE.height - 2)).toFixed(1);
  const up = points.map((point) => `${x(point)},${y(point.value + spread(point))}`);
  const down = points.map((point) => `${x(point)},${y(point.value - spread(point))}`).reverse();
  return {
    line: `M${points.map((point) => `${x(point)},${y(point.value)}`).join("L")}`,
    band: `M${[...up, ...down].join("L")}Z`,
  };
}

export interface Course {
  readonly element: SVGElement;
  /** `name`: which cell, in words. */
  update(points: readonly Point[], name: string, unit: string): void;
}

export function createCourse({ document }: Place): Course {
  const make = (tag: string, attributes: Readonly<Record<string, string>>) => {
    const made = document.createElementNS(SVG, tag);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };
  const size = { width: String(SIZE.width), height: String(SIZE.height), viewBox: `0 0 ${SIZE.width} ${SIZE.height}` };
  const root = make("svg", { class: "law-course", role: "img", ...size });
  const title = make("title", {});
  const band = make("path", { class: "law-band" });
  const line = make("path", { fill: "none", stroke: "currentColor", "stroke-width": "1.4" });
  root.append(title, band, line);
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
      const spread = error > 0 ? ` ± ${plain(error, decimals)}` : "";
      title.textContent = `How ${name} settled: now ${signed(value, decimals)}${spread} ${unit}, with a band of 2 standard errors`;
    },
  };
}
