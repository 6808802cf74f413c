// @vitest-environment jsdom
/** The views beside the matrix: what if, the figures of a check, how numbers settled, kept runs, comparing. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { comparison } from "../../src/data/comparison";
import { fullMatrix } from "../../src/data/matrix";
import { runsOf } from "../../src/session/runs";
import { createSeen } from "../../src/session/seen";
import { type Answer, Session } from "../../src/session/session";
import { coloursOn } from "../../src/style/colours";
import { agreement, createCompare } from "../../src/views/beside/compare";
import { axesFor, bandOf, createConvergence } from "../../src/views/beside/convergence";
import { tracePaths } from "../../src/views/beside/course";
import { createRuns } from "../../src/views/beside/runs";
import { createSteps } from "../../src/views/beside/steps";
import { createVerdict, curvePath, figuresOf } from "../../src/views/beside/verdict";
import { changesOf, createWhatIf, totalsOf } from "../../src/views/beside/whatif";
import { named } from "../../src/wire/decode";
import type { Verdict } from "../../src/wire/protocol";
import { NUMBERS } from "../../src/wire/protocol";
import { FakeModel, makeChart, makeProgress } from "../model";

const ending = new AbortController();
const place = { document, signal: ending.signal };
afterEach(() => document.body.replaceChildren());
const shown = <T extends HTMLElement>(made: T): T => {
  document.body.append(made);
  return made;
};
const line = (...numbers: number[]) => Float32Array.from(numbers);

function answerTo(ask: number, patch = {}): Answer {
  const event = {
    kind: "what_if" as const,
    seq: 1,
    ask,
    run: 1,
    tokens: [" golf", "."],
    split: 2,
    wrote: " golf and cooking.",
    writes: " reading and cooking.",
    calls: 1,
    message: "",
    picture: null,
    ...patch,
  };
  return { event, before: line(-0.1, -0.2), after: line(-2.1, -0.1) };
}

describe("what if", () => {
  const chart = { ...makeChart(1, ["Dave", " is", " lawyer"], [" golf", "."]) };
  const open = () => {
    const ask = vi.fn();
    const view = createWhatIf(place, { ask });
    shown(view.element);
    const update = (asked: { ask: number; answer: Answer | null } | null, now = chart) =>
      view.update({ chart: now, asked, colours: coloursOn("light") });
    update(null);
    const chip = (feature: number) => view.element.querySelector(`[data-feature="${feature}"]`) as HTMLElement;
    return { view, ask, update, chip };
  };

  test("a click leaves a part out and asks at once, a second one takes it back", () => {
    const { ask, chip } = open();
    chip(2).click();
    expect(ask).toHaveBeenLastCalledWith(1, [2], []);
    expect(chip(2).getAttribute("aria-pressed")).toBe("true");
    chip(0).click();
    expect(ask).toHaveBeenLastCalledWith(1, [0, 2], []);
    chip(2).click();
    expect(ask).toHaveBeenLastCalledWith(1, [0], []);
  });

  test("other words go in by F2 and Enter; Escape leaves all as it was", () => {
    const { view, ask, chip } = open();
    const type = (text: string, key: string) => {
      chip(2).dispatchEvent(new KeyboardEvent("keydown", { key: "F2", bubbles: true }));
      const input = view.element.querySelector("input") as HTMLInputElement;
      expect(input.value).toBe("lawyer");
      input.value = text;
      input.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    };
    type("teacher", "Escape");
    expect(ask).not.toHaveBeenCalled();
    type("teacher", "Enter");
    expect(ask).toHaveBeenCalledTimes(1);
    expect(ask).toHaveBeenLastCalledWith(1, [], [{ feature: 2, text: "teacher" }]);
    expect(chip(2).textContent).toBe("teacher");
    expect(chip(2).dataset["state"]).toBe("replaced");
  });

  test("each token's probabilities and change are shown, with what the model writes now", () => {
    const { view, update } = open();
    update({ ask: 1, answer: answerTo(1) });
    const cards = [...view.element.querySelectorAll(".law-changes > span")].map((card) => card.textContent);
    expect(cards[0]).toBe("golf0.90 → 0.12−2.00 nats");
    expect(view.element.querySelector(".law-say")?.textContent).toContain("−0.30 → −2.20 nats (−1.90)");
    expect([...view.element.querySelectorAll("mark")].map((mark) => mark.textContent?.trim())).toEqual([
      "golf",
      "reading",
    ]);
  });

  test("another run starts afresh", () => {
    const { update, chip } = open();
    chip(1).click();
    update(null, makeChart(2, ["x", " y"], ["z"]));
    expect(chip(1).getAttribute("aria-pressed")).toBe("false");
    expect(chip(0).textContent).toBe("x");
  });

  test("a contrast adds up each answer by itself", () => {
    const both = answerTo(1, { tokens: [" golf", " hike"], split: 1 });
    expect(totalsOf(both).map(({ before }) => Number(before.toFixed(3)))).toEqual([-0.1, -0.2]);
    expect(changesOf(both)[0]?.change).toBeCloseTo(-2, 6);
  });

  test("segments of an image can be left out, too", () => {
    const { ask, update, chip } = open();
    update(null, { ...makeChart(3, ["segment 1", " red"], ["x"]), pieces: [{ text: " red", feature: 1, role: "" }] });
    chip(0).click();
    expect(ask).toHaveBeenLastCalledWith(3, [0], []);
  });

  test("markup stays text", () => {
    const evil = "<img src=x onerror=alert(1)>";
    const { view, update } = open();
    update({ ask: 1, answer: answerTo(1, { tokens: [evil, "."], writes: evil }) }, { ...chart });
    expect(view.element.querySelector("img")).toBeNull();
    expect(view.element.textContent).toContain(evil);
  });
});

describe("check", () => {
  const verdict: Verdict = {
    run: 1,
    trusted: false,
    verdict: "Features interact.",
    rank_correlation: 0.512,
    r_squared: null,
    gap: 0.25,
    held_out: 32,
    seen: 4,
    calls: 61,
    deletion: [
      { share: 0, value: -1 },
      { share: 1, value: -9 },
    ],
    insertion: [],
  };

  test("its figures are those of the kernel", () => {
    const figures = Object.fromEntries(figuresOf(verdict, "nats").map(([name, value]) => [name, value]));
    expect(figures).toEqual({
      "rank correlation": "0.51",
      "R²": "–",
      "tried on": "32 coalitions, 4 of them seen before",
      "sum misses by": "0.25 nats",
      cost: "61 model calls",
    });
    const view = createVerdict(place);
    view.update(verdict, "nats");
    expect(view.element.textContent).toContain("Features interact.");
    expect(curvePath(verdict.deletion, { width: 100, height: 58 })).toBe("M0.0,4.0L100.0,54.0");
  });

  test("the step offers a check, waits for it, and then opens its figures", () => {
    const actions = { extend: vi.fn(), check: vi.fn(), figures: vi.fn() };
    const steps = createSteps(place, actions);
    const chart = makeChart(7, ["a"], ["b"]);
    const data = {
      chart,
      phase: "finished" as const,
      absent: false,
      busy: false,
      verdict: null,
      checking: false,
      settled: 0.93,
      top: 3,
    };
    const button = (name: string) =>
      [...steps.element.querySelectorAll("button")].find((one) => one.textContent === name) as HTMLButtonElement;
    steps.update(data);
    expect(steps.element.textContent).toContain("top 3 settled 93 %");
    button("Check").click();
    expect(actions.check).toHaveBeenCalledWith(7);
    steps.update({ ...data, checking: true });
    expect(button("Checking…").disabled).toBe(true);
    steps.update({ ...data, verdict });
    button("⚠ predicts poorly").click();
    expect(actions.figures).toHaveBeenCalledTimes(1);
    button("+25%").click();
    expect(actions.extend).toHaveBeenCalledWith(7);
    steps.update({ ...data, phase: "stopped" as never });
    expect(button("Continue")).toBeTruthy();
    steps.update({ ...data, chart: { ...chart, extendable: false, askable: false } });
    expect([...steps.element.querySelectorAll("button")].every((one) => one.hidden)).toBe(true);
  });
});

describe("convergence", () => {
  const points = [10, 20, 30, 40].map((calls) => ({ calls, value: 2, error: 1 / calls }));

  test("the band is 95%: 1.96 standard errors to each side", () => {
    expect(bandOf({ calls: 1, value: 0, error: 0.5 })).toBeCloseTo(0.98);
    expect(bandOf({ calls: 1, value: 0, error: Number.NaN })).toBe(0);
    const axes = axesFor([{ letter: "A", name: "x", points }]);
    if (!axes) throw new Error("no axes");
    expect(axes.low).toBe(0);
    expect(axes.high).toBeCloseTo(2 + 1.96 / 20, 6);
    const { line: path, band } = tracePaths(points.slice(3), axes, bandOf);
    expect(path).toBe(`M${axes.x(40).toFixed(1)},${axes.y(2).toFixed(1)}`);
    expect(band).toContain(axes.y(2 - 1.96 / 40).toFixed(1));
  });

  test("pinned cells stand by letter, with their numbers", () => {
    const view = createConvergence(place);
    view.update([{ letter: "A", name: "lawyer → golf", points }], "nats");
    expect(view.element.querySelector("li")?.textContent).toBe("A lawyer → golf +2.00 ± 0.05 nats (95% band)");
    expect(view.element.querySelectorAll("path")).toHaveLength(2);
    view.update([], "nats");
    expect(view.element.textContent).toContain("run again");
  });
});

describe("kept runs and comparing", () => {
  const kept = (run: number, value: number) => {
    const chart = makeChart(run, ["a", " b", " c"], [" x"]);
    const matrix = fullMatrix(
      chart,
      named(NUMBERS, [line(value, -1, 2), line(0, 0, 0), line(0, -1), line(value, -1, 2), line(0, 0, 0)], "test"),
    );
    return { matrix, progress: makeProgress(run, "finished") };
  };
  const names = [
    { run: 1, name: "one" },
    { run: 2, name: "two" },
  ];

  test("the menu shows the newest first, renames, restores and compares", () => {
    const actions = { show: vi.fn(), rename: vi.fn(), compare: vi.fn() };
    const runs = createRuns(place, actions);
    shown(runs.element);
    runs.update({ runs: [kept(1, 1), kept(2, 2)], names, shown: 2 });
    const lines = [...runs.element.querySelectorAll<HTMLElement>(".law-kept")];
    expect(lines.map((one) => one.querySelector("input")?.value)).toEqual(["two", "one"]);
    expect(lines[0]?.textContent).toContain("on show");
    const buttons = lines[1]?.querySelectorAll("button") as NodeListOf<HTMLButtonElement>;
    buttons[0]?.click();
    expect(actions.show).toHaveBeenCalledWith(1);
    buttons[1]?.click();
    expect(actions.compare).toHaveBeenCalledWith(1);
    const input = lines[1]?.querySelector("input") as HTMLInputElement;
    input.value = "first";
    input.dispatchEvent(new Event("change"));
    expect(actions.rename).toHaveBeenCalledWith(1, "first");
  });

  test("blink flips the sides while it is on, and clicking a side ends it", () => {
    vi.useFakeTimers();
    const actions = { compare: vi.fn(), side: vi.fn() };
    const view = createCompare(place, actions);
    const made = comparison(kept(1, 1), kept(2, 2));
    const update = (side: "a" | "b" | "difference") =>
      view.update({ comparison: made, runs: [kept(1, 1), kept(2, 2)], names, side });
    update("a");
    const button = (name: string) =>
      [...view.element.querySelectorAll("button")].find(
        (one) => (one.getAttribute("aria-label") ?? one.textContent) === name,
      ) as HTMLButtonElement;
    button("Blink").click();
    expect(actions.side).toHaveBeenLastCalledWith("b");
    update("b");
    vi.advanceTimersByTime(750);
    expect(actions.side).toHaveBeenLastCalledWith("a");
    button("Show A − B").click();
    expect(actions.side).toHaveBeenLastCalledWith("difference");
    vi.advanceTimersByTime(5000);
    expect(actions.side).toHaveBeenCalledTimes(3);
    expect(agreement(made)).toBe(
      "rank correlation 0.87 · 1 of 3 cells differ by more than the noise · all 3 parts in both",
    );
    view.update({ comparison: null, runs: [], names, side: "a" });
    expect(view.element.hidden).toBe(true);
    vi.useRealTimers();
  });

  test("an older run, or one side of two, is seen in the place of the newest", () => {
    const model = new FakeModel();
    const state = { ...new Session(model.model).store.get(), records: [kept(1, 1)], ...kept(2, 2) };
    const seen = createSeen();
    expect(runsOf(state).map(({ matrix }) => matrix.chart.run)).toEqual([1, 2]);
    expect(seen(state, "a").state).toEqual(state);
    expect(seen({ ...state, on_show: 1 }, "a").state.matrix).toBe(state.records[0]?.matrix);
    const both = { ...state, comparing: [1, 2] as const };
    const difference = seen(both, "difference");
    expect([...(difference.state.matrix?.values ?? [])]).toEqual([-1, 0, 0]);
    expect(seen(both, "b").comparison).toBe(difference.comparison);
    expect(seen({ ...state, comparing: [1, 9] }, "a").comparison).toBeNull();
  });
});
