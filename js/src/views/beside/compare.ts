/** Two runs compared: which, what of them is shown, and how far they agree. */
import type { Comparison, Side } from "../../data/comparison";
import type { Kept } from "../../data/matrix";
import { closeButton, element, groupOf, listen, type Place, setAttributes, setText } from "../../style/dom";
import type { Explained, RunName } from "../../wire/protocol";
import { nameOf } from "./runs";

export interface CompareData {
  readonly comparison: Comparison | null;
  readonly runs: readonly Kept[];
  readonly names: readonly RunName[];
  readonly side: Side;
}

export interface CompareActions {
  compare(pair: readonly [number, number] | null): void;
  side(side: Side): void;
}

export interface Compare {
  readonly element: HTMLElement;
  update(data: CompareData): void;
}

const BLINK_MS = 700;
const SIDES: readonly (readonly [Side, string])[] = [
  ["a", "A"],
  ["b", "B"],
  ["difference", "A − B"],
];

const KINDS: Readonly<Record<Explained, string>> = {
  log_prob: "log-probs",
  prob: "probabilities",
  log_odds: "log-odds of two answers",
  other: "numbers of another kind",
};

/** How far two runs agree, in words. */
export function agreement({ rank, beyond, both, paired, same, a, b }: Comparison): string {
  const features = a.matrix.features;
  const parts = paired === features ? `all ${features} parts in both` : `${paired} of ${features} parts in both`;
  if (!same) {
    const kinds = [a, b].map(({ matrix: { chart } }) => `of ${KINDS[chart.explains]}`);
    const units = kinds[0] === kinds[1] ? [a, b].map(({ matrix }) => `in ${matrix.chart.unit}`) : kinds;
    return `${parts}; A is ${units[0]}, B ${units[1]}: A − B means little`;
  }
  const cells = both === 0 ? "no cell in both" : `${beyond} of ${both} cells differ by more than the noise`;
  return `${Number.isFinite(rank) ? `rank correlation ${rank.toFixed(2)} · ` : ""}${cells} · ${parts}`;
}

export function createCompare(place: Place, actions: CompareActions): Compare {
  const { document, signal } = place;
  let data: CompareData | null = null;
  let timer: ReturnType<typeof setInterval> | null = null;
  const flip = () => actions.side(data?.side === "a" ? "b" : "a");
  const blinking = (on: boolean) => {
    if (timer !== null) clearInterval(timer);
    // Whoever asked for less motion flips by hand, click by click.
    const still = document.defaultView?.matchMedia?.("(prefers-reduced-motion: reduce)").matches ?? false;
    timer = on && !still ? setInterval(flip, BLINK_MS) : null;
    if (on) flip();
    setAttributes(blink, { "aria-pressed": String(timer !== null) });
  };
  signal.addEventListener("abort", () => timer !== null && clearInterval(timer));
  const choice = (
    letter: string,
    paired: (chosen: number, pair: readonly [number, number]) => readonly [number, number],
  ) => {
    const select = element(document, "select", { "aria-label": `Run ${letter}` });
    listen(select, "change", () => {
      const pair = pairOf(data);
      if (pair) actions.compare(paired(Number(select.value), pair));
    });
    const name = element(document, "i", {}, letter);
    return { select, pill: element(document, "label", { class: "law-pill law-small" }, name, select) };
  };
  const a = choice("A", (chosen, [, other]) => [chosen, other]);
  const b = choice("B", (chosen, [other]) => [other, chosen]);
  const group = groupOf(document, "segments law-small", "What is shown");
  const buttons = SIDES.map(([side, text]) => {
    const made = element(document, "button", { type: "button", "aria-label": `Show ${text}` }, text);
    listen(made, "click", () => {
      blinking(false);
      actions.side(side);
    });
    return made;
  });
  const blink = element(document, "button", { type: "button", title: "A and B in turn, on the same scale" }, "Blink");
  listen(blink, "click", () => blinking(timer === null));
  group.append(...buttons, blink);
  const says = element(document, "span", { class: "law-agreement", role: "status" });
  const close = closeButton(document, "End comparing");
  listen(close, "click", () => {
    blinking(false);
    actions.compare(null);
  });
  const root = groupOf(document, "compare", "Compare", a.pill, b.pill, group, says, close);
  return {
    element: root,
    update(now) {
      data = now;
      const pair = pairOf(now);
      root.hidden = pair === null;
      if (pair === null || now.comparison === null) {
        if (timer !== null) blinking(false);
        return;
      }
      fill(document, a.select, now, pair[0]);
      fill(document, b.select, now, pair[1]);
      for (const [at, [side]] of SIDES.entries())
        setAttributes(buttons[at] as Element, { "aria-pressed": String(side === now.side) });
      setText(says, agreement(now.comparison));
    },
  };
}

function pairOf(data: CompareData | null): readonly [number, number] | null {
  const found = data?.comparison;
  return found ? [found.a.matrix.chart.run, found.b.matrix.chart.run] : null;
}

function fill(document: Document, select: HTMLSelectElement, { runs, names }: CompareData, chosen: number): void {
  const options = runs.map(({ matrix }) => [String(matrix.chart.run), nameOf(names, matrix.chart.run)] as const);
  const key = JSON.stringify(options);
  if (select.dataset["options"] !== key) {
    select.replaceChildren(...options.map(([value, text]) => element(document, "option", { value }, text)));
    select.dataset["options"] = key;
  }
  if (select.value !== String(chosen)) select.value = String(chosen);
}
