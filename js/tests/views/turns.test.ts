// @vitest-environment jsdom
import { describe, expect, test } from "vitest";
import { columnBands, rowBands } from "../../src/data/bands";
import { emptyMatrix } from "../../src/data/matrix";
import { promptStretches } from "../../src/data/stretches";
import { axesOf, tableOf } from "../../src/data/table";
import { coloursOn } from "../../src/style/colours";
import { nextLine } from "../../src/views/panel/flow";
import { createFlow, type FlowData } from "../../src/views/panel/text";
import { blocksOf, massOf, templateCount } from "../../src/views/panel/turns";
import type { Chart } from "../../src/wire/protocol";
import { makeChart } from "../model";

const PARTS = [
  ["template", "<|im_start|>"],
  ["template", "user\n"],
  ["user", "Be"],
  ["user", " kind"],
  ["template", "<|im_end|>\n"],
  ["assistant", "a\u0007b"],
] as const;

function table(parts: readonly (readonly [string, string])[] = PARTS, units: Chart["units"] = null) {
  const base = makeChart(
    1,
    parts.map(([, text]) => text),
    [" yes", ".", " No", "."],
  );
  const output_units = [
    { level: "sentence", of: [0, 0, 1, 1] },
    { level: "paragraph", of: [0, 0, 0, 0] },
  ] as const;
  const pieces = parts.map(([role, text], feature) => ({ role, text, feature }));
  const chart = { ...base, pieces, units, output_units };
  const matrix = emptyMatrix(chart);
  return tableOf(matrix, axesOf(chart));
}

const VALUES = [0.5, 0.25, 1, -0.5, 0.125, 2];

function flowOf(patch: Partial<FlowData> = {}) {
  const pinned: number[] = [];
  const spans: (readonly number[])[] = [];
  let hovered = -1;
  const flow = createFlow({ document, signal: new AbortController().signal }, "Prompt", {
    hover: (line) => {
      hovered = line;
    },
    pin: (line) => pinned.push(line),
    span: (from, to) => spans.push([from, to]),
  });
  document.body.append(flow.element);
  const data: FlowData = {
    stretches: promptStretches(table()),
    paint: { values: VALUES, errors: VALUES.map(() => 0), limit: 2 },
    colours: coloursOn("light"),
    lit: -1,
    span: new Set(),
    pins: [],
    adds: true,
    hatched: false,
    locked: [],
    ...patch,
  };
  flow.update(data);
  const press = (key: string, shiftKey = false) =>
    flow.element.dispatchEvent(new KeyboardEvent("keydown", { key, shiftKey, bubbles: true }));
  const labels = () => [...flow.element.querySelectorAll("button")].map((button) => button.dataset["label"]);
  return { flow, pinned, spans, press, labels, hovered: () => hovered };
}

describe("turns", () => {
  test("neighbours of one role make a block", () => {
    expect(blocksOf(promptStretches(table())).map(({ role, first, end }) => [role, first, end])).toEqual([
      ["template", 0, 2],
      ["user", 2, 4],
      ["template", 4, 5],
      ["assistant", 5, 6],
    ]);
  });

  test.each([
    ["<|im_start|>user\n", 3],
    ["<start_of_turn>model\n", 3],
    ["[INST] ", 1],
    ["<|start_header_id|>user<|end_header_id|>\n\n", 4],
    ["", 0],
  ])("%j is a template of %i parts", (text, count) => expect(templateCount(text)).toBe(count));

  test("the template is folded, and its mass is counted and shown; the text stays whole", () => {
    const { flow, labels } = flowOf();
    expect(labels()).toEqual(["+3 +0.8", "user +0.5", "+2 +0.1", "assistant +2.0"]);
    const bodies = [...flow.element.querySelectorAll<HTMLElement>(".law-folded")];
    expect(bodies.map((body) => body.hidden)).toEqual([true, false, true, false]);
    expect(flow.element.textContent).toBe(PARTS.map(([, text]) => text).join(""));
    flow.element.querySelector<HTMLElement>(".law-fold")?.click();
    flow.element.querySelector<HTMLElement>(".law-role")?.click();
    expect(bodies.map((body) => body.hidden)).toEqual([false, true, true, false]);
  });

  test("no sums where they mean nothing, none where nothing can be absent", () => {
    expect(flowOf({ adds: false }).labels()).toEqual(["+3", "user", "+2", "assistant"]);
    const locked = promptStretches(table()).map((stretch) => ({ ...stretch, line: -1 }));
    expect(flowOf({ stretches: locked }).labels()).toEqual(["+3", "user", "+2", "assistant"]);
  });

  test("a line that reaches over two blocks is counted once", () => {
    const stretches = ["user", "template", "user"].map((role, at) => ({ text: "x", role, line: at === 2 ? 1 : 0 }));
    const masses = blocksOf(stretches).map((block) =>
      massOf(stretches, block, { values: [1, 2], errors: [], limit: 1 }),
    );
    expect(masses).toEqual([1, null, 2]);
  });

  test("text without turns flows as it is", () => {
    const plain = table([
      ["", "Dave"],
      ["", " lives"],
    ]);
    const { flow } = flowOf({ stretches: promptStretches(plain) });
    expect(flow.element.querySelectorAll("button, div").length).toBe(0);
    expect(flow.element.textContent).toBe("Dave lives");
  });

  test("control characters within a word are glyphs of the style sheet", () => {
    const { flow } = flowOf();
    expect(flow.element.querySelector("[data-line='5'] [data-glyph]")?.getAttribute("data-glyph")).toBe("␇");
    expect(flow.element.querySelector("[data-line='5']")?.textContent).toBe("a\u0007b");
  });

  test("negative words are hatched when asked", () => {
    const { flow } = flowOf({ hatched: true });
    const back = (line: number) => flow.element.querySelector<HTMLElement>(`[data-line='${line}']`)?.style.background;
    expect(back(3)).toContain("repeating-linear-gradient");
    expect(back(2)).not.toContain("repeating-linear-gradient");
  });
});

describe("keys on the text", () => {
  test("arrows go from word to word, Enter pins, Shift spans", () => {
    const { press, pinned, spans, hovered } = flowOf();
    press("ArrowRight");
    expect(hovered()).toBe(0);
    press("ArrowRight");
    press("ArrowRight");
    press("Enter");
    expect(pinned).toEqual([2]);
    press("ArrowRight", true);
    press("ArrowRight", true);
    expect(spans).toEqual([
      [2, 3],
      [2, 4],
    ]);
  });

  test.each([
    ["Home", 2, 1],
    ["End", 2, 0],
    ["ArrowLeft", -1, 0],
    ["ArrowLeft", 1, 1],
    ["x", 1, null],
  ] as const)("%s at %i leads to %j", (key, at, to) => expect(nextLine(key, [-1, 1, 2, 1, 0], at)).toBe(to));
});

describe("bands", () => {
  test("turns where there are any", () => {
    expect(columnBands(table())).toEqual([
      { first: 0, end: 2, name: "template" },
      { first: 2, end: 4, name: "user" },
      { first: 4, end: 5, name: "template" },
      { first: 5, end: 6, name: "assistant" },
    ]);
  });

  test("sentences of the answer; none for one sentence alone, and none where the kernel sent none", () => {
    expect(rowBands(table())).toEqual([
      { first: 0, end: 2, name: "yes." },
      { first: 2, end: 4, name: "No." },
    ]);
    const parts = [
      ["", "One."],
      ["", " Two."],
    ] as const;
    expect(columnBands(table(parts, [{ level: "sentence", of: [0, 0] }]))).toEqual([]);
    expect(columnBands(table(parts, [{ level: "sentence", of: [0, 1] }]))).toHaveLength(2);
    expect(columnBands(table(parts))).toEqual([]);
  });

  test("paragraphs before sentences", () => {
    const parts = ["A.", " B.", "\nC.", " D."].map((text) => ["", text] as const);
    const units = [
      { level: "sentence", of: [0, 1, 2, 3] },
      { level: "paragraph", of: [0, 0, 1, 1] },
    ] as const;
    expect(columnBands(table(parts, units)).map(({ first, end, name }) => [first, end, name])).toEqual([
      [0, 2, "A. B."],
      [2, 4, "C. D."],
    ]);
  });
});
