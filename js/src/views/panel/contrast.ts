/** "Why this and not that": a second answer, or another word in the place of one, typed beside the first. */
import { boxOf, buttonOf, element, listen, type Place, setText } from "../../style/dom";
import { quoted } from "../../style/format";
import type { Chart } from "../../wire/protocol";

/** chosen: the output tokens that the user has pinned or spanned, from the first to one before the second. */
export interface ContrastData {
  readonly chart: Chart | null;
  readonly chosen: Stretch | null;
  readonly busy: boolean;
  readonly has_model: boolean;
}

export interface ContrastActions {
  contrast(target: string, against: string): void;
  /** Back to the answer alone. */
  uncontrast(): void;
}

export interface Contrast {
  /** The button that opens it; for the heading of the answer. */
  readonly button: HTMLElement;
  readonly element: HTMLElement;
  update(data: ContrastData): void;
}

type Stretch = readonly [number, number];

/**
 * Both answers, up to and including what is asked about: "surfing, golf" and "surfing, hiking". What comes after is
 * left out, as it would be scored after different words.
 */
export function answersOf({ outputs }: Pick<Chart, "outputs">, [from, end]: Stretch, other: string): [string, string] {
  const text = (first: number, last: number) => textOf({ outputs }, [first, last]);
  const asked = text(from, end);
  const space = asked.slice(0, asked.length - asked.trimStart().length);
  return [text(0, end), text(0, from) + space + other.trim()];
}

/**
 * Two answers without the words that both begin with: these are as likely in both, so that nothing speaks for the one
 * rather than for the other.
 */
export function apart(one: string, other: string): readonly [string, string] {
  const words = (text: string) => text.trim().split(/(?<=\s)(?=\S)/);
  const [a, b] = [words(one), words(other)];
  const same = a.findIndex((word, at) => word !== b[at]);
  return same < 0 ? [one, other] : [a.slice(same).join(""), b.slice(same).join("")];
}

function textOf({ outputs }: Pick<Chart, "outputs">, [from, end]: Stretch): string {
  return outputs.slice(from, end).join("");
}

export function createContrast({ document }: Place, actions: ContrastActions): Contrast {
  const open = buttonOf(document, "link", "Why not another?");
  open.title = "Contrast: which parts of the prompt speak for this rather than for something else";
  const asked = element(document, "select", { "aria-label": "Why this" });
  const other = element(document, "input", {
    type: "text",
    "aria-label": "and not",
    placeholder: "another word",
    dir: "auto",
  });
  const go = element(document, "button", { class: "law-tool" }, "Explain");
  const form = element(document, "form", { class: "law-contrast", "aria-label": "Contrast" });
  form.append("Why ", asked, " and not ", other, " ", go);
  const said = element(document, "span", {});
  const end = buttonOf(document, "link", "End contrast");
  const now = boxOf(document, "contrast", said, end);
  const root = element(document, "div", {}, form, now);
  let chart: Chart | null = null;
  let stretches: readonly Stretch[] = [];
  let chosen: Stretch | null = null;
  let shown = "";
  form.hidden = true;
  // Only while it is open: an answer may have thousands of tokens.
  const offer = () => {
    const key = JSON.stringify([chart?.run, chosen]);
    if (chart === null || form.hidden || key === shown) return;
    shown = key;
    const { outputs } = chart;
    stretches = stretchesOf(outputs.length, chosen);
    const name = ([from, to]: Stretch, at: number) =>
      at === 0 ? "the whole answer" : quoted(outputs.slice(from, to).join(""));
    asked.replaceChildren(...stretches.map((stretch, at) => element(document, "option", {}, name(stretch, at))));
    const chosenAt = stretches.findLastIndex(([from, to]) => from === chosen?.[0] && to === chosen[1]);
    asked.selectedIndex = Math.max(0, chosenAt);
  };
  listen(open, "click", () => {
    form.hidden = !form.hidden;
    offer();
    if (!form.hidden) other.focus();
  });
  // What had the focus goes away: the keys of the widget still work.
  const settle = () => root.closest<HTMLElement>("[tabindex]")?.focus();
  listen(end, "click", () => {
    settle();
    actions.uncontrast();
  });
  listen(form, "submit", (event) => {
    event.preventDefault();
    const stretch = stretches[asked.selectedIndex];
    if (!chart || !stretch || other.value.trim() === "") return;
    settle();
    form.hidden = true;
    actions.contrast(...answersOf(chart, stretch, other.value));
  });
  listen(form, "keydown", (event) => {
    // The notebook must not take what is typed here for its own shortcuts.
    event.stopPropagation();
    if (event.key !== "Escape") return;
    form.hidden = true;
    open.focus();
  });
  return {
    button: open,
    element: root,
    update({ chart: latest, chosen: latestChosen, busy, has_model }) {
      chart = latest;
      chosen = latestChosen;
      now.hidden = latest?.against === null || latest === null;
      open.hidden = !has_model || latest === null || !now.hidden;
      if (open.hidden) form.hidden = true;
      if (latest) setText(open, chosen ? `Why ${quoted(textOf(latest, chosen), 16)} and not…?` : "Why not another?");
      go.disabled = busy;
      end.hidden = !has_model;
      if (latest?.against)
        setText(
          said,
          `Why ${apart(latest.target, latest.against)
            .map((text) => quoted(text))
            .join(" and not ")}`,
        );
      offer();
    },
  };
}

/** What can be asked about: the whole answer, what is chosen in it, every token of it. */
function stretchesOf(count: number, chosen: Stretch | null): readonly Stretch[] {
  const longer = chosen && chosen[1] - chosen[0] > 1;
  return [[0, count], ...(longer ? [chosen] : []), ...Array.from({ length: count }, (_, at): Stretch => [at, at + 1])];
}
