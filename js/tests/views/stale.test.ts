// @vitest-environment jsdom
/** The run on show keeps its own prompt, answer, settings and groups; an edit is an edit until it is run. */
import { setMaxListeners } from "node:events";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { comparison } from "../../src/data/comparison";
import { editOf } from "../../src/data/edit";
import { Session } from "../../src/session/session";
import { agreement } from "../../src/views/beside/compare";
import type { State } from "../../src/wire/protocol";
import { type FakeModel, makeChart, makeProgress } from "../model";
import { opened, runOf, traitsOf } from "../opened";
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
const plain = () => runOf(1, WORDS, GOLF);
const contrast = () =>
  runOf(
    2,
    WORDS,
    [" golf / chess"],
    { target: " golf", against: " chess" },
    { target: " golf", against: " chess", explains: "log_odds" },
  );
const other = () => runOf(2, ["Eva", " has", " a", " robot"], [" metal"]);

/** The traits that a page of its own holds, as the page reads them. */
function saved(model: FakeModel): Partial<State> {
  const session = new Session(model.model);
  const page = session.page();
  session.close();
  const [, content = ""] = /<script type="application\/json" id="content">(.*?)<\/script>/s.exec(page) ?? [];
  const revive = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(revive);
    if (value === null || typeof value !== "object") return value;
    const { base64 } = value as { base64?: string };
    if (base64 !== undefined) return new DataView(Uint8Array.from(atob(base64), (char) => char.charCodeAt(0)).buffer);
    return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, revive(part)]));
  };
  return revive(JSON.parse(content).state) as Partial<State>;
}

/** What the traits are now: what a reload finds, and a page that is exported. */
function everywhere(model: FakeModel): readonly Partial<State>[] {
  const names = Object.keys(traitsOf(plain())).concat("on_show", "sights", "comparing", "choices") as (keyof State)[];
  return [Object.fromEntries(names.map((name) => [name, model.get(name)])), { ...saved(model), made_at: "" }];
}

describe("an edit", () => {
  test("is what differs from the run on show, and nothing while none is", () => {
    const chart = makeChart(1, WORDS, GOLF);
    expect(editOf(null, { ...chart.settings, prompt: "x" }).texts).toBe(false);
    expect([...editOf(chart, chart.settings).changed]).toEqual([]);
    expect(editOf(chart, { ...chart.settings, method: "lime" })).toEqual({
      changed: new Set(["method"]),
      texts: false,
    });
    for (const patch of [{ prompt: "x" }, { target: "x" }, { target: null }, { against: "x" }, { texts: ["x"] }])
      expect(editOf(chart, { ...chart.settings, ...patch }).texts).toBe(true);
    // An answer that the model wrote is the run's, given or not.
    const written = { ...chart, settings: { ...chart.settings, target: null } };
    expect(editOf(written, { ...chart.settings, target: " golf." }).texts).toBe(false);
  });

  test("stands beside the run's own texts, marked, until it is cancelled, by Escape or by its text", () => {
    const { find, text, press, type, key, model } = opened(traitsOf(plain()));
    const [editor, mark] = [find(".law-editor"), find(".law-edited")];
    expect(editor.hidden).toBe(true);
    const undo = [
      () => press("Cancel"),
      () => key(find("[aria-label=Prompt].law-editor textarea, .law-editor [aria-label=Prompt]"), "Escape"),
      () => type("Prompt", WORDS.join("")),
    ];
    for (const back of undo) {
      press("Edit");
      type("Prompt", "Eva is a lawyer");
      expect(editor.hidden).toBe(false);
      expect(mark.textContent).toContain("not run yet");
      expect(text("Prompt").textContent).toBe(WORDS.join(""));
      expect(text("Answer").textContent).toBe(GOLF.join(""));
      expect(find(".law-flow").closest("[hidden]")).toBeNull();
      back();
      expect(editor.hidden ? "" : mark.textContent).toBe("");
      expect(model.get("prompt")).toBe(WORDS.join(""));
    }
  });

  test("is no edit any more once it is asked for, and one again where that failed", () => {
    const { find, text, type, press, model, tick } = opened(traitsOf(plain()));
    press("Edit");
    type("Prompt", "Eva is a lawyer");
    press("Run");
    expect(find(".law-edited").textContent).toBe("");
    expect(text("Prompt").textContent).toBe(WORDS.join(""));
    model.receive({ kind: "failed", seq: 1, message: "No.", traceback: "" });
    tick();
    expect(find(".law-edited").textContent).toContain("not run yet");
  });

  test("of the settings can be taken back, too", () => {
    const { find, press, model, tick } = opened(traitsOf(plain()));
    model.update({ method: "lime", trials: 7 });
    tick();
    expect(find(".law-notice:not(.law-saved)").hidden).toBe(false);
    press("Cancel");
    expect([model.get("method"), model.get("trials")]).toEqual(["shapley", 4]);
    expect(find(".law-notice:not(.law-saved)").hidden).toBe(true);
  });

  test("after a reload it is an edit beside the run; a page has the run alone", () => {
    const { model, type, press } = opened(traitsOf(plain()));
    press("Edit");
    type("Prompt", "Eva is a lawyer");
    const [reload, page] = everywhere(model).map(opened) as [ReturnType<typeof opened>, ReturnType<typeof opened>];
    expect(reload.text("Prompt").textContent).toBe(WORDS.join(""));
    expect(reload.find(".law-edited").textContent).toContain("not run yet");
    expect((reload.find(".law-editor [aria-label=Prompt]") as HTMLTextAreaElement).value).toBe("Eva is a lawyer");
    expect(page.text("Prompt").textContent).toBe(WORDS.join(""));
    expect(page.find(".law-editor").hidden).toBe(true);
  });
});

describe("the run on show", () => {
  test("is the same on the screen, after a reload and in a page, once a contrast was ended", () => {
    const { model, press, text, find, tick } = opened(traitsOf(plain(), contrast()));
    expect(text("Answer").textContent).toBe(" golf / chess");
    press("End contrast");
    const shows = ({ text, find }: Pick<ReturnType<typeof opened>, "text" | "find">) => [
      text("Answer").textContent,
      find(".law").dataset["run"],
      find(".law-editor").hidden,
      find(".law-edited").textContent,
    ];
    const now = [GOLF.join(""), "1", true, ""];
    expect(shows({ text, find })).toEqual(now);
    for (const traits of everywhere(model)) expect(shows(opened(traits))).toEqual(now);
    // The next run is looked at when it begins.
    model.update({ on_show: null });
    tick();
    expect(text("Answer").textContent).toBe(" golf / chess");
  });

  test("stays while the next one has no numbers, and after it failed without any", () => {
    const { model, press, text, tick, find } = opened(traitsOf(plain(), other()));
    press("Show Run 1");
    expect(text("Prompt").textContent).toBe(WORDS.join(""));
    model.update({ records: [plain(), other()], on_show: null, status: "running" });
    const begun = { kind: "frame", seq: 1, run: 3, chart: null, first_row: 0, rows: 0 } as const;
    model.receive({ ...begun, progress: makeProgress(3, "running", { calls: 0 }) });
    tick();
    expect(text("Prompt").textContent).toBe(WORDS.join(""));
    const empty = {
      values: undefined,
      errors: undefined,
      ends: undefined,
      sequence: undefined,
      sequence_errors: undefined,
    };
    const failed = makeProgress(3, "failed", { message: "No." });
    const ended = { ...traitsOf(plain(), other()), ...empty, chart: null, progress: failed, status: "failed" };
    const reload = opened({ ...(ended as unknown as Partial<State>), records: [plain(), other()] });
    expect(reload.text("Prompt").textContent).toBe("Eva has a robot");
    expect(reload.find("[data-stat=calls] b").textContent).toBe("100");
    expect(find(".law-failure").hidden).toBe(true);
  });

  test("has its own groups, and no other prompt has them", () => {
    const { model, words, tick, text, press, find } = opened(traitsOf(plain()));
    const columns = () => find(".law-grid").getAttribute("aria-colcount");
    const drag = (from: number, to: number) => {
      words("Prompt")[from]?.dispatchEvent(new MouseEvent("pointerdown", { bubbles: true, button: 0 }));
      words("Prompt")[to]?.dispatchEvent(new MouseEvent("pointerover", { bubbles: true }));
      document.dispatchEvent(new MouseEvent("pointerup"));
      tick();
    };
    drag(0, 1);
    expect(columns()).toBe("3");
    for (const traits of everywhere(model))
      expect(opened(traits).find(".law-grid").getAttribute("aria-colcount")).toBe("3");
    // Another prompt, then the first one again: by another run, and by that very run.
    const again = runOf(3, WORDS, GOLF, { method: "lime" });
    for (const [runs, seen] of [
      [[plain(), other()], "4"],
      [[plain(), other(), again], "3"],
    ] as const) {
      const next = opened({ ...traitsOf(...runs), sights: model.get("sights") });
      expect(next.find(".law-grid").getAttribute("aria-colcount")).toBe(seen);
    }
    press("No groups: take all of them apart");
    expect(columns()).toBe("4");
    expect(model.get("sights")).toEqual([]);
    expect(text("Prompt").textContent).toBe(WORDS.join(""));
  });
});

describe("what is chosen", () => {
  test("is nowhere in other texts; a pin is no frame around everything", () => {
    const { model, words, tick, find, el } = opened(traitsOf(plain()));
    const canvas = find(".law-grid canvas") as HTMLCanvasElement;
    words("Prompt")[3]?.click();
    words("Answer")[1]?.click();
    tick();
    expect(el.querySelectorAll("[data-pin]")).toHaveLength(2);
    // The word is locked now: it is in the prompt, and no column.
    const pieces = WORDS.map((text, at) => ({ text, feature: at < 3 ? at : null, role: "" }));
    const locked = runOf(
      2,
      WORDS.slice(0, 3),
      GOLF,
      { prompt: WORDS.join(""), locked_stretches: ["Dave is a", " lawyer"] },
      { pieces },
    );
    const outlines = vi.spyOn(canvas.getContext("2d") as CanvasRenderingContext2D, "roundRect");
    const turn = async (record: ReturnType<typeof plain>) => {
      model.update(traitsOf(plain(), record));
      await Promise.resolve();
      outlines.mockClear();
      tick();
    };
    return turn(locked).then(async () => {
      expect(words("Prompt")).toHaveLength(3);
      expect(el.querySelectorAll(".law-flow[aria-label=Answer] [data-pin]")).toHaveLength(1);
      // The row of the other pin is framed, as high as one row.
      const cell = Number(find(".law-grid").dataset["cellHeight"]);
      for (const [, , , height] of outlines.mock.calls) expect(height).toBeLessThan(1.5 * cell);
      await turn(other());
      expect(el.querySelectorAll("[data-pin]")).toHaveLength(0);
    });
  });

  test("what is lit, what is told and what is under a pointer that rests are one cell", () => {
    const tokens = ["Da", "ve", " is", " a", " law", "yer"];
    const units = [{ level: "word", of: [0, 0, 1, 2, 3, 3] }] as const;
    const run = runOf(1, tokens, GOLF, { granularity: "token" }, { units });
    const { model, point, tip, tick, el } = opened({ ...traitsOf(run), granularity: "word" });
    point(0, 3);
    expect(tip()?.title).toBe("lawyer → golf");
    model.update({ granularity: "token" });
    tick();
    tick();
    expect(tip()?.title).toBe("a → golf"); // the same place of the grid
    const lit = [...el.querySelectorAll(".law-flow[aria-label=Prompt] [data-lit]")].map((word) => word.textContent);
    expect(lit).toEqual(["a"]);
  });
});

describe("compared with a contrast", () => {
  test("both are told for what they are", () => {
    const [a, b] = [plain(), contrast()].map((record) => keptFrom(record)) as [
      ReturnType<typeof keptFrom>,
      ReturnType<typeof keptFrom>,
    ];
    const made = comparison(a, b);
    expect(agreement(made)).not.toContain("different units");
    expect(agreement(made)).toContain("A is of log-probs, B of log-odds of two answers");
    expect(made.difference.matrix.chart.against).toBeNull();
    const { el } = opened({ ...traitsOf(plain(), contrast()), comparing: [1, 2] });
    expect(el.querySelector<HTMLElement>("div.law-contrast")?.hidden).toBe(true);
  });
});
