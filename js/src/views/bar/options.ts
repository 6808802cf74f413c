/** The settings that the protocol calls options, in a small panel behind one button. */
import { element, groupOf, listen, type Place } from "../../style/dom";
import { OPTIONS, type Settings } from "../../wire/protocol";
import { createPopover } from "./popover";

export interface Options {
  readonly element: HTMLElement;
  update(settings: Settings): void;
}

export function createOptions(place: Place, edit: (patch: Partial<Settings>) => void): Options {
  const { document } = place;
  const panel = groupOf(document, "popover", "Options");
  const popover = createPopover(place, "Options", panel);
  const fields = OPTIONS.map((option) => field(document, option, edit));
  panel.append(...fields.map((made) => made.element));
  return {
    element: popover.element,
    update(settings) {
      for (const { name, show } of fields) show(settings[name]);
    },
  };
}

/** Whole numbers from the least on (anything else shows the last good one again), or a text where there is no least. */
function field(
  document: Document,
  { name, label, about, least, empty }: (typeof OPTIONS)[number],
  edit: (patch: Partial<Settings>) => void,
) {
  const placeholder = empty === null ? "auto" : null;
  const type = least === null ? "text" : "number";
  const input = element(document, "input", { type, step: least === null ? null : 1, min: least, placeholder });
  const words = element(document, "small", {}, about);
  listen(input, "change", () => {
    const blank = input.value.trim() === "";
    const value = blank ? empty : least === null ? input.value : Number(input.value);
    const good = typeof value !== "number" || (Number.isInteger(value) && value >= (least ?? value));
    if (good) edit({ [name]: value });
    else input.value = input.defaultValue;
  });
  return {
    name,
    element: element(document, "label", {}, element(document, "span", {}, label), input, words),
    show(value: number | string | null): void {
      const text = value === null ? "" : String(value);
      if (input.defaultValue === text) return;
      input.defaultValue = text;
      input.value = text;
    },
  };
}
