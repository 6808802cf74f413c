/** What stands beside the newest run: older runs, their names, verdicts; and questions about them. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Session } from "../../src/session/session";
import type { Record as RunRecord, WhatIfAnswer } from "../../src/wire/protocol";
import { FakeModel, makeChart, makeProgress } from "../model";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const bytes = (...numbers: number[]) => new DataView(Float32Array.from(numbers).buffer);

function makeRecord(run: number, value: number): RunRecord {
  return {
    chart: makeChart(run, ["a", " b"], [" x"]),
    progress: makeProgress(run, "finished"),
    values: bytes(value, 2 * value),
    errors: bytes(0, 0),
    ends: bytes(0, -1),
    sequence: bytes(value, 2 * value),
    sequence_errors: bytes(0, 0),
  };
}

function open(traits = {}) {
  const model = new FakeModel(traits);
  const session = new Session(model.model);
  return { model, session, state: () => session.store.get() };
}

const answer = (ask: number): WhatIfAnswer => ({
  kind: "what_if",
  seq: ask,
  ask,
  run: 1,
  tokens: [" x"],
  split: 1,
  wrote: " x",
  writes: " y",
  calls: 1,
  message: "",
  picture: null,
});

describe("older runs", () => {
  test("are there when a saved notebook opens, and when the kernel adds one", () => {
    const { model, state } = open({ records: [makeRecord(1, 3)] });
    expect([...(state().records[0]?.matrix.values ?? [])]).toEqual([3, 6]);
    model.update({ records: [makeRecord(1, 3), makeRecord(2, 5)] });
    expect(state().records.map(({ matrix }) => matrix.chart.run)).toEqual([1, 2]);
  });

  test("a new name goes to the kernel and leaves the others", () => {
    const names = [
      { run: 1, name: "one" },
      { run: 2, name: "two" },
    ];
    const { model, session, state } = open({ names });
    session.rename(2, "mine");
    expect(state().names).toEqual([names[0], { run: 2, name: "mine" }]);
    expect(model.get("names")).toEqual(state().names);
    expect(model.saves).toBe(1);
  });

  test("two are compared until there is nothing to compare", () => {
    const { model, session, state } = open();
    session.compare([1, 2]);
    expect(state().comparing).toEqual([1, 2]);
    model.update({ comparing: [] });
    expect(state().comparing).toBeNull();
  });
});

describe("questions", () => {
  test("only the last one's answer counts", () => {
    const { model, session, state } = open();
    session.whatIf(1, [0], []);
    session.whatIf(1, [0, 1], []);
    model.receive({ ...answer(1), seq: 1 }, [bytes(-1), bytes(-2)]);
    expect(state().asked).toEqual({ ask: 2, answer: null });
    model.receive({ ...answer(2), seq: 2 }, [bytes(-1), bytes(-3)]);
    expect([...(state().asked?.answer?.after ?? [])]).toEqual([-3]);
  });

  test("a refusal ends the waiting and is told", () => {
    const { model, session, state } = open();
    session.check(1);
    expect(state().checking).toBe(1);
    model.receive({ kind: "failed", seq: 1, message: "no model", traceback: "" });
    expect(state()).toMatchObject({ checking: null, asked: null, failure: { message: "no model" } });
  });

  test("the verdict comes as a trait", () => {
    const { model, session, state } = open();
    session.check(1);
    const verdict = {
      run: 1,
      trusted: true,
      verdict: "fine",
      rank_correlation: 0.9,
      r_squared: null,
      gap: 0,
      held_out: 32,
      seen: 0,
      calls: 60,
      deletion: [{ share: 0, value: -1 }],
      insertion: [],
    };
    model.update({ checks: [verdict] });
    expect(state()).toMatchObject({ checking: null, checks: [{ verdict: "fine" }] });
  });
});

describe("pause", () => {
  test("a paused run is still in progress, whatever comes late", () => {
    const { model, state } = open();
    const frame = (seq: number, phase: "running" | "paused") => ({
      kind: "frame",
      seq,
      run: 1,
      chart: seq === 1 ? makeChart(1, ["a", " b"], [" x"]) : null,
      progress: makeProgress(1, phase),
      first_row: 0,
      rows: 0,
    });
    model.receive(frame(1, "running"), []);
    model.receive(frame(2, "paused"), []);
    model.update({ status: "paused" });
    expect(state().phase).toBe("paused");
    model.receive(frame(3, "running"), []);
    expect(state().phase).toBe("running");
  });
});
