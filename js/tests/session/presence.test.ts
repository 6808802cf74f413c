/** A page finds out whether a kernel is there, and without one is a saved picture. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { withoutKernel } from "../../src/session/absent";
import { createSeen } from "../../src/session/seen";
import { Session } from "../../src/session/session";
import type { State } from "../../src/wire/protocol";
import { FakeModel, makeChart, makeProgress } from "../model";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const idle = (seq: number, phase: "idle" | "running" | "finished" = "idle") => ({
  kind: "frame",
  seq,
  run: 0,
  chart: null,
  progress: makeProgress(0, phase),
  first_row: 0,
  rows: 0,
});

function open(traits: Partial<State> = {}) {
  const model = new FakeModel(traits);
  const session = new Session(model.model);
  return {
    model,
    session,
    state: () => session.store.get(),
    shown: () => createSeen()(withoutKernel(session.store.get()), "a").state,
  };
}

const LATER = 30_000;

describe("whether a kernel is there", () => {
  test("no answer to hello within a few seconds: there is none", () => {
    const { state } = open();
    vi.advanceTimersByTime(3_000);
    expect(state().absent).toBe(false);
    vi.advanceTimersByTime(5_000);
    expect(state().absent).toBe(true);
  });

  test("an answer, and there is one, however long it is silent then", () => {
    const { model, state } = open();
    model.receive(idle(1), []);
    vi.advanceTimersByTime(LATER);
    expect(state().absent).toBe(false);
  });

  test("one that was busy with a cell comes back with its first word", () => {
    const { model, state } = open();
    vi.advanceTimersByTime(LATER);
    expect(state().absent).toBe(true);
    model.receive(idle(1), []);
    expect(state().absent).toBe(false);
  });

  test("and with its first trait of a run", async () => {
    const { model, state } = open();
    vi.advanceTimersByTime(LATER);
    model.update({ status: "running" });
    await Promise.resolve();
    expect(state().absent).toBe(false);
  });

  test("a host that throws, when anything is sent, has none: nothing is waited for", () => {
    const { model, session, state } = open();
    model.receive(idle(1), []);
    model.onsend = () => {
      throw new Error("Cannot send");
    };
    for (const act of [() => session.run(), () => session.stop(), () => session.check(1), () => session.generate()]) {
      act();
      expect(state()).toMatchObject({ absent: true, waiting: null, checking: null, failure: null });
    }
    session.whatIf(1, [0], []);
    expect(state().asked).toBeNull();
    vi.advanceTimersByTime(LATER);
    expect(state().failure).toBeNull();
  });

  test("a host that throws, when traits are saved, has none", () => {
    const { model, session, state } = open();
    model.receive(idle(1), []);
    model.save_changes = () => {
      throw new Error("Syncing error: no comm channel defined");
    };
    session.edit({ granularity: "sentence" });
    vi.advanceTimersByTime(1_000);
    expect(state()).toMatchObject({ absent: true, settings: { granularity: "sentence" } });
  });

  test("after a restart, which the host tells of, it is asked anew", () => {
    const { model, state } = open();
    model.receive(idle(1), []);
    model.onsend = () => {
      throw new Error("Cannot send");
    };
    model.fire("comm_live_update");
    expect(state().absent).toBe(true);
  });

  test("a run of which nothing is heard is asked after, and given up", () => {
    const { model, state } = open();
    model.receive(idle(1, "running"), []);
    const hellos = () => model.sent.filter(({ kind }) => kind === "hello").length;
    vi.advanceTimersByTime(10_000);
    const before = hellos();
    vi.advanceTimersByTime(10_000);
    expect(hellos()).toBeGreaterThan(before);
    vi.advanceTimersByTime(10_000);
    expect(state().absent).toBe(true);
  });

  test("a run whose words are lost between cells is asked after within a second, again once each answer is old", () => {
    const { model, state } = open();
    model.receive(idle(1, "running"), []);
    vi.advanceTimersByTime(2_000); // the second hello of the opening is out
    let seq = 1;
    const asked: number[] = [];
    model.onsend = ({ kind }) => {
      expect(kind).toBe("hello");
      asked.push(seq);
      seq += 1;
      model.receive(idle(seq, seq < 6 ? "running" : "finished"), []);
    };
    vi.advanceTimersByTime(LATER);
    expect(state()).toMatchObject({ absent: false, phase: "finished" });
    expect(asked).toHaveLength(5); // and once it has ended, no more
  });

  test("while nobody answers it is asked less and less often", () => {
    const { model } = open();
    model.receive(idle(1, "running"), []);
    vi.advanceTimersByTime(14_900);
    expect(model.sent.filter(({ kind }) => kind === "hello")).toHaveLength(2 + 3);
  });

  test("a closed session asks nobody", () => {
    const { session, state, model } = open();
    session.close();
    const { length } = model.sent;
    vi.advanceTimersByTime(LATER);
    expect(model.sent).toHaveLength(length);
    expect(state().absent).toBe(false);
  });
});

describe("what is shown without one", () => {
  const numbers = (...of: number[]) => new DataView(Float32Array.from(of).buffer);
  const chart = { ...makeChart(1, ["a", " b"], [" x"]) };
  const buffers = {
    values: numbers(1, 2),
    errors: numbers(0, 0),
    ends: numbers(3, 0),
    sequence: numbers(1, 2),
    sequence_errors: numbers(0, 0),
  };

  test("saved in the middle of its first run: nothing is waited for", () => {
    const { shown } = open({ status: "running" });
    expect(shown().phase).toBe("running");
    vi.advanceTimersByTime(LATER);
    expect(shown()).toMatchObject({ phase: "stopped", has_model: false, matrix: null });
  });

  test("saved in the middle of a second run: the numbers of the one before, with their own settings", () => {
    const record = { ...buffers, chart, progress: makeProgress(1, "finished") };
    const { shown } = open({
      status: "running",
      records: [record],
      prompt: "another",
      seed: 7,
      granularity: "sentence",
    });
    vi.advanceTimersByTime(LATER);
    expect(shown().matrix?.chart.run).toBe(1);
    expect(shown().progress?.phase).toBe("finished");
    expect(shown().settings).toEqual({ ...chart.settings, granularity: "sentence" });
  });

  test("saved when it had ended: as it was, but for what needs a kernel", () => {
    const ended = { status: "finished", made_at: "2026-11-28T14:05:00+00:00", chart } as const;
    const { shown } = open({ ...buffers, ...ended, progress: makeProgress(1, "finished") });
    const before = shown();
    vi.advanceTimersByTime(LATER);
    const { settings, ...rest } = before;
    expect(shown()).toMatchObject({ ...rest, absent: true, has_model: false });
    expect(settings.prompt).not.toBe(shown().settings.prompt);
    expect(shown().made_at).toBe("2026-11-28T14:05:00+00:00");
  });
});
