/** The widget without a kernel, for looking at it: `python js/dev/shots.py` opens it in every state. */
import widget from "../src/index";
import type { Chart, Progress } from "../src/wire/protocol";
import { FakeModel, makeChart, makeProgress } from "../tests/model";
import data from "./data.json";

interface Numbers {
  readonly chart: Chart;
  readonly values: Float32Array;
  readonly errors: Float32Array;
}

const bytes = (numbers: Float32Array) => new DataView(numbers.buffer, numbers.byteOffset, numbers.byteLength);

/** The matrix of the drawing: real Shapley values of a small trained model. */
function drawing(run: number): Numbers {
  return {
    chart: makeChart(run, data.words, data.tokens),
    values: Float32Array.from(data.phi.flat()),
    errors: Float32Array.from(data.se.flat()),
  };
}

/** A matrix of any size, for the look of large ones only. */
function large(run: number, rows: number, columns: number): Numbers {
  const random = mulberry(7);
  const words = data.words;
  const name = (index: number) => words[index % words.length] as string;
  const chart = makeChart(
    run,
    Array.from({ length: columns }, (_, index) => (index % 29 === 28 ? `${name(index)}\n` : name(index))),
    Array.from({ length: rows }, (_, index) => data.tokens[index % data.tokens.length] as string),
  );
  const values = new Float32Array(rows * columns).map((_, at) => {
    const [row, column] = [Math.floor(at / columns), at % columns];
    const near = Math.exp(-(((row / rows - column / columns) * 14) ** 2));
    const hot = random() < 0.002 ? 2 : 0;
    return (random() - 0.45) * 0.5 * (0.15 + near) + near * 0.7 * random() + hot * (random() - 0.3);
  });
  return { chart, values, errors: values.map(() => 0.06) };
}

/** A conversation in several scripts, its template's tokens, and control characters. */
function chat(run: number): Numbers {
  const parts: readonly (readonly [string, string])[] = [
    ["template", "<|im_start|>"],
    ["template", "system\n"],
    ["system", "You"],
    ["system", " answer"],
    ["system", " kindly"],
    ["system", "."],
    ["template", "<|im_end|>"],
    ["template", "\n"],
    ["template", "<|im_start|>"],
    ["template", "user\n"],
    ["user", "דוד"],
    ["user", " הוא"],
    ["user", " עורך"],
    ["user", " דין"],
    ["user", "."],
    ["user", " 我的"],
    ["user", "爱好"],
    ["user", "是"],
    ["user", "高尔夫"],
    ["user", "。"],
    ["user", "\n\n"],
    ["user", "a\u0007b"],
    ["user", " 👩‍🚀"],
    ["template", "<|im_end|>"],
    ["template", "\n"],
    ["template", "<|im_start|>"],
    ["template", "assistant\n"],
  ];
  const features = parts.map(([, text]) => text);
  const base = makeChart(run, features, [" golf", ",", " هو", " محام"]);
  const chart = { ...base, pieces: parts.map(([role, text], feature) => ({ text, feature, role })) };
  const random = mulberry(3);
  const values = new Float32Array(features.length * 4).map(() => (random() - 0.4) * 2);
  return { chart, values, errors: values.map(() => 0.06) };
}

function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Five buffers of a run that is `done` (0 to 1) through. */
function buffers({ chart, values, errors }: Numbers, done: number): readonly DataView[] {
  const random = mulberry(Math.round(done * 1000) + 1);
  const spread = 1 / Math.sqrt(Math.max(0.02, done));
  const now = values.map((value, at) => value + (random() - 0.5) * 2 * (errors[at] as number) * (spread - 1));
  const [rows, columns] = [chart.outputs.length, chart.features.length];
  const ends = new Float32Array(rows * 2);
  const total = new Float32Array(columns);
  for (let row = 0; row < rows; row++) {
    ends[row * 2] = -0.01;
    ends[row * 2 + 1] = -0.01;
    for (let column = 0; column < columns; column++) {
      const value = now[row * columns + column] as number;
      ends[row * 2 + 1] = (ends[row * 2 + 1] as number) - value;
      total[column] = (total[column] as number) + value;
    }
  }
  return [now, errors.map((error) => error * spread), ends, total, total.map(() => 0.1 * spread)].map(bytes);
}

const query = new URLSearchParams(location.search);
const state = query.get("state") ?? "finished";
const size = query.get("size")?.split("x").map(Number);
const numbers = query.has("chat") ? chat(1) : size ? large(1, size[0] as number, size[1] as number) : drawing(1);
const model = new FakeModel(
  state === "empty" ? {} : { prompt: numbers.chart.settings.prompt, target: numbers.chart.settings.target },
);
document.body.setAttribute("data-jp-theme-light", query.has("dark") ? "false" : "true");
document.body.style.background = query.has("dark") ? "#0d0f12" : "#fff";

let seq = 0;
function frame(progress: Progress, done: number, chart: boolean): void {
  const rows = numbers.chart.outputs.length;
  const event = {
    kind: "frame",
    seq: ++seq,
    run: 1,
    chart: chart ? numbers.chart : null,
    progress,
    first_row: 0,
    rows,
  } as const;
  model.receive(event, buffers(numbers, done));
}

const at = (done: number, phase: Progress["phase"]) =>
  makeProgress(1, phase, {
    calls: Math.round(1800 * done),
    planned: 1800,
    rate: 842,
    seconds_left: 2.1 * (1 - done),
    elapsed: 2.1 * done,
    trials: Math.round(120 * done),
    said: {
      sentence: `Shapley value, nats: ${phase}; standard error up to 0.09 nats; rows add up`,
      doubts: [],
      unspread: phase === "finished" ? "exact" : "error not known, run not finished",
      sound: phase === "finished",
    },
  });

model.onsend = (command) => {
  if (command.kind !== "run") return;
  let done = 0;
  const tick = () => {
    done = Math.min(1, done + 0.04);
    frame(at(done, done < 1 ? "running" : "finished"), done, seq === 0);
    if (done < 1) setTimeout(tick, 66);
  };
  setTimeout(tick, 200);
};

const { initialize, render } = widget();
initialize({ model: model as never });
for (const el of document.querySelectorAll<HTMLElement>("[data-widget]")) render({ model: model as never, el });

if (state === "running") {
  let step = 0;
  const tick = () => {
    step++;
    frame(at(step * 0.0257, "running"), step * 0.0257, step === 1);
    if (step < 24) requestAnimationFrame(tick);
  };
  tick();
}
if (state === "finished") frame(at(1, "finished"), 1, true);
if (state === "stopped") frame(at(0.3, "stopped"), 0.3, true);
if (state === "failed") {
  const message = "The model ran out of memory after 312 prompts. Use a smaller batch, or fewer tokens in the answer.";
  const traceback =
    'Traceback (most recent call last):\n  File "worker.py", line 88, in _work\n    for event in run(job):\nMemoryError';
  frame({ ...at(0.17, "failed"), message, traceback }, 0.17, true);
}
Object.assign(window, { model });
