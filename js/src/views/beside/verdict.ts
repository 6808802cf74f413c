/** The verdict of a check, with its figures and the two curves behind it. */
import { boxOf, drawn, element, type Place, setText } from "../../style/dom";
import { count, plain } from "../../style/format";
import type { CurvePoint, Verdict } from "../../wire/protocol";

export interface VerdictView {
  readonly element: HTMLElement;
  update(verdict: Verdict | null, unit: string): void;
}

const SIZE = { width: 220, height: 110 };

export function createVerdict({ document }: Place): VerdictView {
  const says = element(document, "p", {});
  const figures = element(document, "dl", {});
  const curves = boxOf(document, "curves");
  const root = boxOf(document, "verdict", says, figures, curves);
  let shown: Verdict | null = null;
  return {
    element: root,
    update(verdict, unit) {
      if (verdict === null || verdict === shown) return;
      shown = verdict;
      setText(says, verdict.verdict);
      figures.replaceChildren(
        ...figuresOf(verdict, unit).map(([name, value, about]) =>
          element(
            document,
            "div",
            { title: about },
            element(document, "dt", {}, name),
            element(document, "dd", {}, value),
          ),
        ),
      );
      curves.replaceChildren(
        curve(document, "Taking out the strongest first", verdict.deletion, unit),
        curve(document, "Putting in the strongest first", verdict.insertion, unit),
      );
    },
  };
}

/** Name, value, what it means. */
export function figuresOf(verdict: Verdict, unit: string): readonly (readonly [string, string, string])[] {
  const number = (value: number | null) => (value === null ? "–" : plain(value, 2));
  const seen = verdict.seen > 0 ? `, ${count(verdict.seen)} of them seen before` : "";
  return [
    ["rank correlation", number(verdict.rank_correlation), "Of what the numbers predict and what the model does"],
    ["R²", number(verdict.r_squared), "Share of the variance that the numbers predict"],
    ["tried on", `${count(verdict.held_out)} coalitions${seen}`, "Random parts of the prompt left out together"],
    ...(verdict.gap === null
      ? []
      : [
          [
            "sum misses by",
            verdict.gap < 1e-6 ? "nothing" : `${verdict.gap.toPrecision(2)} ${unit}`,
            "Largest |sum of a row − (v(all) − v(none))|",
          ] as const,
        ]),
    ["cost", `${count(verdict.calls)} model calls`, "Prompts scored for this check"],
  ];
}

/** Where a curve runs in a box, its own lowest and highest value at the edges. */
export function curvePath(points: readonly CurvePoint[], { width, height } = SIZE): string {
  const values = points.map(({ value }) => value);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const y = (value: number) => (4 + (1 - (value - low) / (high - low || 1)) * (height - 8)).toFixed(1);
  return `M${points.map(({ share, value }) => `${(share * width).toFixed(1)},${y(value)}`).join("L")}`;
}

function curve(document: Document, name: string, points: readonly CurvePoint[], unit: string): HTMLElement {
  const [first, last] = [points[0]?.value ?? Number.NaN, points.at(-1)?.value ?? Number.NaN];
  const ends = `${plain(first, 1)} → ${plain(last, 1)} ${unit}`;
  const svg = drawn(
    document,
    "svg",
    { viewBox: `0 0 ${SIZE.width} ${SIZE.height}`, role: "img", "aria-label": `${name}: ${ends}` },
    drawn(document, "path", { d: curvePath(points) }),
  );
  return element(
    document,
    "figure",
    {},
    svg,
    element(document, "figcaption", {}, name, element(document, "small", {}, ends)),
  );
}
