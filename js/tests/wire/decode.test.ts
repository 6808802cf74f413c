import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { Session } from "../../src/session/session";
import { DecodeError, floats } from "../../src/wire/decode";
import {
  type Command,
  DEFAULTS,
  decodeChart,
  decodeEvent,
  decodeProgress,
  decodeSettings,
  type Settings,
} from "../../src/wire/protocol";
import { FakeModel, makeChart, makeProgress } from "../model";

const SAMPLES = new URL("../../../tests/protocol/", import.meta.url);
const samples = readdirSync(SAMPLES)
  .filter((name) => name.endsWith(".json"))
  .map((name) => [name, JSON.parse(readFileSync(new URL(name, SAMPLES), "utf8"), completed)] as const);

/** A setting that a sample leaves out is as by default. */
function completed(name: string, value: unknown): unknown {
  return name === "settings" ? { ...DEFAULTS, ...(value as Partial<Settings>) } : value;
}

describe("samples shared with the kernel's tests", () => {
  const events = samples.filter(([, sample]) => "event" in sample);
  const commands = samples.filter(([, sample]) => "command" in sample);
  const states = samples.filter(([, sample]) => "state" in sample);

  test("there are samples", () => {
    expect(events.length).toBeGreaterThan(3);
    expect(commands.length).toBeGreaterThan(3);
  });

  test.each(events)("%s decodes to what it says", (_, sample) => {
    expect(decodeEvent(sample.event, "event")).toEqual(sample.event);
  });

  test.each(states)("%s makes a state", (_, sample) => {
    if (sample.state.chart) expect(decodeChart(sample.state.chart, "chart")).toEqual(sample.state.chart);
    if (sample.state.progress) expect(decodeProgress(sample.state.progress, "progress")).toEqual(sample.state.progress);
  });

  /** What this front end sends for a command must be what the kernel's samples say. */
  test.each(commands)("%s is what the session sends", (_, sample) => {
    const expected = sample.command as Command;
    const settings = "settings" in expected ? expected.settings : null;
    const model = new FakeModel(settings ? { ...settings } : {});
    const session = new Session(model.model);
    if (expected.kind === "run") session.run();
    if (expected.kind === "stop") session.stop();
    if (expected.kind === "generate") session.generate();
    if (expected.kind === "pause") session.pause();
    if (expected.kind === "resume") session.resume();
    if (expected.kind === "extend") session.extend(expected.run);
    if (expected.kind === "check") session.check(expected.run);
    if (expected.kind === "what_if")
      for (let ask = 1; ask <= expected.ask; ask++) session.whatIf(expected.run, expected.absent, expected.replaced);
    if (expected.kind === "resend") {
      model.receive({ kind: "failed", seq: 1, message: "", traceback: "" });
      model.receive({ kind: "failed", seq: 3, message: "", traceback: "" });
    }
    session.close();
    expect(model.sent).toContainEqual(expected);
  });
});

describe("buffers", () => {
  const numbers = Float32Array.of(1.5, -2, Number.NaN, Number.POSITIVE_INFINITY);
  const bytes = new Uint8Array(numbers.buffer);
  const shifted = (offset: number) => {
    const room = new Uint8Array(bytes.length + offset + 3);
    room.set(bytes, offset);
    return new Uint8Array(room.buffer, offset, bytes.length);
  };

  test("DataView, as JupyterLab sends", () => {
    const found = floats(new DataView(numbers.buffer, 4, 8), "b");
    expect([...found]).toEqual([-2, Number.NaN]);
    expect(found.buffer).toBe(numbers.buffer);
  });

  test.each([0, 1, 2, 3, 4])("Uint8Array at offset %d, as Colab sends", (offset) => {
    expect([...floats(shifted(offset), "b")]).toEqual([...numbers]);
  });

  test("DataView at an odd offset", () => {
    const odd = shifted(1);
    expect([...floats(new DataView(odd.buffer, odd.byteOffset, odd.byteLength), "b")]).toEqual([...numbers]);
  });

  test("nothing is no numbers; half a number is an error", () => {
    expect(floats(null, "b")).toHaveLength(0);
    expect(() => floats(new Uint8Array(6), "b")).toThrow(DecodeError);
    expect(() => floats("1,2", "b")).toThrow("b: expected a buffer");
  });
});

describe("what is wrong is said where it is", () => {
  const frame = {
    kind: "frame",
    seq: 1,
    run: 1,
    chart: makeChart(1, ["a"], ["b"]),
    progress: makeProgress(1, "running"),
    first_row: 0,
    rows: 1,
  };
  test.each([
    [{ ...frame, kind: "fram" }, "event.kind"],
    [{ ...frame, seq: "1" }, "event.seq"],
    [{ ...frame, progress: { ...frame.progress, phase: "done" } }, "event.progress.phase"],
    [{ ...frame, chart: { ...frame.chart, features: ["a", 2] } }, "event.chart.features[1]"],
    [null, "event.kind"],
  ])("%#", (event, where) => expect(() => decodeEvent(event, "event")).toThrow(where));

  test("fields that the protocol doesn't have are left out", () => {
    const settings = { ...makeChart(1, [], []).settings };
    expect(decodeSettings({ ...settings, extra: 1 }, "s")).toEqual(settings);
  });
});
