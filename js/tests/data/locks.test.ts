// @vitest-environment jsdom
import { describe, expect, test, vi } from "vitest";
import { lockedParts, lockedPieces, lockedWith } from "../../src/data/locks";
import { fullMatrix } from "../../src/data/matrix";
import { shownFrom } from "../../src/data/shown";
import { pieceRanges } from "../../src/data/sources";
import { toPython } from "../../src/export/tables";
import { Session } from "../../src/session/session";
import { noticeOf } from "../../src/views/around/notice";
import { createLocks, massOutOfView } from "../../src/views/panel/locks";
import { named } from "../../src/wire/decode";
import { type Chart, decodeChart, NUMBERS } from "../../src/wire/protocol";
import { EMPTY, FakeModel, makeChart } from "../model";

const WORDS = ["Dave", " lives", " in", " Palm", " Coast", "."];
const chart = makeChart(1, WORDS, [" golf"]);
const place = (word: number) => pieceRanges(chart)[word] as { start: number; end: number };

describe("what is locked", () => {
  test("every second stretch; joined they are the prompt", () => {
    const one = lockedWith(chart, [], [place(3), place(4)], true);
    expect(one).toEqual(["Dave lives in", " Palm Coast", "."]);
    const two = lockedWith(chart, one, [place(0)], true);
    expect(two).toEqual(["", "Dave", " lives in", " Palm Coast", "."]);
    expect(lockedPieces(chart, two)).toEqual([true, false, false, true, true, false]);
    expect(lockedParts(chart, two).map(({ text }) => text)).toEqual(["Dave", " Palm Coast"]);
  });

  test("is undone part by part, and what is left is as it was", () => {
    const both = lockedWith(chart, [], [place(0), place(3), place(4)], true);
    const [, palm] = lockedParts(chart, both);
    expect(lockedWith(chart, both, [palm?.range as never], false)).toEqual(["", "Dave", " lives in Palm Coast."]);
    expect(lockedWith(chart, both, [{ start: 0, end: Number.POSITIVE_INFINITY }], false)).toEqual([]);
  });

  test("stays where it is when the prompt is cut otherwise", () => {
    const locked = ["Dave lives", " in", " Palm Coast."];
    const letters = (pieces: readonly string[]): Pick<Chart, "pieces"> => makeChart(2, pieces, [" golf"]);
    const whole = letters(["Dave lives in", " Palm Coast."]);
    expect(lockedPieces(whole, locked)).toEqual([true, false]);
    expect(lockedPieces(letters(["Dave", " lives", " i", "n", " Palm Coast."]), locked)).toEqual([
      false,
      false,
      true,
      true,
      false,
    ]);
    // An astral character is two units here and one in Python: texts don't care.
    const far = letters(["👩‍🚀", " a", " b"]);
    expect(lockedPieces(far, lockedWith(far, [], [pieceRanges(far)[1] as never], true))).toEqual([false, true, false]);
  });

  test("of another prompt counts for nothing; white space alone holds nothing", () => {
    expect(lockedPieces(chart, ["Nina", " lives"])).not.toContain(true);
    expect(lockedPieces(chart, ["Dave", " ", "lives in Palm Coast."])).not.toContain(true);
  });

  test("goes when another prompt is written, and is told to the kernel", () => {
    const model = new FakeModel({ prompt: "a b", locked_stretches: ["a", " b"] });
    const session = new Session(model.model);
    expect(session.store.get().settings.locked_stretches).toEqual(["a", " b"]);
    session.edit({ target: "c" });
    expect(model.get("locked_stretches")).toEqual(["a", " b"]);
    session.edit({ prompt: "a c" });
    expect(model.get("locked_stretches")).toEqual([]);
    expect(session.store.get().settings.locked_stretches).toEqual([]);
    session.edit({ prompt: "a b", locked_stretches: ["", "a", " b"] });
    expect(model.get("locked_stretches")).toEqual(["", "a", " b"]);
    session.close();
  });

  test("is found under the name that earlier versions gave it, in a setting and in the runs that were kept", () => {
    const { locked_stretches: _, ...rest } = chart.settings;
    const settings = { ...rest, locked: ["", "Dave", " lives"] };
    const former = { locked_stretches: undefined, ...settings };
    const session = new Session(new FakeModel(former as never).model);
    expect(session.store.get().settings.locked_stretches).toEqual(["", "Dave", " lives"]);
    session.close();
    expect(decodeChart({ ...chart, settings }, "chart").settings.locked_stretches).toEqual(["", "Dave", " lives"]);
    expect(() => decodeChart({ ...chart, settings: rest }, "chart")).toThrow("chart.settings.locked_stretches");
  });

  test("a run from before says that a new one is needed", () => {
    const settings = { ...chart.settings, locked_stretches: ["", "Dave", " lives in Palm Coast."] };
    const about = { chart, settings, choices: EMPTY.choices, added: false, busy: false };
    expect(noticeOf(about)).toMatchObject({ rerun: "Run again" });
    expect(noticeOf({ ...about, chart: { ...chart, settings } })).toBeNull();
  });

  test("goes along when the call is copied", () => {
    const settings = { ...chart.settings, locked_stretches: ["", "Dave", " lives in Palm Coast."] };
    expect(toPython(settings)).toContain(
      'locked_in(make_input(tokenizer, "Dave lives in Palm Coast.", granularity="word"), ["","Dave"," lives in Palm Coast."]),',
    );
    expect(toPython(settings)).toContain('make_input(tokenizer, "Dave lives in Palm Coast.", granularity="word")');
    expect(toPython(chart.settings)).not.toContain("locked");
  });
});

describe("below the prompt", () => {
  const line = (...numbers: number[]) => Float32Array.from(numbers);
  const matrix = fullMatrix(
    chart,
    named(
      NUMBERS,
      [line(1, 2, 3, 4, 5, 6), line(0, 0, 0, 0, 0, 0), line(0, 0), line(1, 2, 3, 4, 5, 6), line(0, 0, 0, 0, 0, 0)],
      "test",
    ),
  );
  const look = (hidden: readonly { start: number; end: number }[]) =>
    shownFrom(null, matrix, {
      level: "word",
      groups: [],
      hidden,
      span: [],
      scale: "whole",
      streaming: false,
    });
  const signal = new AbortController().signal;
  const open = () => {
    const actions = { edit: vi.fn(), lock: vi.fn(), hide: vi.fn(), showAll: vi.fn() };
    const locks = createLocks({ document, signal }, actions);
    document.body.replaceChildren(locks.element);
    const press = (label: string) =>
      locks.element.querySelector<HTMLButtonElement>(`[aria-label^="${label}"]`)?.click();
    return { actions, locks, press };
  };

  test("a pinned part can be locked and hidden; what is, can be undone", () => {
    const { actions, locks, press } = open();
    const data = { shown: look([]), locked: [], pinned: place(3), has_model: true };
    locks.update(data);
    press("Lock");
    expect(actions.lock).toHaveBeenLastCalledWith([place(3)], true);
    press("Hide");
    expect(actions.hide).toHaveBeenLastCalledWith([place(3)]);
    locks.update({ ...data, pinned: null, locked: ["", "Dave", " lives in Palm Coast."] });
    expect(locks.element.textContent).toBe("Always present: Dave ×");
    press("Unlock Dave");
    expect(actions.lock).toHaveBeenLastCalledWith([place(0)], false);
  });

  test("what is out of view still counts, and is shown", () => {
    const { actions, locks, press } = open();
    const shown = look([place(3), place(5)]);
    expect(massOutOfView(shown)).toBe(10);
    locks.update({ shown, locked: [], pinned: null, has_model: false });
    expect(locks.element.textContent).toBe("2 out of view, together +10.00 natsShow all");
    press("Show what is out of view");
    expect(actions.showAll).toHaveBeenCalledOnce();
  });

  test("without a model nothing can be locked", () => {
    const { locks } = open();
    locks.update({ shown: look([]), locked: [], pinned: place(1), has_model: false });
    expect([...locks.element.querySelectorAll("button")].map(({ textContent }) => textContent)).toEqual(["Hide"]);
  });
});
