/** Groups of one's own: what a pattern matches in the prompt is put together; dragging over the prompt does the same. */
import { element, type Place, setText } from "../dom";
import type { Chart } from "../protocol";
import type { Range } from "../sources";
import { createPopover } from "./popover";

/** Where a pattern matches, or what is wrong with it, in plain words. Empty matches are left out. */
export function matchesOf(text: string, pattern: string): readonly Range[] | string {
  try {
    const found = [...text.matchAll(new RegExp(pattern, "gu"))].filter(([match]) => match !== "");
    return found.map((match) => ({ start: match.index, end: match.index + match[0].length }));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return error.message;
  }
}

export interface Custom {
  readonly element: HTMLElement;
  update(chart: Chart | null, groups: readonly Range[]): void;
}

export function createCustom(place: Place, choose: (ranges: readonly Range[]) => void): Custom {
  const { document } = place;
  const input = element(document, "input", {
    type: "text",
    spellcheck: "false",
    "aria-label": "Pattern",
    placeholder: "Palm Coast|\\w+ing",
  });
  const said = element(document, "small", { role: "status" });
  const apply = element(document, "button", { type: "submit", class: "law-tool" }, "Put together");
  const none = element(document, "button", { type: "button", class: "law-tool" }, "No groups");
  const form = element(document, "form", { class: "law-popover", "aria-label": "Groups of your own" });
  const about = "Each match of this pattern (a regular expression) becomes one part. Or drag over words of the prompt.";
  form.append(
    element(document, "small", {}, about),
    input,
    element(document, "span", { class: "law-tools" }, apply, none),
    said,
  );
  const popover = createPopover(place, "custom…", form);
  let text = "";
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const found = matchesOf(text, input.value);
    if (typeof found === "string") return setText(said, found);
    setText(said, found.length === 0 ? "Nothing in the prompt matches." : `${found.length} matches.`);
    if (found.length > 0) choose(found);
  });
  none.addEventListener("click", () => {
    setText(said, "");
    choose([]);
  });
  // What is typed here is no shortcut of the notebook's; Escape still closes the panel.
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") event.stopPropagation();
  });
  return {
    element: popover.element,
    update(chart, groups) {
      // Attributions that don't add up can't be put together.
      popover.element.hidden = !chart?.adds_up;
      none.disabled = groups.length === 0;
      text = chart?.pieces.map((piece) => piece.text).join("") ?? "";
      popover.button.setAttribute("aria-pressed", String(groups.length > 0));
    },
  };
}
