/** What to look at: matches of a pattern put together, or left out of the view; so are pinned parts and whole roles. */

import { pieceRanges, type Range } from "../../data/sources";
import { element, listen, type Place, setText, spanOf, toolButton } from "../../style/dom";
import type { Chart } from "../../wire/protocol";
import { createPopover } from "../bar/popover";

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

export interface CustomData {
  readonly chart: Chart | null;
  readonly groups: readonly Range[];
  /** How many features are left out of the view, and the parts of the prompt that are pinned. */
  readonly hidden: number;
  /** How many stretches the locked prompt is cut into; null: there is no model for another run. */
  readonly locked: number | null;
  readonly pinned: readonly Range[];
}

export interface CustomActions {
  groups(ranges: readonly Range[]): void;
  hide(ranges: readonly Range[]): void;
  showAll(): void;
  lock(ranges: readonly Range[], on: boolean): void;
  /** All of it. */
  unlock(): void;
}

export interface Custom {
  readonly element: HTMLElement;
  update(data: CustomData): void;
  open(): void;
}

export function createCustom(place: Place, actions: CustomActions): Custom {
  const { document } = place;
  const input = element(document, "input", {
    type: "text",
    spellcheck: "false",
    "aria-label": "Pattern",
    placeholder: "Palm Coast|\\w+ing",
  });
  const said = element(document, "small", { role: "status" });
  const note = (text: string) => element(document, "small", {}, text);
  const tools = (...buttons: readonly HTMLElement[]) => spanOf(document, "tools", ...buttons);
  const apply = element(document, "button", { type: "submit", class: "law-tool" }, "Put together");
  const none = toolButton(document, "No groups", "No groups: take all of them apart", () => {
    setText(said, "");
    actions.groups([]);
  });
  /** What a choice of parts leads to: `what` is done with them, until `back` undoes it. */
  const choosing = (lead: string, what: string, act: (ranges: readonly Range[]) => void, back: HTMLButtonElement) => {
    const matches = toolButton(document, "Matches", `Matches of the pattern: ${what}`, () => find(act));
    const pins = toolButton(document, "Pinned", `Pinned: ${what}`, () => act(data.pinned));
    const roles = tools();
    const root = element(document, "div", {}, note(lead), tools(matches, pins, back), roles);
    return { root, pins, back, roles, what, act };
  };
  const hiding = choosing(
    "Or leave out of the view, with sums as they are:",
    "leave out of the view",
    actions.hide,
    toolButton(document, "Show all", "Show all of the prompt again", () => actions.showAll()),
  );
  const lock = (ranges: readonly Range[]) => actions.lock(ranges, true);
  const locking = choosing(
    "Or lock: always present from the next run on:",
    "lock",
    lock,
    toolButton(document, "Unlock all", "Unlock all of the prompt", () => actions.unlock()),
  );
  const form = element(
    document,
    "form",
    { class: "law-popover", "aria-label": "Groups of your own" },
    note("Each match of this regular expression becomes one part. Or drag over words of the prompt."),
    input,
    tools(apply, none),
    hiding.root,
    locking.root,
    said,
  );
  const popover = createPopover(place, "custom…", form);
  let data: CustomData = { chart: null, groups: [], hidden: 0, locked: null, pinned: [] };
  function find(act: (found: readonly Range[]) => void): void {
    const text = data.chart?.pieces.map((piece) => piece.text).join("") ?? "";
    const found = matchesOf(text, input.value);
    if (typeof found === "string") return setText(said, found);
    setText(
      said,
      found.length === 0
        ? "Nothing in the prompt matches."
        : found.length === 1
          ? "1 match."
          : `${found.length} matches.`,
    );
    if (found.length > 0) act(found);
  }
  listen(form, "submit", (event) => {
    event.preventDefault();
    if (!apply.disabled) find(actions.groups);
  });
  // What is typed here is no shortcut of the notebook's; Escape still closes the panel.
  listen(form, "keydown", (event) => {
    if (event.key !== "Escape") event.stopPropagation();
  });
  return {
    element: popover.element,
    open() {
      popover.open(true);
      input.focus();
    },
    update(now) {
      const fresh = now.chart !== data.chart;
      data = now;
      popover.element.hidden = now.chart === null;
      // Attributions that don't add up can't be put together.
      apply.disabled = !now.chart?.adds_up;
      none.disabled = now.groups.length === 0;
      hiding.back.disabled = now.hidden === 0;
      locking.back.disabled = now.locked === 0;
      locking.root.hidden = now.locked === null;
      for (const { pins, roles, what, act } of [hiding, locking]) {
        pins.disabled = now.pinned.length === 0;
        if (fresh) roles.replaceChildren(...roleButtons(document, now.chart, what, act));
      }
      setText(popover.button, now.hidden > 0 ? `custom… (${now.hidden} out of view)` : "custom…");
      popover.button.setAttribute("aria-pressed", String(now.groups.length > 0 || now.hidden > 0));
    },
  };
}

/** One for each role that has features, where there are several. */
function roleButtons(
  document: Document,
  chart: Chart | null,
  what: string,
  act: (ranges: readonly Range[]) => void,
): readonly HTMLElement[] {
  if (!chart) return [];
  const ranges = pieceRanges(chart);
  const byRole = new Map<string, Range[]>();
  chart.pieces.forEach(({ role, feature }, at) => {
    if (feature !== null && role !== "") byRole.set(role, [...(byRole.get(role) ?? []), ranges[at] as Range]);
  });
  if (byRole.size < 2) return [];
  return [...byRole].map(([role, own]) => toolButton(document, role, `${role}: ${what}`, () => act(own)));
}
