// @vitest-environment jsdom
/** Without a kernel the widget says what it is, and offers nothing that needs one. */
import { setMaxListeners } from "node:events";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import widget from "../../src/index";
import { savedText } from "../../src/views/around/saved";
import type { State } from "../../src/wire/protocol";
import { installCanvas } from "../canvas";
import { FakeModel, makeProgress } from "../model";
import { keptOf } from "../said";

setMaxListeners(100);

beforeEach(() => {
  vi.useFakeTimers();
  installCanvas(window as Window & typeof globalThis);
  vi.spyOn(HTMLElement.prototype as { clientWidth: number }, "clientWidth", "get").mockReturnValue(640);
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
  document.body.replaceChildren();
});

const MADE = "2026-11-28T14:05:00+00:00";

function saved(traits: Partial<State> = {}) {
  const { matrix, progress } = keptOf("sampled");
  const { chart, values, errors, ends, sequence, sequence_errors } = matrix;
  const numbers = { values, errors, ends, sequence, sequence_errors } as unknown as Partial<State>;
  const askable = { ...chart, askable: true, extendable: true };
  const model = new FakeModel({
    ...chart.settings,
    ...numbers,
    chart: askable,
    progress,
    status: "finished",
    made_at: MADE,
    ...traits,
  });
  const { initialize, render } = widget();
  initialize({ model: model as never });
  const el = document.createElement("div");
  document.body.append(el);
  render({ model: model as never, el });
  const tick = (ms: number) => vi.advanceTimersByTime(ms);
  const offered = () =>
    [...el.querySelectorAll("button")]
      .filter((button) => !button.closest("[hidden]") && !button.disabled)
      .map((button) => button.getAttribute("aria-label") ?? button.textContent);
  const says = () => el.querySelector<HTMLElement>(".law-saved");
  return { model, tick, offered, says, el };
}

const NEED_A_KERNEL = ["Run", "What if", "Check", "+25%", "Edit", "Why not another?"];

test("what needs a kernel is offered with one, and not without", () => {
  const { tick, offered, says } = saved();
  tick(20);
  expect(offered()).toEqual(expect.arrayContaining(NEED_A_KERNEL));
  expect(says()?.hidden).toBe(true);
  tick(10_000);
  for (const name of [...NEED_A_KERNEL, "Stop", "Pause", "Continue", "Write"]) expect(offered()).not.toContain(name);
  expect(offered()).toEqual(expect.arrayContaining(["Export", "View as table"]));
  expect(says()?.textContent).toBe(
    `A saved picture of ${new Date(MADE).toLocaleString()}: no kernel answers, so that nothing can be run or asked.`,
  );
});

test("a kernel that answers late brings everything back", () => {
  const { model, tick, offered, says } = saved();
  tick(10_000);
  model.receive(
    { kind: "frame", seq: 1, run: 1, chart: null, progress: model.get("progress"), first_row: 0, rows: 0 },
    [],
  );
  tick(20);
  expect(offered()).toEqual(expect.arrayContaining(NEED_A_KERNEL));
  expect(says()?.hidden).toBe(true);
});

test("one saved in the middle of a run asks no model for ever", () => {
  const { tick, offered, says, el } = saved({ chart: null, progress: null, status: "running" });
  tick(20);
  expect(el.textContent).toContain("Asking the model…");
  tick(10_000);
  expect(el.textContent).not.toContain("Asking the model…");
  expect(el.textContent).toContain("No numbers were saved");
  expect(el.textContent).toContain("w.run(); w.wait()"); // what hosts show that drop whatever comes between cells
  expect(says()?.textContent).toContain("from the middle of a run");
  for (const name of ["Stop", "Pause", "Run", "Write"]) expect(offered()).not.toContain(name);
});

test("a picture that was never saved has no time", () => {
  expect(savedText({ made_at: "", phase: "finished", progress: makeProgress(1, "finished") })).toBe(
    "A saved picture: no kernel answers, so that nothing can be run or asked.",
  );
});
