/** The bar above: method, granularity, value, options; Run or Stop; the progress line. */

import type { Waiting } from "../../session/session";
import { boxOf, buttonOf, element, listen, type Place, setAttributes, setText, spanOf } from "../../style/dom";
import { isBusy } from "../../wire/phase";
import type { Choice, Choices, Progress, Settings } from "../../wire/protocol";
import { createOptions } from "./options";

export interface BarData {
  readonly settings: Settings;
  readonly choices: Choices;
  readonly progress: Progress | null;
  readonly busy: boolean;
  /** Whether a run can be started at all. */
  readonly has_model: boolean;
  readonly waiting: Waiting;
}

export interface BarActions {
  edit(patch: Partial<Settings>): void;
  run(): void;
  stop(): void;
}

export interface Bar {
  readonly element: HTMLElement;
  /** Where views with more to offer (export) put their buttons. */
  readonly extras: HTMLElement;
  /** Beside the granularities: where groups of one's own are made. */
  readonly levels: HTMLElement;
  update(data: BarData): void;
}

export function createBar(place: Place, actions: BarActions): Bar {
  const { document } = place;
  const method = menu(place, "method", "Method", (name) => actions.edit({ method: name }));
  const value = menu(place, "explain", "Explain", (name) => actions.edit({ value: name as Settings["value"] }));
  const granularity = segments(place, "Granularity", (name) =>
    actions.edit({ granularity: name as Settings["granularity"] }),
  );
  const options = createOptions(place, actions.edit);
  const extras = spanOf(document, "extras");
  const go = buttonOf(document, "run", "Run");
  const stop = buttonOf(document, "run", "Stop");
  listen(go, "click", () => actions.run());
  listen(stop, "click", () => actions.stop());
  const line = element(document, "div", {
    class: "law-progress",
    role: "progressbar",
    "aria-label": "Model calls done",
  });
  const done = element(document, "div", {});
  line.append(done);
  const controls = boxOf(document, "bar");
  const levels = spanOf(document, "levels", granularity.element);
  controls.append(method.element, levels, value.element, options.element);
  controls.append(spanOf(document, "actions", extras, go, stop));
  const root = element(document, "div", {}, controls, line);
  return {
    element: root,
    extras,
    levels,
    update({ settings, choices, progress, busy, has_model, waiting }) {
      method.update(choices.methods, settings.method);
      value.update(choices.values, settings.value);
      granularity.update(choices.granularities, settings.granularity);
      options.update(settings);
      // What was pressed goes away: the focus stays in the widget.
      const held = [go, stop].some((button) => button.matches(":focus"));
      go.hidden = busy || !has_model;
      for (const part of [method.element, value.element, options.element]) part.hidden = !has_model;
      stop.hidden = !busy;
      if (held) (busy ? stop : go).focus({ preventScroll: true });
      setText(stop, waiting === "stop" ? "Stopping…" : "Stop");
      setAttributes(stop, { "aria-label": "Stop", "aria-disabled": waiting === "stop" ? "true" : null });
      const share =
        busy && progress && isBusy(progress.phase) ? progress.calls / Math.max(1, progress.planned) : busy ? 0 : null;
      setAttributes(line, {
        "data-active": busy,
        "aria-valuenow": share === null ? null : Math.round(Math.min(1, share) * 100),
        "aria-valuemin": 0,
        "aria-valuemax": 100,
      });
      done.style.width = `${Math.min(1, share ?? 0) * 100}%`;
    },
  };
}

interface Menu {
  readonly element: HTMLElement;
  update(choices: readonly Choice[], chosen: string): void;
}

function menu({ document }: Place, lead: string, name: string, choose: (name: string) => void): Menu {
  const select = element(document, "select", { "aria-label": name });
  listen(select, "change", () => choose(select.value));
  const pill = element(document, "label", { class: "law-pill" }, element(document, "i", {}, lead), select);
  let shown: readonly Choice[] = [];
  return {
    element: pill,
    update(choices, chosen) {
      if (choices !== shown) {
        select.replaceChildren(
          ...choices.map((choice) =>
            element(document, "option", { value: choice.name, title: choice.about }, choice.label),
          ),
        );
        shown = choices;
      }
      if (select.value !== chosen) select.value = chosen;
      setAttributes(pill, { title: choices.find((choice) => choice.name === chosen)?.about });
    },
  };
}

/** A row of buttons of which one is on: a radio group. */
function segments({ document }: Place, name: string, choose: (name: string) => void): Menu {
  const group = element(document, "div", { class: "law-segments", role: "radiogroup", "aria-label": name });
  let shown: readonly Choice[] = [];
  const step = (event: KeyboardEvent) => {
    const move = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (move === undefined) return;
    event.preventDefault();
    const at = [...group.children].indexOf(event.target as Element);
    const next = group.children[(at + move + shown.length) % shown.length];
    if (next instanceof HTMLElement) next.focus();
    next?.dispatchEvent(new Event("click"));
  };
  listen(group, "keydown", step);
  const button = (choice: Choice) => {
    const made = element(document, "button", { type: "button", role: "radio", title: choice.about }, choice.label);
    listen(made, "click", () => choose(choice.name));
    return made;
  };
  return {
    element: group,
    update(choices, chosen) {
      const same = choices.length === shown.length && choices.every((choice, at) => choice === shown[at]);
      if (!same) group.replaceChildren(...choices.map(button));
      shown = choices;
      choices.forEach((choice, index) => {
        const on = choice.name === chosen || choices.length === 1;
        const child = group.children[index];
        if (child) setAttributes(child, { "aria-checked": String(on), tabindex: on ? 0 : -1 });
      });
    },
  };
}
