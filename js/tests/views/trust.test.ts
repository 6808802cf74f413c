import { describe, expect, test } from "vitest";
import { statsOf, type TrustData } from "../../src/views/around/trust";
import { makeChart, makeProgress } from "../model";

const chart = makeChart(1, ["a"], ["b"]);
const words = (patch: Partial<TrustData>) =>
  statsOf({ chart, progress: makeProgress(1, "running"), phase: "running", waiting: null, ...patch }).map(
    ({ before, strong, after }) => [before, strong, after].filter(Boolean).join(" "),
  );

describe("what the strip says", () => {
  test("while running: calls of how many, rate, time left", () => {
    expect(words({})).toEqual(["calls 100 / 400", "100/s · 3.0 s left"]);
  });

  test("when stopped it says what it holds", () => {
    expect(words({ phase: "stopped", progress: makeProgress(1, "stopped") })[0]).toBe("Stopped");
  });

  test("before anything ran, and while the first answer is awaited", () => {
    expect(words({ progress: null, phase: "idle" })).toEqual(["Nothing has been run yet"]);
    expect(words({ progress: makeProgress(0, "idle"), phase: "idle" })).toEqual(["Nothing has been run yet"]);
    expect(words({ waiting: "run" })).toEqual(["Starting…"]);
  });
});
