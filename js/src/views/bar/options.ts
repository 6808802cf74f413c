/** The method's few parameters, in a small panel behind one button. */
import { element, listen, type Place } from "../../style/dom";
import type { Settings } from "../../wire/protocol";
import { createPopover } from "./popover";

export interface Options {
  readonly element: HTMLElement;
  update(settings: Settings): void;
}

export function createOptions(place: Place, edit: (patch: Partial<Settings>) => void): Options {
  const { document } = place;
  const panel = element(document, "div", { class: "law-popover", role: "group", "aria-label": "Options" });
  const popover = createPopover(place, "Options", panel);
  const budget = field(document, "Budget", "model calls; empty: the method's own", { min: 1, placeholder: "auto" });
  const trials = field(document, "Trials", "independent repetitions, for standard errors", { min: 1 });
  const seed = field(document, "Seed", "the same seed gives the same numbers", { min: 0 });
  panel.append(budget.element, trials.element, seed.element);
  budget.onChange((value) => edit({ budget: value }), null);
  trials.onChange((value) => value !== null && edit({ trials: value }), 1);
  seed.onChange((value) => value !== null && edit({ seed: value }), 0);

  return {
    element: popover.element,
    update(settings) {
      budget.show(settings.budget);
      trials.show(settings.trials);
      seed.show(settings.seed);
    },
  };
}

function field(document: Document, name: string, about: string, attributes: { min: number; placeholder?: string }) {
  const input = element(document, "input", { type: "number", step: 1, ...attributes });
  const label = element(document, "label", {}, element(document, "span", {}, name), input);
  label.append(element(document, "small", {}, about));
  return {
    element: label,
    /** Whole numbers from `min` on; anything else shows the last good one again. */
    onChange(changed: (value: number | null) => void, empty: number | null): void {
      listen(input, "change", () => {
        const value = input.value.trim() === "" ? empty : Number(input.value);
        if (value !== null && !(Number.isInteger(value) && value >= attributes.min)) input.value = input.defaultValue;
        else changed(value);
      });
    },
    show(value: number | null): void {
      const text = value === null ? "" : String(value);
      if (input.defaultValue === text) return;
      input.defaultValue = text;
      input.value = text;
    },
  };
}
