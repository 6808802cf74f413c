/** A conversation in the text view: turns that fold, and the chat template's own text folded away. */

import type { Stretch } from "../../data/stretches";
import type { Paint } from "../../draw/lighting";
import { type Colours, cellColour, css, inkOn } from "../../style/colours";
import { element, listen, spanOf } from "../../style/dom";
import { signed, visible } from "../../style/format";
import { TEMPLATE } from "../../wire/protocol";

/** Neighbouring stretches of one role: from `first` to one before `end`. */
export interface Block {
  readonly role: string;
  readonly first: number;
  readonly end: number;
}

export function blocksOf(stretches: readonly Stretch[]): readonly Block[] {
  const blocks: Block[] = [];
  stretches.forEach(({ role }, at) => {
    const last = blocks.at(-1);
    if (last?.role === role) blocks[blocks.length - 1] = { ...last, end: at + 1 };
    else blocks.push({ role, first: at, end: at + 1 });
  });
  return blocks;
}

/** How many things a template's text is made of: marks such as `<|im_start|>`, words, line ends, other signs. */
export function templateCount(text: string): number {
  return text.match(/<[^<>\s]+>|\[[^[\]\s]+\]|\n+|[\p{L}\p{N}]+|[^\s\p{L}\p{N}]/gu)?.length ?? 0;
}

/** Sum over the lines that begin in a block; null where it holds none. A line is counted in one block only. */
export function massOf(stretches: readonly Stretch[], { first, end }: Block, paint: Paint): number | null {
  const before = new Set(stretches.slice(0, first).map(({ line }) => line));
  const lines = new Set(stretches.slice(first, end).map(({ line }) => line));
  const own = [...lines].filter((line) => line >= 0 && !before.has(line));
  if (own.length === 0) return null;
  return own.reduce((sum, line) => sum + (paint.values[line] ?? Number.NaN), 0);
}

export interface Fold {
  readonly element: HTMLElement;
  readonly block: Block;
  /** `mass`: the sum of what is inside; null: nothing in there can be absent, or sums mean nothing here. */
  update(mass: number | null, limit: number, decimals: number, colours: Colours): void;
}

/** What a block of one role stands in; the words themselves stay in the page, so that copied text is whole. */
export function createFold(
  document: Document,
  block: Block,
  text: string,
  words: readonly (Node | string)[],
  toggled: () => void,
): Fold {
  const template = block.role === TEMPLATE;
  const body = spanOf(document, "folded", ...words);
  // Its words are drawn by the style sheet, so that the text of the flow stays the text.
  const button = element(document, "button", { type: "button", class: template ? "law-fold" : "law-role" });
  const name = template ? `+${templateCount(text)}` : block.role;
  const about = template ? `Template: ${visible(text)}` : block.role;
  const root = element(document, template ? "span" : "div", { class: template ? "law-template" : "law-turn" });
  root.append(button, body);
  let open = !template;
  let label = "";
  const show = () => {
    body.hidden = !open;
    button.setAttribute("aria-expanded", String(open));
  };
  listen(button, "click", (event) => {
    event.stopPropagation();
    open = !open;
    show();
    toggled();
  });
  button.title = template ? `${about} (put in by the chat template)` : "Fold or unfold this turn";
  show();
  return {
    element: root,
    block,
    update(mass, limit, decimals, colours) {
      const shown = mass === null || Number.isNaN(mass) ? name : `${name} ${signed(mass, decimals)}`;
      const colour = template && mass !== null ? cellColour(mass, 0, limit, colours) : null;
      const key = shown + (colour ? css(colour) : "");
      if (key === label) return;
      label = key;
      button.dataset["label"] = shown;
      button.setAttribute("aria-label", template ? `${shown}: ${about}` : shown);
      button.style.background = colour ? css(colour) : "";
      button.style.color = colour ? inkOn(colour) : "";
    },
  };
}
