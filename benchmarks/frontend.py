"""Frame times of the view: hover, brush, zoom and pan over matrices of three sizes while frames stream at 20 Hz.

`python -m benchmarks.frontend` drives the bundle in a real Chromium (no kernel: a page of its own that streams numbers
to itself as a kernel would) and writes the table of docs/benchmarks.md. `--quick` takes fewer frames. A frame time is
the distance of two animation frames in which something was drawn; 16.7 ms is 60 frames a second. Beside it stands the
view's own part of it, the time in its drawing code: the rest is Chromium's, which without a GPU also does in software
what a GPU would do. "bare canvas" is what that costs with no widget at all: one picture of as many cells on a canvas.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from playwright.sync_api import Page, sync_playwright

from benchmarks.report import PAGE, between, table
from llm_attr_widget.widget.choices import CHOICES
from llm_attr_widget.widget.page import page as page_of
from llm_attr_widget.widget.protocol import Chart, PieceText, Progress, Settings
from llm_attr_widget.widget.traits import STATIC
from llm_attr_widget.widget.wire import encode
from tests.browser.chromium import launch

SIZES = (50, 500, 2000)
TARGET_MS = 1000 / 60

# Takes the time of whatever is done in animation frames, save by the benchmark itself, which uses `frame`.
WATCH = """() => {
  window.spent = [];
  window.frame = window.requestAnimationFrame.bind(window);
  window.requestAnimationFrame = (then) => frame((now) => {
    const began = performance.now();
    then(now);
    window.spent.push(performance.now() - began);
  });
}"""
# A picture of size × size, drawn anew on a canvas of the widget's size at every frame.
BARE = """(size) => {
  const canvas = (width, height) => Object.assign(document.createElement("canvas"), { width, height });
  const [shown, cells] = [document.body.appendChild(canvas(760, 560)), canvas(size, size)];
  const image = new ImageData(new Uint8ClampedArray(4 * size * size).map(() => 256 * Math.random()), size, size);
  const tick = () => {
    cells.getContext("2d").putImageData(image, 0, 0);
    const to = shown.getContext("2d");
    to.imageSmoothingEnabled = false;
    to.drawImage(cells, 0, 0, 480, 480);
    window.acting = frame(tick);
  };
  window.acting = frame(tick);
}"""
# Streams what the state holds, a little changed, at 20 Hz; records the distances of animation frames.
STREAM = """async () => {
  const { esm, state } = JSON.parse(document.getElementById("content").textContent);
  const [rows, columns] = [state.chart.outputs.length, state.chart.features.length];
  const traits = { ...state, values: null, errors: null, ends: null, sequence: null, sequence_errors: null,
    chart: null, progress: null, status: "running", records: [], pictures: [], checks: [], names: [], comparing: [] };
  const listeners = {};
  const model = { get: (name) => traits[name], set() {}, save_changes() {}, send() {},
    on: (name, listener) => (listeners[name] ??= []).push(listener), off() {} };
  const fill = (length, scale) => Float32Array.from({ length }, () => (Math.random() - 0.4) * scale);
  const buffers = Array.from({ length: 4 }, () => [fill(rows * columns, 1), new Float32Array(rows * columns).fill(0.05),
    fill(rows * 2, 1), fill(columns, 5), new Float32Array(columns)].map((part) => new DataView(part.buffer)));
  const { default: widget } = await import(URL.createObjectURL(new Blob([esm], { type: "text/javascript" })));
  const { initialize, render } = widget();
  document.getElementById("widget").replaceChildren();
  initialize({ model });
  render({ model, el: document.getElementById("widget") });
  let seq = 0;
  const send = () => {
    seq += 1;
    const progress = { ...state.progress, phase: "running", calls: seq };
    const event = { kind: "frame", seq, run: state.chart.run, chart: seq === 1 ? state.chart : null, progress,
      first_row: 0, rows };
    for (const listener of listeners["msg:custom"] ?? []) listener(event, buffers[seq % buffers.length]);
  };
  const began = performance.now();
  send();
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  window.firstPaint = performance.now() - began;
  setInterval(send, 50);
}"""
RECORD = """(frames) => new Promise((done) => {
  const times = [];
  const tick = (now) => {
    if (times.length === 0) window.spent.length = 0;
    times.push(now);
    if (times.length > frames) done([times.slice(1).map((time, at) => time - times[at]), window.spent]);
    else frame(tick);
  };
  frame(tick);
})"""
# The interactions, as events inside the page: the driver's own delays are not the view's.
ACT = """(name) => {
  const grid = document.querySelector("[role=grid]");
  const box = grid.getBoundingClientRect();
  let step = 0;
  const at = () => ({ clientX: box.left + box.width * (0.35 + 0.2 * Math.sin(step / 9)),
    clientY: box.top + box.height * (0.55 + 0.2 * Math.cos(step / 7)), bubbles: true, cancelable: true });
  const fire = (type, more = {}, Kind = PointerEvent) => grid.dispatchEvent(new Kind(type, { ...at(), ...more }));
  const acts = {
    nothing: () => {},
    hover: () => fire("pointermove"),
    zoom: () => fire("wheel", { deltaY: step % 60 < 30 ? -40 : 40, ctrlKey: true }, WheelEvent),
    brush: () => {
      if (step === 1) fire("pointerdown", { button: 0, buttons: 1 });
      fire("pointermove", { buttons: 1 });
    },
    pan: () => {
      for (let i = 0; step === 1 && i < 8; i++) fire("wheel", { deltaY: -60, ctrlKey: true }, WheelEvent);
      if (step === 1) fire("pointerdown", { button: 1, buttons: 4 });
      fire("pointermove", { buttons: 4 });
    },
  };
  const tick = () => { step += 1; acts[name](); window.acting = frame(tick); };
  window.acting = frame(tick);
}"""
STOP = """() => {
  cancelAnimationFrame(window.acting);
  document.dispatchEvent(new PointerEvent("pointerup", { bubbles: true }));
}"""
INTERACTIONS = ("nothing", "hover", "brush", "zoom", "pan")


def state_of(size: int) -> dict[str, Any]:
    """A chart of size × size, as the traits have it; the numbers are made in the page."""
    words = tuple(f" word{i}" + ("." if i % 20 == 19 else "") for i in range(size))
    prompt = "".join(words)
    settings = Settings(prompt, prompt, None, "shapley", "word", "log_prob", None, 1, 0)
    chart = Chart(
        run=1, pieces=tuple(PieceText(word, i, "") for i, word in enumerate(words)), features=words, outputs=words,
        target=prompt, against=None, label="Shapley value", unit="nats", explains="log_prob", adds_up=True,
        sampled=True, baseline="removed", model="none", picture=None, continues=None, askable=False, extendable=False,
        settings=settings,
    )  # fmt: skip
    progress = Progress(1, "running", 1, 100_000, 1.0, 20.0, 10.0, 1, 0.05, 0.0, "", "")
    names = ("prompt", "target", "against", "method", "granularity", "value", "budget", "trials", "seed")
    return {
        **{name: getattr(settings, name) for name in names},
        "choices": encode(CHOICES),
        "chart": encode(chart),
        "progress": encode(progress),
    }


def measure(page: Page, size: int, frames: int) -> list[tuple[str, list[float], list[float]]]:
    """Frame times and the view's own part of them (ms): of a bare canvas, the first paint, and every interaction."""
    page.set_content("<body></body>")
    page.evaluate(WATCH)
    page.evaluate(BARE, size)
    found = [("bare canvas", *page.evaluate(RECORD, frames))]
    page.evaluate(STOP)
    # Only the page's content is wanted, not the widget that it opens by itself.
    page.set_content(page_of(f"{size}", STATIC, state_of(size)).replace("initialize({ model });", "throw null;"))
    page.evaluate(STREAM)
    found.append(("first paint", [page.evaluate("window.firstPaint")], page.evaluate("window.spent.slice(0, 1)")))
    for name in INTERACTIONS:
        page.evaluate(ACT, name)
        found.append((name, *page.evaluate(RECORD, frames)))
        page.evaluate(STOP)
    return found


def percentiles(times: Sequence[float]) -> tuple[float, float]:
    p50, p95 = np.percentile(times, [50, 95])
    return float(p50), float(p95)


def lines(sizes: Sequence[int], frames: int, say: Callable[[str], None] = print) -> list[list[str]]:
    rows: list[list[str]] = []
    with sync_playwright() as playwright:
        browser = launch(playwright)
        for size in sizes:
            page = browser.new_page(viewport={"width": 1200, "height": 900})
            for name, times, own in measure(page, size, frames):
                figures = [*percentiles(times), *(percentiles(own) if own else ())]
                shown = [f"{figure:.1f}" for figure in figures] + ["–"] * (4 - len(figures))
                rows.append([f"{size:,} × {size:,}", name, *shown])
                say(json.dumps(rows[-1], ensure_ascii=False))
            page.close()
        browser.close()
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="30 frames each, 50² and 500² only; writes nothing")
    quick = parser.parse_args().quick
    rows = lines(SIZES[:2] if quick else SIZES, 30 if quick else 240)
    text = table(["matrix", "interaction", "p50, ms", "p95, ms", "of it the view, p50", "p95"], rows)
    if quick:
        print(text)
        return
    PAGE.write_text(between(PAGE.read_text(encoding="utf-8"), "benchmarks.frontend", text), encoding="utf-8")


if __name__ == "__main__":
    main()
