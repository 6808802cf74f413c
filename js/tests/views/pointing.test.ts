// @vitest-environment jsdom
/** Numbers where one points, as exact as their parts, under names that tell equal texts apart. */
import { setMaxListeners } from "node:events";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { comparison } from "../../src/data/comparison";
import { lockedIn } from "../../src/data/locks";
import { shownFrom } from "../../src/data/shown";
import { paintEdges } from "../../src/draw/edges";
import { layout } from "../../src/draw/layout";
import { sceneOf } from "../../src/draw/scene";
import { filePalette } from "../../src/export/matrix";
import { SvgContext } from "../../src/export/svg";
import { toPython } from "../../src/export/tables";
import { decimalsOfSum, featureLabel, shorten, visible } from "../../src/style/format";
import { nameOf } from "../../src/views/matrix/names";
import { brushed } from "../../src/views/panel/panel";
import { FakeModel, makeChart, makeProgress } from "../model";
import { bytes, opened, runOf, traitsOf } from "../opened";
import { keptFrom } from "../said";

setMaxListeners(100);

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
  document.body.replaceChildren();
});

const WORDS = ["Dave", " is", " a", " lawyer"];
const GOLF = [" golf", "."];
const LOOK = { level: "word", groups: [], hidden: [], span: [], scale: "whole", streaming: false } as const;
const line = (text: string) => ({ text, members: [], ranges: [] });
const over = (word: HTMLElement | undefined) => word?.dispatchEvent(new MouseEvent("pointerover", { bubbles: true }));

describe("names", () => {
  test.each([
    [[" golf", ".", " and", "."], 1, "“.” (2nd)"],
    [[" golf", "."], 0, "golf"],
    [[" the", " a", " the"], 2, "the (3rd)"],
    [[",", " x"], 0, "“,” (1st)"],
    [[..." abcdefghij,k"].map((text) => text), 11, "“,” (12th)"],
    [["…", "…", "…", "…", "…"], 4, "“…” (5th)"],
  ] as const)("%j at %i: %s", (texts, at, name) => expect(nameOf(texts.map(line), at)).toBe(name));
});

describe("a sum", () => {
  test("has as many digits as its largest part", () => {
    expect(decimalsOfSum(3.9, 0.02, [1.948, 1.952], [0.003, 0.003])).toBe(3);
    expect(decimalsOfSum(3.9, Number.NaN, [1.9, 2], [0.05, 0.2])).toBe(2);
    expect(decimalsOfSum(0, 0, [], [])).toBe(2);
    const { matrix } = keptFrom({ ...runOf(1, WORDS, GOLF), errors: bytes(...new Array(8).fill(0.003)) });
    const { table } = shownFrom(null, matrix, LOOK);
    const box = [
      { row: 0, column: 0 },
      { row: 1, column: 1 },
    ] as const;
    // 1.00 + 1.01 + 1.10 + 1.11, each ± 0.003
    expect(brushed({ table }, box)).toContain("together +4.220 nats (error at most 0.012)");
  });
});

describe("pointing", () => {
  const numbers = () => opened(traitsOf(runOf(1, WORDS, GOLF)));

  test("at what stands above a column, and at a word: the total and its error", () => {
    const { point, tip, words, tick } = numbers();
    const facts = { "Shapley value": "+2.16 ± 0.07 nats", certainty: "± one standard error", "share of |row|": "25 %" };
    point(-1, 3);
    expect(tip()).toEqual({ title: "lawyer → the whole answer", facts: { ...facts, trials: "4" } });
    over(words("Prompt")[3]);
    tick();
    expect(tip()).toEqual({ title: "lawyer → the whole answer", facts: { ...facts, trials: "4" } });
    over(words("Prompt")[0]);
    tick();
    expect(tip()?.facts["Shapley value"]).toBe("+2.10 ± 0.07 nats");
  });

  test("at a word of the answer: its sum, and what that must be", () => {
    const { tip, words, tick, text } = numbers();
    over(words("Answer")[0]);
    tick();
    // 1.00 + 1.01 + 1.02 + 1.03
    expect(tip()?.title).toBe("the whole prompt → golf");
    expect(tip()?.facts).toMatchObject({ "sum of the row": "+4.06 nats", "v(all) − v(none)": "+1.00 nats" });
    text("Answer").dispatchEvent(new MouseEvent("pointerleave"));
    tick();
    expect(tip()).toBeNull();
  });

  test("where rows don’t add up, no sum is told", () => {
    const { tip, words, tick } = opened(traitsOf(runOf(1, WORDS, GOLF, {}, { adds_up: false, label: "LIME weight" })));
    over(words("Answer")[1]);
    tick();
    expect(tip()?.facts["sum of the row"]).toBe("none: LIME weights don’t add up");
  });

  test("repaints both texts, each under its caption", () => {
    const { words, tick, find, point } = numbers();
    const said = () => find(".law-panel .law-say").textContent;
    over(words("Prompt")[3]);
    tick();
    expect(said()).toContain("Prompt painted for the whole answer.");
    expect(said()).toContain("Answer painted for lawyer.");
    point(0, 1);
    expect(said()).toContain("Prompt painted for “golf”.");
    expect(said()).toContain("Answer painted for is.");
  });
});

describe("compared with a run where a word is locked", () => {
  test("the word stands there once, locked", () => {
    const pieces = WORDS.map((text, at) => ({ text, feature: at < 3 ? at : null, role: "" }));
    const settings = { prompt: WORDS.join(""), locked_stretches: ["Dave is a", " lawyer"] };
    const locked = runOf(2, WORDS.slice(0, 3), GOLF, settings, { pieces });
    const made = comparison(keptFrom(runOf(1, WORDS, GOLF)), keptFrom(locked));
    expect(made.b.matrix.chart.pieces.map(({ text }) => text)).toEqual(WORDS);
    expect(made.b.matrix.chart.features).toEqual(WORDS);
    expect(Number.isNaN(made.b.matrix.values[3])).toBe(true);
    const { el, press } = opened({ ...traitsOf(runOf(1, WORDS, GOLF), locked), comparing: [1, 2] });
    press("Show B");
    const marked = [...el.querySelectorAll(".law-flow[aria-label=Prompt] [data-locked]")];
    expect(marked.map((word) => word.textContent)).toEqual(["lawyer"]);
  });
});

describe("large and long", () => {
  test("65 sentences of a prompt have labels, though each is a band of its own", () => {
    const words = Array.from({ length: 65 }, (_, at) => ` Sentence ${at}.`);
    const units = [{ level: "sentence", of: words.map((_, at) => at) }] as const;
    const { chart } = runOf(1, words, GOLF, { granularity: "sentence" }, { units });
    const { matrix } = keptFrom({ ...runOf(1, words, GOLF), chart });
    const shown = shownFrom(null, matrix, { ...LOOK, level: "sentence" });
    expect(shown.columnBands).toHaveLength(65);
    const at = layout({ rows: 2, columns: 65, width: 640, rowLabelWidth: 40, columnLabelWidth: 90 });
    const labels = { rows: [...GOLF], columns: words };
    const scene = sceneOf(shown, filePalette("light", false), at, labels);
    const to = new SvgContext();
    const unlit = { row: -1, column: -1, cell: null, span: new Set<number>(), brush: null, pins: [] };
    paintEdges(to as never, scene, unlit);
    const drawn = to.document(640, 300, "white", "").match(/Sentence \d+/g) ?? [];
    expect(drawn.length).toBeGreaterThan(30);
  });

  test("a sentence shows where it begins, a word does not", () => {
    const { words } = opened(traitsOf(runOf(1, ["One two three four.", " Five six seven eight.", " Nine"], GOLF)));
    expect(words("Prompt").map((word) => word.hasAttribute("data-long"))).toEqual([true, true, false]);
  });

  test("what is found comes into sight in a zoomed matrix", () => {
    const words = Array.from({ length: 40 }, (_, at) => ` w${at}`);
    const { find, press, key, tick, button } = opened(traitsOf(runOf(1, [...words, " lawyer"], GOLF)));
    for (let step = 0; step < 5; step++) press("Zoom in");
    const place = () => {
      const { x0, cellWidth } = find(".law-grid").dataset;
      return Number(x0) + 40.5 * Number(cellWidth);
    };
    expect(place()).toBeGreaterThan(640);
    key(find(".law-main"), "/");
    const input = find("[aria-label='Find a token']") as HTMLInputElement;
    input.value = "lawyer";
    input.dispatchEvent(new Event("input"));
    tick();
    expect(place()).toBeLessThan(640);
    expect(button("Zoom in")).toBeDefined();
  });
});

describe("small things", () => {
  test("joined emoji are one glyph, and are not cut apart", () => {
    const family = "👩‍👩‍👧‍👦";
    for (const text of [family, "👩🏽‍🚀", "❤️‍🔥", "🏳️‍🌈"]) expect(visible(text)).toBe(text);
    expect(visible("a\u200db")).toBe("a·b");
    expect(visible("👩\u200d")).toBe("👩·");
    expect(featureLabel(` ${family}`)).toBe(family);
    expect(shorten(`${"a".repeat(14)}${family} and`)).toBe(`${"a".repeat(14)}…`);
  });

  test("a sign of the tokenizer without a text has no chip", () => {
    const run = runOf(1, ["Dave"], GOLF);
    const bos = { text: "", feature: null, role: "template" };
    const { el } = opened(traitsOf({ ...run, chart: { ...run.chart, pieces: [bos, ...run.chart.pieces] } }));
    expect(el.querySelector(".law-fold")).toBeNull();
  });

  test("of one feature nothing is told of a top; of two, of the one on top", () => {
    const top = (words: readonly string[]) => {
      const { find } = opened(traitsOf(runOf(1, words, GOLF)));
      const stat = find("[data-stat=settled]");
      return stat.hidden ? "" : stat.textContent;
    };
    expect(top(["Dave"])).toBe("");
    expect(top(["Dave", " is"])).toMatch(/^top 1 settled /);
    expect(top(WORDS)).toMatch(/^top 3 settled /);
  });

  test("one match is one match", () => {
    const { find, press, tick } = opened(traitsOf(runOf(1, WORDS, GOLF)));
    press("Lock, hide…");
    const pattern = find("[aria-label=Pattern]") as HTMLInputElement;
    expect(pattern.closest("[hidden]")).toBeNull();
    pattern.value = "lawyer";
    press("Matches of the pattern: lock");
    tick();
    expect(find(".law-popover [role=status]").textContent).toBe("1 match.");
  });

  test("the focus stays in the widget when what was pressed or written in goes away", () => {
    const { model, button, tick, find, press, type } = opened(traitsOf(runOf(1, WORDS, GOLF)));
    button("Run").focus();
    press("Run");
    expect(document.activeElement).toBe(button("Stop"));
    const frame = { kind: "frame", seq: 1, run: 2, first_row: 0 } as const;
    const { chart, progress: _, ...numbers } = runOf(2, WORDS, GOLF);
    model.receive({ ...frame, chart, progress: makeProgress(2, "finished"), rows: 2 }, Object.values(numbers));
    tick();
    expect(document.activeElement).toBe(button("Run"));
    press("Edit");
    type("Prompt", "Eva");
    expect(find(".law-editor").contains(document.activeElement)).toBe(true);
    press("Cancel");
    expect(find(".law").contains(document.activeElement)).toBe(true);
  });

  test("a drawer that opens comes into sight, once", () => {
    const seen = vi.fn();
    (Element.prototype as { scrollIntoView: unknown }).scrollIntoView = seen;
    const { press, model, tick } = opened(traitsOf(runOf(1, WORDS, GOLF)));
    press("What if");
    expect(seen).toHaveBeenCalledOnce();
    model.update({ seed: 4 });
    tick();
    expect(seen).toHaveBeenCalledOnce();
  });

  test("Copy as Python says that it was copied", async () => {
    const written = vi.fn(async () => undefined);
    Object.defineProperty(navigator, "clipboard", { value: { writeText: written }, configurable: true });
    const { press, button, el } = opened(traitsOf(runOf(1, WORDS, GOLF)));
    press("Copy as Python");
    await Promise.resolve();
    await Promise.resolve();
    expect(written).toHaveBeenCalledOnce();
    const said = [...el.querySelectorAll("button")].find(({ textContent }) => textContent === "Copied");
    expect(said).toBeDefined();
    said?.dispatchEvent(new Event("blur"));
    expect(button("Export")).toBeDefined();
  });

  test("a prompt by turns says so, and has no other level", () => {
    const run = runOf(1, ["One.", " Two."], GOLF, {}, { level: "turn" });
    const turn = { name: "word", label: "turn", about: "The prompt's parts." };
    const choices = { ...new FakeModel().get("choices"), granularities: [turn] };
    const { el } = opened({ ...traitsOf(run), choices });
    const levels = [...el.querySelectorAll(".law-bar [role=radio]")];
    expect(levels.map((level) => [level.textContent, level.getAttribute("aria-checked")])).toEqual([["turn", "true"]]);
    const saved = opened({ ...traitsOf(run), has_model: false });
    expect(saved.el.querySelector(".law-bar [aria-checked=true]")?.textContent).toBe("turn");
  });
});

describe("locks", () => {
  test("of segments go by their names, of text by its stretches, and back", () => {
    const chart = {
      ...makeChart(1, ["row 1, column 1", "row 1, column 2", "What"], [" red"]),
      pieces: [{ text: "What", feature: 2, role: "" }],
    };
    const free = { locked_stretches: [], locked_segments: null };
    const places = [
      { start: -2, end: -1 },
      { start: 0, end: 4 },
    ];
    const locked = lockedIn(chart, free, places, true);
    expect(locked).toEqual({ locked_stretches: ["", "What"], locked_segments: ["row 1, column 2"] });
    expect(lockedIn(chart, locked, [{ start: -1, end: 0 }], true).locked_segments).toEqual([
      "row 1, column 2",
      "row 1, column 1",
    ]);
    expect(lockedIn(chart, locked, places, false)).toEqual(free);
    const python = toPython({ ...chart.settings, prompt: "What", ...locked, baseline: "x", stop_top: 2 });
    expect(python).toContain(
      'locked_segments(locked_in(rebased(make_input(tokenizer, "What", granularity="word"), "x"), ["","What"]), ["row 1, column 2"])',
    );
    expect(python).toContain("from llm_attr_widget import Separated, attribute\n");
    expect(python).toContain("import locked_in, locked_segments, make_input, rebased\n");
    expect(python).toContain("    stop_when=Separated(top=2),\n");
  });
});
