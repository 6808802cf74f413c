/** What if: parts of the prompt left out or replaced by other words, and what the model makes of the rest. */
import { align } from "../../data/align";
import { decodeImage } from "../../draw/picture";
import type { Answer, Asked } from "../../session/session";
import { type Colours, cellColour, css, inkOn, niceCeil } from "../../style/colours";
import { boxOf, buttonOf, element, listen, type Place, setAttributes, setText } from "../../style/dom";
import { featureLabel, plain, probability, signed, visible } from "../../style/format";
import type { Chart, Replacement } from "../../wire/protocol";

export interface WhatIfData {
  readonly chart: Chart | null;
  readonly asked: Asked | null;
  readonly colours: Colours;
}

export interface WhatIfActions {
  ask(run: number, absent: readonly number[], replaced: readonly Replacement[]): void;
}

export interface WhatIfView {
  readonly element: HTMLElement;
  update(data: WhatIfData): void;
}

/** One target token: its probability before and after, and the change of its log-prob in nats. */
export interface Change {
  readonly token: string;
  readonly before: number;
  readonly after: number;
  readonly change: number;
}

export function changesOf({ event, before, after }: Answer): readonly Change[] {
  return event.tokens.map((token, at) => ({
    token,
    before: Math.exp(before[at] as number),
    after: Math.exp(after[at] as number),
    change: (after[at] as number) - (before[at] as number),
  }));
}

/** What the changes add up to: the log-prob of the first answer (and of the second, in a contrast) before and after. */
export function totalsOf({ event, before, after }: Answer): readonly { before: number; after: number }[] {
  const sum = (numbers: Float32Array, from: number, to: number) => numbers.slice(from, to).reduce((a, b) => a + b, 0);
  const parts = event.split < event.tokens.length ? [0, event.split, event.tokens.length] : [0, event.tokens.length];
  return parts.slice(1).map((end, at) => ({
    before: sum(before, parts[at] as number, end),
    after: sum(after, parts[at] as number, end),
  }));
}

export function createWhatIf(place: Place, actions: WhatIfActions): WhatIfView {
  const { document } = place;
  const absent = new Set<number>();
  const words = new Map<number, string>();
  let chart: Chart | null = null;
  const prompt = element(document, "div", {
    class: "law-chips",
    role: "group",
    "aria-label": "Parts of the prompt",
    dir: "auto",
  });
  const answer = element(document, "div", { class: "law-changes", role: "list", "aria-label": "The answer’s tokens" });
  const writes = boxOf(document, "writes");
  const says = element(document, "p", { class: "law-say", role: "status" });
  const reset = buttonOf(document, "link", "Whole prompt again");
  const heading = (text: string, ...more: Node[]) => boxOf(document, "heading", text, ...more);
  const left = element(document, "div", {}, heading("Leave out or replace", reset), prompt);
  const seen = element(document, "canvas", { role: "img", "aria-label": "The picture as the model saw it" });
  const right = element(document, "div", {}, heading("Then the answer is"), answer, says, seen, writes);
  const root = boxOf(document, "whatif", left, right);

  const ask = () => {
    if (!chart) return;
    draw();
    const replaced = [...words]
      .filter(([feature]) => !absent.has(feature))
      .map(([feature, text]) => ({ feature, text }));
    actions.ask(
      chart.run,
      [...absent].sort((a, b) => a - b),
      replaced,
    );
  };
  const edit = (chip: HTMLElement, feature: number) => {
    const input = element(document, "input", {
      "aria-label": "Other words",
      value: words.get(feature) ?? (chip.textContent ?? "").trim(),
    });
    let over = false;
    const end = (keep: boolean) => {
      if (over) return;
      over = true;
      const text = input.value.trim();
      if (keep && text === "") absent.add(feature);
      else if (keep && text !== (chart?.features[feature] ?? "").trim()) words.set(feature, text);
      else if (keep) words.delete(feature);
      if (keep && text !== "") absent.delete(feature);
      if (keep) ask();
      else draw();
      chipAt(feature)?.focus();
    };
    listen(input, "keydown", (event) => {
      event.stopPropagation();
      if (event.key !== "Enter" && event.key !== "Escape") return;
      // The focus goes back to the part: Enter must not press it.
      event.preventDefault();
      end(event.key === "Enter");
    });
    listen(input, "blur", () => end(true));
    chip.replaceWith(input);
    input.focus();
    input.select();
  };
  const chipAt = (feature: number) => prompt.querySelector<HTMLElement>(`[data-feature="${feature}"]`);
  const chipOf = (feature: number, text: string): HTMLElement => {
    const shown = words.get(feature) ?? visible(text.trim());
    const state = absent.has(feature) ? "absent" : words.has(feature) ? "replaced" : null;
    const chip = element(
      document,
      "button",
      { type: "button", "data-feature": feature, "data-state": state, "aria-pressed": String(absent.has(feature)) },
      shown === "" ? "␣" : shown,
    );
    listen(chip, "click", () => {
      if (!absent.delete(feature)) absent.add(feature);
      ask();
      chipAt(feature)?.focus();
    });
    listen(chip, "dblclick", () => {
      absent.delete(feature);
      edit(chipAt(feature) ?? chip, feature);
    });
    listen(chip, "keydown", (event) => {
      if (event.key !== "F2") return;
      event.preventDefault();
      edit(chip, feature);
    });
    return chip;
  };
  const draw = () => {
    const pieces = chart?.pieces ?? [];
    const seen = new Set<number>();
    const parts = pieces.map(({ text, feature }) => {
      if (feature === null || seen.has(feature)) return element(document, "span", {}, text);
      seen.add(feature);
      return chipOf(feature, text);
    });
    // What lies in an image has no place in the text.
    const others = [...(chart?.features ?? []).entries()].filter(([feature]) => !seen.has(feature));
    prompt.replaceChildren(...others.map(([feature, text]) => chipOf(feature, text)), ...parts);
    reset.hidden = absent.size + words.size === 0;
  };
  listen(reset, "click", () => {
    absent.clear();
    words.clear();
    ask();
  });
  return {
    element: root,
    update({ chart: now, asked, colours }) {
      if (now?.run !== chart?.run) {
        absent.clear();
        words.clear();
        chart = now;
        draw();
      }
      setAttributes(root, { "aria-busy": String(asked !== null && asked.answer === null) });
      const shown = asked?.answer?.event.run === now?.run ? (asked?.answer ?? null) : null;
      const key = shown ? `${shown.event.ask} ${css(colours.for)}` : asked ? "" : "nothing";
      if (key === "" || root.dataset["shown"] === key) return;
      root.dataset["shown"] = key;
      answer.replaceChildren(...(shown ? cards(document, shown, colours) : []));
      writes.replaceChildren(...(shown ? written(document, shown) : []));
      setText(says, shown ? inWords(shown) : HINT);
      seen.hidden = true;
      if (shown?.event.picture) void paint(place, seen, shown.event.picture);
    },
  };
}

/** Draws a PNG in base64. */
async function paint(place: Place, canvas: HTMLCanvasElement, png: string): Promise<void> {
  const bitmap = await decodeImage(place, { image: Uint8Array.from(atob(png), (char) => char.charCodeAt(0)) });
  if (!bitmap) return;
  [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
  canvas.getContext("2d")?.drawImage(bitmap, 0, 0);
  bitmap.close();
  canvas.hidden = false;
}

const HINT =
  "Click a part of the prompt to leave it out, double-click it (or press F2) to put other words in its place: " +
  "the model is asked at once.";

function inWords(answer: Answer): string {
  const [first, second] = totalsOf(answer).map(
    ({ before, after }) => `${plain(before, 2)} → ${plain(after, 2)} nats (${signed(after - before, 2)})`,
  );
  const whole = second ? `This answer: ${first}; the other: ${second}.` : `The whole answer: ${first}.`;
  const { calls, message } = answer.event;
  const cost =
    calls === 0 ? "Known from the run, no model call." : calls === 1 ? "One model call." : `${calls} model calls.`;
  return [whole, cost, message].filter((part) => part !== "").join(" ");
}

function cards(document: Document, answer: Answer, colours: Colours): readonly HTMLElement[] {
  const changes = changesOf(answer);
  const limit = niceCeil(Math.max(0.1, ...changes.map(({ change }) => Math.abs(change)).filter(Number.isFinite)));
  return changes.map(({ token, before, after, change }, at) => {
    const colour = cellColour(change, 0, limit, colours);
    const name = element(document, "b", {}, featureLabel(token));
    name.style.background = css(colour);
    name.style.color = inkOn(colour);
    const numbers = element(document, "span", {}, `${probability(before)} → ${probability(after)}`);
    const nats = element(document, "small", {}, `${signed(change, 2)} nats`);
    const other = at === answer.event.split ? { "data-other": true } : {};
    return element(document, "span", { role: "listitem", ...other }, name, numbers, nats);
  });
}

/** What the model itself writes after the whole prompt and after this one; what differs is marked. */
function written(document: Document, { event }: Answer): readonly HTMLElement[] {
  if (event.wrote === null || event.writes === null) return [];
  const split = (text: string) => text.split(/(?<=\s)(?=\S)/);
  const [before, after] = [split(event.wrote), split(event.writes)];
  const pairs = align(before, after);
  const line = (name: string, parts: readonly string[], mine: 0 | 1) => {
    const same = new Set(pairs.filter(([i, j]) => i >= 0 && j >= 0).map((pair) => pair[mine]));
    const text = parts.map((part, at) => (same.has(at) ? part : element(document, "mark", {}, part)));
    const nothing = element(document, "i", {}, "nothing: it ends the text");
    return element(
      document,
      "div",
      {},
      element(document, "small", {}, name),
      element(document, "p", { dir: "auto" }, ...(parts.join("") === "" ? [nothing] : text)),
    );
  };
  return [line("The model writes after the whole prompt", before, 0), line("and after this one", after, 1)];
}
