"""Frame times of the view: hover, brush, zoom and pan over matrices of three sizes while frames stream at 20 Hz.

`python -m benchmarks.frontend` drives the bundle in a real Chromium (no kernel: a page of its own that streams numbers
to itself as a kernel would) and writes the table of docs/benchmarks.md. `--quick` takes fewer frames. A frame time is
the distance of two animation frames in which something was drawn; 16.7 ms is 60 frames a second. Beside it stands the
view's own part of it, the time in its drawing code: the rest is Chromium's, which without a GPU also does in software
what a GPU would do. "bare canvas" is what that costs with no widget at all: one picture of as many cells on a canvas.
"a result opened" is from an empty page to the painted widget; "first numbers" from a run's first frame, which comes to
a widget that has been open, to its paint: each in several pages of their own, with nothing of it run before.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.report import PAGE, between, table
from llm_attr_widget.widget.choices import CHOICES
from llm_attr_widget.widget.colab import MOST_BYTES
from llm_attr_widget.widget.page import page as page_of
from llm_attr_widget.widget.protocol import Chart, PieceText, Progress, Settings
from llm_attr_widget.widget.traits import STATIC
from llm_attr_widget.widget.wire import encode
from tests.browser.chromium import launch

SIZES = (50, 500, 2000)
TARGET_MS = 1000 / 60
CELLS_PER_FRAME = MOST_BYTES // 8  # a value and its standard error, four bytes each

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
# Opens a widget: before its first run, or (`ended`) with a result in its traits, as a notebook that is opened again.
# Says how long it took, with all but loading the script, until it was painted.
OPEN = """async ([ended, cells_per_frame]) => {
  const { esm, state } = JSON.parse(document.getElementById("content").textContent);
  const [rows, columns] = [state.chart.outputs.length, state.chart.features.length];
  const fill = (length, scale) => new Float32Array(length).map(() => (Math.random() - 0.4) * scale);
  const numbers = (rows) => [fill(rows * columns, 1), new Float32Array(rows * columns).fill(0.05), fill(rows * 2, 1),
    fill(columns, 5), new Float32Array(columns)].map((part) => new DataView(part.buffer));
  const [values, errors, ends, sequence, sequence_errors] = ended ? numbers(rows) : [];
  const progress = { ...state.progress, phase: "finished" };
  const result = { values, errors, ends, sequence, sequence_errors, progress, status: "finished" };
  const traits = { ...state, chart: null, progress: null, status: "idle", records: [], pictures: [], checks: [],
    names: [], comparing: [], has_model: true, ...(ended ? { ...result, chart: state.chart } : {}) };
  const listeners = {};
  const model = { get: (name) => traits[name], set() {}, save_changes() {}, send() {},
    on: (name, listener) => (listeners[name] ??= []).push(listener), off() {} };
  const { default: widget } = await import(URL.createObjectURL(new Blob([esm], { type: "text/javascript" })));
  document.getElementById("widget").replaceChildren();
  window.painted = () => new Promise((done) => frame(() => frame(done)));
  const step = Math.min(rows, Math.floor(cells_per_frame / columns));
  const messages = [];
  for (let first = 0; first < rows; first += step) {
    const count = Math.min(step, rows - first);
    messages.push([first, count, Array.from({ length: 4 }, () => numbers(count))]);
  }
  let seq = 0;
  // The next messages of the matrix, from its first row again after its last.
  window.send = (count) => {
    for (; count > 0; count--) {
      const [first_row, rows, buffers] = messages[seq % messages.length];
      seq += 1;
      const progress = { ...state.progress, phase: "running", calls: seq };
      const chart = seq === 1 ? state.chart : null;
      const event = { kind: "frame", seq, run: state.chart.run, chart, progress, first_row, rows };
      for (const listener of listeners["msg:custom"] ?? []) listener(event, buffers[seq % buffers.length]);
    }
  };
  window.messages = messages.length;
  const began = performance.now();
  const { initialize, render } = widget();
  initialize({ model });
  render({ model, el: document.getElementById("widget") });
  const own = performance.now() - began;
  window.spent.length = 0;
  await painted();
  return [[performance.now() - began], [own + window.spent.reduce((sum, part) => sum + part, 0)]];
}"""
# The first numbers of a run, in a widget that has been open for a while; from then on, 20 times a second, as many
# messages as travel in that time (what JupyterLab carries: about 35 MB a second).
STREAM = """async () => {
  await new Promise((done) => setTimeout(done, 500));
  window.spent.length = 0;
  const began = performance.now();
  send(messages);
  const own = performance.now() - began;
  await painted();
  const taken = performance.now() - began;
  setInterval(() => send(Math.min(messages, 2)), 50);
  return [[taken], [own + window.spent[0]]];
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
FRESH = 7  # pages for what can be seen once in each
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
    progress = Progress(1, "running", 1, 100_000, 1.0, 20.0, 10.0, 1, "", "", None)
    return {
        **encode(settings),
        "choices": encode(CHOICES),
        "chart": encode(chart),
        "progress": encode(progress),
    }


Times = tuple[str, list[float], list[float]]


def measure(browser: Browser, size: int, frames: int) -> list[Times]:
    """Times and the view's own part of them (ms): of a bare canvas, the two first paints, and every interaction."""
    # A page for each: what one has loaded must not help the next.
    with _fresh(browser) as page:
        page.evaluate(BARE, size)
        found: list[Times] = [("bare canvas", *page.evaluate(RECORD, frames))]
    found += [("a result opened", *_several(lambda: _opened(browser, size)))]
    found += [("first numbers", *_several(lambda: _started(browser, size)))]
    with _widget(browser, size) as page:
        page.evaluate(OPEN, [False, CELLS_PER_FRAME])
        page.evaluate(STREAM)
        for name in INTERACTIONS:
            page.evaluate(ACT, name)
            found.append((name, *page.evaluate(RECORD, frames)))
            page.evaluate(STOP)
    return found


def _opened(browser: Browser, size: int) -> list[list[float]]:
    with _widget(browser, size) as page:
        return page.evaluate(OPEN, [True, CELLS_PER_FRAME])


def _started(browser: Browser, size: int) -> list[list[float]]:
    with _widget(browser, size) as page:
        page.evaluate(OPEN, [False, CELLS_PER_FRAME])
        return page.evaluate(STREAM)


def _several(measured: Callable[[], list[list[float]]]) -> tuple[list[float], list[float]]:
    totals, own = zip(*(measured() for _ in range(FRESH)), strict=True)
    return [one for times in totals for one in times], [one for times in own for one in times]


@contextmanager
def _fresh(browser: Browser) -> Generator[Page]:
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    page.set_content("<body></body>")
    page.evaluate(WATCH)
    yield page
    page.close()


@contextmanager
def _widget(browser: Browser, size: int) -> Generator[Page]:
    """Only the page's content, not the widget that it opens by itself."""
    with _fresh(browser) as page:
        page.set_content(page_of(f"{size}", STATIC, state_of(size)).replace("initialize({ model });", "throw null;"))
        yield page


def percentiles(times: Sequence[float]) -> tuple[float, float]:
    p50, p95 = np.percentile(times, [50, 95])
    return float(p50), float(p95)


def lines(sizes: Sequence[int], frames: int, say: Callable[[str], None] = print) -> list[list[str]]:
    rows: list[list[str]] = []
    with sync_playwright() as playwright:
        browser = launch(playwright)
        for size in sizes:
            for name, times, own in measure(browser, size, frames):
                figures = [*percentiles(times), *(percentiles(own) if own else ())]
                shown = [f"{figure:.1f}" for figure in figures] + ["–"] * (4 - len(figures))
                rows.append([f"{size:,} × {size:,}", name, *shown])
                say(json.dumps(rows[-1], ensure_ascii=False))
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
