import { describe, expect, test } from "vitest";
import { statsOf, type TrustData } from "../../src/views/around/trust";
import { makeChart, makeProgress } from "../model";

const chart = makeChart(1, ["a"], ["b"]);
const words = (patch: Partial<TrustData>) =>
  statsOf({ chart, progress: makeProgress(1, "running"), phase: "running", waiting: null, limit: 2, ...patch }).map(
    ({ before, strong, after }) => [before, strong, after].filter(Boolean).join(" "),
  );

describe("what the strip says", () => {
  test("while running: calls of how many, rate, time left, error, whether it adds up", () => {
    expect(words({})).toEqual(["calls 100 / 400", "100/s · 3.0 s left", "error ≤ 0.10 nats", "✓ adds up"]);
  });

  test("when stopped it says what it holds", () => {
    expect(words({ phase: "stopped", progress: makeProgress(1, "stopped") })[0]).toBe(
      "Stopped keeps what was computed so far",
    );
  });

  test("a gap is told, a promise not made is not tested", () => {
    expect(words({ progress: makeProgress(1, "finished", { gap: 0.31 }), phase: "finished" })).toContain(
      "off by 0.31 nats",
    );
    const other = { ...chart, adds_up: false };
    expect(words({ chart: other, progress: makeProgress(1, "finished", { gap: null }) })).toContain(
      "rows need not add up",
    );
  });

  test("numbers of another run are not judged by this one's progress", () => {
    expect(words({ progress: makeProgress(2, "running") })).toEqual(["calls 100 / 400", "100/s · 3.0 s left"]);
  });

  test("an exact method has no error", () => {
    expect(words({ chart: { ...chart, sampled: false } })).toContain("exact");
  });

  test("before anything ran, and while the first answer is awaited", () => {
    expect(words({ progress: null, phase: "idle" })).toEqual(["Nothing has been run yet"]);
    expect(words({ progress: makeProgress(0, "idle"), phase: "idle" })).toEqual(["Nothing has been run yet"]);
    expect(words({ waiting: "run" })).toEqual(["Starting…"]);
  });
});
