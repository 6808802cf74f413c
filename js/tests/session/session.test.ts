import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Session } from "../../src/session/session";
import type { Chart, Frame, Progress } from "../../src/wire/protocol";
import { EMPTY, FakeModel, makeChart, makeProgress } from "../model";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const chart = (run: number) => makeChart(run, ["a", " b", " c"], [" x", " y"]);
const bytes = (...numbers: number[]) => new DataView(Float32Array.from(numbers).buffer);

/** Buffers of rows whose every value is `value`. */
function buffers(value: number, rows = 2): readonly DataView[] {
  const fill = (length: number) => bytes(...new Array<number>(length).fill(value));
  return [fill(rows * 3), fill(rows * 3), fill(rows * 2), fill(3), fill(3)];
}

function frame(
  seq: number,
  run: number,
  patch: { chart?: Chart | null; progress?: Progress; first_row?: number; rows?: number } = {},
): Frame {
  return {
    kind: "frame",
    seq,
    run,
    chart: null,
    progress: makeProgress(run, "running"),
    first_row: 0,
    rows: 2,
    ...patch,
  };
}

function open(traits = {}) {
  const model = new FakeModel(traits);
  const session = new Session(model.model);
  const kinds = () => model.sent.map((command) => command.kind);
  return { model, session, kinds, state: () => session.store.get() };
}

describe("hello", () => {
  test("at once, and again after a second and a half", () => {
    const { kinds } = open();
    expect(kinds()).toEqual(["hello"]);
    vi.advanceTimersByTime(1400);
    expect(kinds()).toEqual(["hello"]);
    vi.advanceTimersByTime(200);
    expect(kinds()).toEqual(["hello", "hello"]);
  });
});

describe("frames", () => {
  test("fill the matrix, whole or by rows", () => {
    const { model, state } = open();
    model.receive(frame(1, 1, { chart: chart(1) }), buffers(1));
    expect([...(state().matrix?.values ?? [])]).toEqual([1, 1, 1, 1, 1, 1]);
    const before = state().matrix;
    model.receive(frame(2, 1, { first_row: 1, rows: 1 }), buffers(5, 1));
    expect([...(state().matrix?.values ?? [])]).toEqual([1, 1, 1, 5, 5, 5]);
    expect([...(state().matrix?.sequence ?? [])]).toEqual([5, 5, 5]);
    expect(state().matrix).not.toBe(before);
    expect(state()).toMatchObject({ phase: "running", seq: 2 });
  });

  test("rows that have not come are NaN, not zero", () => {
    const { model, state } = open();
    model.receive(frame(1, 1, { chart: chart(1), rows: 1 }), buffers(1, 1));
    expect([...(state().matrix?.values ?? [])]).toEqual([1, 1, 1, Number.NaN, Number.NaN, Number.NaN]);
  });

  test("a gap asks for everything again, once, and the answer heals it", () => {
    const { model, state, kinds } = open();
    model.receive(frame(1, 1, { chart: chart(1) }), buffers(1));
    model.receive(frame(2, 1), buffers(2));
    expect(kinds()).not.toContain("resend");
    model.receive(frame(5, 1), buffers(3));
    model.receive(frame(8, 1), buffers(4));
    expect(kinds().filter((kind) => kind === "resend")).toHaveLength(1);
    model.receive(frame(9, 1, { chart: chart(1) }), buffers(9));
    expect([...(state().matrix?.values ?? [])]).toEqual([9, 9, 9, 9, 9, 9]);
    model.receive(frame(12, 1), buffers(4));
    expect(kinds().filter((kind) => kind === "resend")).toHaveLength(2);
  });

  test("an unanswered resend is asked again after a while", () => {
    const { model, kinds } = open();
    model.receive(frame(1, 1, { chart: chart(1) }), buffers(1));
    model.receive(frame(3, 1), buffers(1));
    vi.advanceTimersByTime(2100);
    model.receive(frame(5, 1), buffers(1));
    expect(kinds().filter((kind) => kind === "resend")).toHaveLength(2);
  });

  test("numbers without their chart are not guessed at", () => {
    const { model, state, kinds } = open();
    model.receive(frame(7, 3), buffers(1));
    expect(state().matrix).toBeNull();
    expect(state().progress?.run).toBe(3);
    expect(kinds()).toContain("resend");
  });

  test("repeated and stale ones are dropped", () => {
    const { model, state } = open();
    model.receive(frame(1, 2, { chart: chart(2) }), buffers(2));
    model.receive(frame(1, 2), buffers(7));
    model.receive(frame(2, 1, { chart: chart(1) }), buffers(1));
    expect(state().matrix?.chart.run).toBe(2);
    expect(state().matrix?.values[0]).toBe(2);
  });

  test("a run that is over doesn't start again by a late frame", () => {
    const { model, state } = open();
    model.receive(frame(1, 1, { chart: chart(1) }), buffers(1));
    model.receive(frame(2, 1, { progress: makeProgress(1, "stopped") }), buffers(2));
    model.receive(frame(3, 1), buffers(3));
    model.receive(frame(4, 1, { progress: makeProgress(1, "paused") }), buffers(4));
    expect(state().phase).toBe("stopped");
    expect(state().matrix?.values[0]).toBe(2);
  });

  test("buffers that don't fit are told, and don't break the widget", () => {
    for (const wrong of [buffers(1, 1), buffers(1).slice(1), [...buffers(1), bytes(1)]]) {
      const { model, state } = open();
      model.receive(frame(1, 1, { chart: chart(1) }), wrong);
      expect(state().failure?.message).toContain("Reload");
      model.receive(frame(2, 1, { chart: chart(1) }), buffers(1));
      expect(state().matrix?.values[0]).toBe(1);
    }
  });
});

describe("traits", () => {
  const final = (run: number, value: number, phase: Progress["phase"] = "finished") => {
    const [values, errors, ends, sequence, sequence_errors] = buffers(value) as [
      DataView,
      DataView,
      DataView,
      DataView,
      DataView,
    ];
    return {
      status: phase,
      chart: chart(run),
      progress: makeProgress(run, phase),
      values,
      errors,
      ends,
      sequence,
      sequence_errors,
    };
  };

  test("a reopened notebook shows its last run without a kernel", () => {
    const { state } = open(final(4, 7));
    expect(state().matrix?.values[0]).toBe(7);
    expect(state()).toMatchObject({ phase: "finished", failure: null });
  });

  test("the end comes by trait when the last messages were lost", async () => {
    const { model, state } = open();
    model.receive(frame(1, 1, { chart: chart(1) }), buffers(1));
    model.update(final(1, 8));
    await vi.advanceTimersByTimeAsync(0);
    expect(state().phase).toBe("finished");
    expect(state().matrix?.values[0]).toBe(8);
    model.receive(frame(9, 1), buffers(2));
    expect(state().phase).toBe("finished");
    expect(state().matrix?.values[0]).toBe(8);
  });

  test("an older run's traits don't overwrite the run in progress", async () => {
    const { model, state } = open(final(1, 8));
    model.receive(frame(1, 2, { chart: chart(2) }), buffers(1));
    model.update({ status: "running" });
    await vi.advanceTimersByTimeAsync(0);
    expect(state()).toMatchObject({ phase: "running" });
    expect(state().matrix?.chart.run).toBe(2);
  });

  test("a failed run says why", async () => {
    const { model, state } = open();
    const progress = makeProgress(1, "failed", { message: "Out of memory.", traceback: "Traceback…" });
    model.update({ status: "failed", progress });
    await vi.advanceTimersByTimeAsync(0);
    expect(state().failure).toEqual({ message: "Out of memory.", traceback: "Traceback…" });
  });

  test("settings follow the kernel", () => {
    const { model, state } = open();
    model.update({ prompt: "Dave", seed: 3 });
    expect(state().settings).toMatchObject({ prompt: "Dave", seed: 3 });
  });
});

describe("commands", () => {
  test("run sends what is in the editor, after saving it", () => {
    const { model, session } = open();
    session.edit({ prompt: "Dave" });
    session.edit({ prompt: "Dave lives" });
    expect(model.saves).toBe(0);
    session.run();
    expect(model.saves).toBe(1);
    expect(model.sent.at(-1)).toMatchObject({ kind: "run", settings: { prompt: "Dave lives", target: null, seed: 0 } });
    expect(model.get("prompt")).toBe("Dave lives");
    vi.advanceTimersByTime(1000);
    expect(model.saves).toBe(1);
  });

  test("typing is saved a moment later", () => {
    const { model, session } = open();
    session.edit({ prompt: "D" });
    session.edit({ prompt: "Da" });
    vi.advanceTimersByTime(300);
    expect(model.saves).toBe(1);
  });

  test("silence is told, and an answer takes it back", () => {
    const { model, session, state } = open();
    session.run();
    expect(state().waiting).toBe("run");
    vi.advanceTimersByTime(10_100);
    expect(state()).toMatchObject({ waiting: null });
    expect(state().failure?.message).toContain("No answer from the kernel");
    model.receive(frame(1, 1, { chart: chart(1) }), buffers(1));
    expect(state().failure).toBeNull();
  });

  test("stopping lasts until the run is over", () => {
    const { model, session, state } = open();
    model.receive(frame(1, 1, { chart: chart(1) }), buffers(1));
    session.stop();
    model.receive(frame(2, 1), buffers(1));
    expect(state().waiting).toBe("stop");
    model.receive(frame(3, 1, { progress: makeProgress(1, "stopped") }), buffers(1));
    expect(state()).toMatchObject({ waiting: null, phase: "stopped" });
  });

  test("what the model wrote becomes the target", () => {
    const { model, session, state } = open();
    session.generate();
    expect(state().waiting).toBe("generate");
    model.receive({ kind: "generated", seq: 1, text: " golf." });
    expect(state()).toMatchObject({ waiting: null });
    expect(state().settings.target).toBe(" golf.");
  });

  test("a refused command leaves the last result and says why", () => {
    const { model, session, state } = open();
    session.run();
    model.receive({ kind: "failed", seq: 1, message: "The prompt is empty.", traceback: "" });
    expect(state()).toMatchObject({ waiting: null, phase: "idle", failure: { message: "The prompt is empty." } });
  });
});

test("close leaves no listener and no timer", () => {
  const { model, session } = open();
  session.edit({ prompt: "x" });
  session.run();
  expect(model.listeners()).toBeGreaterThan(10);
  session.close();
  expect(model.listeners()).toBe(0);
  expect(vi.getTimerCount()).toBe(0);
  expect(EMPTY.prompt).toBe("");
});
