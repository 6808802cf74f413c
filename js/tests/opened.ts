/** A widget in a page, over a model that holds runs as the kernel's traits do. Needs jsdom, and fake timers. */
import { vi } from "vitest";
import widget from "../src/index";
import type { Chart, Progress, Record, State } from "../src/wire/protocol";
import { installCanvas } from "./canvas";
import { FakeModel, makeChart, makeProgress } from "./model";

export const bytes = (...numbers: number[]) => new DataView(Float32Array.from(numbers).buffer);

/** An ended run, as a record: each cell's value is its run, row and column as three digits over a hundred. */
export function runOf(
  run: number,
  words: readonly string[],
  tokens: readonly string[],
  settings: Partial<Chart["settings"]> = {},
  more: Partial<Chart> = {},
  progress: Partial<Progress> = {},
): Record {
  const base = makeChart(run, words, tokens);
  const chart = { ...base, ...more, settings: { ...base.settings, ...settings } };
  const cells = tokens.flatMap((_, row) => words.map((_, column) => run + row / 10 + column / 100));
  const sums = words.map((_, column) => tokens.reduce((sum, _, row) => sum + run + row / 10 + column / 100, 0));
  return {
    chart,
    progress: makeProgress(run, "finished", progress),
    values: bytes(...cells),
    errors: bytes(...cells.map(() => 0.05)),
    ends: bytes(...tokens.flatMap(() => [-1, -2])),
    sequence: bytes(...sums),
    sequence_errors: bytes(...words.map(() => 0.07)),
  };
}

/** The traits once these runs have ended, the last of them the newest. */
export function traitsOf(...runs: readonly Record[]): Partial<State> {
  const newest = runs.at(-1) as Record;
  const names = runs.map(({ chart }) => ({ run: chart.run, name: `Run ${chart.run}` }));
  return { ...newest.chart.settings, ...newest, status: "finished", records: runs.slice(0, -1), names };
}

export function opened(traits: Partial<State>) {
  installCanvas(window as Window & typeof globalThis);
  // jsdom lays nothing out; the matrix needs a width to draw in.
  vi.spyOn(HTMLElement.prototype as { clientWidth: number }, "clientWidth", "get").mockReturnValue(640);
  const model = new FakeModel(traits);
  const { initialize, render } = widget();
  const end = initialize({ model: model as never });
  const el = document.createElement("div");
  document.body.append(el);
  render({ model: model as never, el });
  const tick = (ms = 20) => vi.advanceTimersByTime(ms);
  tick();
  const find = (selector: string) => el.querySelector(selector) as HTMLElement;
  /** One in sight, else one that a menu has. */
  const button = (name: string) => {
    const named = [...el.querySelectorAll("button")].filter(
      (found) => (found.getAttribute("aria-label") ?? found.textContent) === name,
    );
    return (named.find((found) => !found.closest("[hidden]")) ?? named[0]) as HTMLButtonElement;
  };
  return {
    model,
    el,
    end,
    tick,
    find,
    button,
    text: (name: "Prompt" | "Answer") => find(`.law-flow[aria-label=${name}]`),
    words: (name: "Prompt" | "Answer") => [
      ...el.querySelectorAll<HTMLElement>(`.law-flow[aria-label=${name}] [data-line]`),
    ],
    press(name: string) {
      button(name).click();
      tick();
    },
    type(label: string, text: string) {
      const area = find(`[aria-label="${label}"]`) as HTMLTextAreaElement;
      area.value = text;
      area.dispatchEvent(new Event("input"));
      tick(300);
    },
    key(on: HTMLElement, key: string) {
      on.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
      tick();
    },
    /** Moves the pointer onto a cell; row -1: onto what stands above a column. */
    point(row: number, column: number) {
      const grid = find(".law-grid");
      const [x0, y0, width, height] = ["x0", "y0", "cell-width", "cell-height"].map((name) =>
        Number(grid.getAttribute(`data-${name}`)),
      ) as [number, number, number, number];
      const [clientX, clientY] = [x0 + (column + 0.5) * width, row < 0 ? y0 - 5 : y0 + (row + 0.5) * height];
      grid.dispatchEvent(new MouseEvent("pointermove", { clientX, clientY, bubbles: true }));
      tick();
    },
    /** Title and lines of the tooltip that is open. */
    tip() {
      const tip = [...el.querySelectorAll<HTMLElement>(".law-tip")].find((found) => !found.hidden);
      const lines = [...(tip?.querySelectorAll("div") ?? [])].map((line) =>
        [...line.children].map((part) => part.textContent),
      );
      return tip ? { title: tip.querySelector("strong")?.textContent, facts: Object.fromEntries(lines) } : null;
    },
  };
}
