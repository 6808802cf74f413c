// @vitest-environment jsdom
import { setMaxListeners } from "node:events";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import widget from "../src/index";
import type { Frame } from "../src/wire/protocol";
import { installCanvas } from "./canvas";
import { FakeModel, makeChart, makeProgress } from "./model";

// Every listener that the test counts hangs on the view's one signal.
setMaxListeners(100);

type Size = { clientWidth: number };

beforeEach(() => {
  vi.useFakeTimers();
  installCanvas(window as Window & typeof globalThis);
  // jsdom lays nothing out; the matrix needs a width to draw in.
  vi.spyOn(HTMLElement.prototype as Size, "clientWidth", "get").mockReturnValue(640);
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
  document.body.replaceChildren();
});

const EVIL = "<img src=x onerror=alert(1)>";
const words = ["Dave", " lives", ` ${EVIL}`, " lawyer"];
const tokens = [" golf", " <b>and</b>"];
const bytes = (...numbers: number[]) => new DataView(Float32Array.from(numbers).buffer);
const VALUES = [0.1, -0.2, 0, 1.95, 0, 0.3, 0, -0.5];

function frame(
  seq: number,
  phase: "running" | "finished" = "running",
  scale = 1,
): readonly [Frame, readonly DataView[]] {
  const event: Frame = {
    kind: "frame",
    seq,
    run: 1,
    chart: seq === 1 ? makeChart(1, words, tokens) : null,
    progress: makeProgress(1, phase),
    first_row: 0,
    rows: 2,
  };
  const values = VALUES.map((value) => value * scale);
  return [
    event,
    [
      bytes(...values),
      bytes(...VALUES.map(() => 0.09)),
      bytes(-0.01, -1.86, -2, -1.8),
      bytes(0.1, 0.1, 0, 1.45),
      bytes(0, 0, 0, 0),
    ],
  ];
}

function open(model = new FakeModel({ prompt: words.join(""), target: tokens.join("") })) {
  const { initialize, render } = widget();
  const end = initialize({ model: model as never });
  const view = () => {
    const el = document.createElement("div");
    document.body.append(el);
    const close = render({ model: model as never, el });
    return { el, close, root: el.querySelector(".law") as HTMLElement };
  };
  const tick = () => vi.advanceTimersByTime(20);
  return { model, view, end, tick };
}

const button = (root: HTMLElement, name: string) =>
  [...root.querySelectorAll("button")].find(
    (found) => (found.getAttribute("aria-label") ?? found.textContent) === name,
  ) as HTMLButtonElement;

function hoverCell(root: HTMLElement, row: number, column: number): void {
  const grid = root.querySelector(".law-grid") as HTMLElement;
  const [x0, y0, width, height] = ["x0", "y0", "cell-width", "cell-height"].map((name) =>
    Number(grid.getAttribute(`data-${name}`)),
  ) as [number, number, number, number];
  const at = { clientX: x0 + (column + 0.5) * width, clientY: y0 + (row + 0.5) * height, bubbles: true };
  grid.dispatchEvent(new MouseEvent("pointermove", at));
}

describe("states", () => {
  test("empty invites, running says which event it shows, finished can run again", () => {
    const { model, view, tick } = open(new FakeModel());
    const { root } = view();
    expect(root.dataset).toMatchObject({ phase: "idle", seq: "0" });
    expect(root.textContent).toContain("What made the model say it?");
    expect(button(root, "Stop").hidden).toBe(true);
    model.receive(...frame(1));
    tick();
    model.receive(...frame(2, "running", 1.1));
    tick();
    expect(root.dataset).toMatchObject({ phase: "running", run: "1", seq: "2" });
    expect(button(root, "Run").hidden).toBe(true);
    model.receive(...frame(3, "finished"));
    tick();
    expect(root.dataset).toMatchObject({ phase: "finished", seq: "3" });
    button(root, "Run").click();
    expect(model.sent.at(-1)?.kind).toBe("run");
    tick();
    expect(root.dataset["phase"]).toBe("starting");
    button(root, "Stop").click();
    expect(model.sent.at(-1)?.kind).toBe("stop");
  });

  test("new numbers of a large matrix come first, and all that stands around it with the next frame", () => {
    const [rows, columns] = [320, 320];
    const names = (length: number) => Array.from({ length }, (_, at) => ` w${at}`);
    const send = (model: FakeModel, seq: number, value: number) => {
      const chart = seq === 1 ? makeChart(1, names(columns), names(rows)) : null;
      const progress = makeProgress(1, "running", { calls: 100 * seq });
      const fill = (length: number) => new DataView(new Float32Array(length).fill(value).buffer);
      const buffers = [rows * columns, rows * columns, rows * 2, columns, columns].map(fill);
      model.receive({ kind: "frame", seq, run: 1, chart, progress, first_row: 0, rows }, buffers);
    };
    const { model, view, tick } = open(new FakeModel({ prompt: "x", target: "y" }));
    const { root } = view();
    const calls = () => root.querySelector("[data-stat=calls] b")?.textContent;
    const limit = () => root.querySelector(".law-grid")?.getAttribute("data-limit");
    send(model, 1, 1);
    tick();
    expect([limit(), calls()]).toEqual(["1", "100"]);
    send(model, 2, 4);
    vi.advanceTimersToNextFrame();
    expect([limit(), calls()]).toEqual(["4", "100"]);
    vi.advanceTimersToNextFrame();
    expect([limit(), calls()]).toEqual(["4", "200"]);
    for (let seq = 3; seq < 9; seq++) {
      // However fast they come, the rest is at most one frame behind.
      send(model, seq, 4 + seq);
      vi.advanceTimersToNextFrame();
    }
    expect(["700", "800"]).toContain(calls());
  });

  test("a failure is told with its traceback folded, and can be dismissed", () => {
    const { model, view, tick } = open();
    const { root } = view();
    const failure = root.querySelector(".law-failure") as HTMLElement;
    expect(failure.hidden).toBe(true);
    model.receive({ kind: "failed", seq: 1, message: "Out of memory.", traceback: "Traceback\n  line 1" });
    tick();
    expect(failure.hidden).toBe(false);
    expect(failure.querySelector("p")?.textContent).toBe("Out of memory.");
    expect(failure.querySelector("details")?.open).toBe(false);
    expect(failure.querySelector("pre")?.textContent).toContain("line 1");
    button(root, "Dismiss").click();
    tick();
    expect(failure.hidden).toBe(true);
  });
});

describe("what is hovered", () => {
  test("the tooltip holds the pair, the value with its error, the share and both probabilities", () => {
    const { model, view, tick } = open();
    const { root } = view();
    model.receive(...frame(1));
    tick();
    hoverCell(root, 0, 3);
    tick();
    const tip = root.querySelector("[role=tooltip]") as HTMLElement;
    expect(tip.hidden).toBe(false);
    expect(tip.querySelector("strong")?.textContent).toBe("lawyer → golf");
    const facts = [...tip.querySelectorAll("div")].map((line) => [...line.children].map((part) => part.textContent));
    expect(facts).toEqual([
      ["Shapley value", "+1.95 ± 0.09 nats"],
      ["certainty", "± one standard error"],
      ["share of |row|", "87 %"],
      ["p(golf) with / without prompt", "0.99 / 0.16"],
      ["trials", "4"],
    ]);
    expect(root.querySelector(".law-flow[aria-label=Prompt] [data-lit]")?.textContent).toBe("lawyer");
    expect(root.querySelector(".law-flow[aria-label=Answer] [data-lit]")?.textContent).toBe("golf");
    const live = root.querySelector("[role=gridcell]");
    expect(live?.textContent).toContain(
      "lawyer → golf: Shapley value +1.95 ± 0.09 nats, certainty ± one standard error",
    );
    expect(root.querySelector("[role=grid]")?.getAttribute("aria-activedescendant")).toBe(live?.id);
    root.querySelector("[role=grid]")?.dispatchEvent(new MouseEvent("pointerleave"));
    tick();
    expect(tip.hidden).toBe(true);
  });

  test("two views show the same selection; only one has the tooltip", () => {
    const { model, view, tick } = open();
    const [one, two] = [view(), view()];
    model.receive(...frame(1));
    tick();
    hoverCell(one.root, 0, 3);
    tick();
    expect(two.root.querySelector(".law-flow[aria-label=Prompt] [data-lit]")?.textContent).toBe("lawyer");
    expect((two.root.querySelector("[role=tooltip]") as HTMLElement).hidden).toBe(true);
  });
});

test("text of the user stays text", () => {
  const { model, view, tick } = open();
  const { root } = view();
  model.receive(...frame(1));
  model.receive({ kind: "failed", seq: 2, message: EVIL, traceback: EVIL });
  tick();
  hoverCell(root, 1, 2);
  tick();
  expect(root.querySelector("img, b b, script")).toBeNull();
  expect(root.querySelector(".law-flow[aria-label=Prompt]")?.textContent).toBe(words.join(""));
  expect(root.querySelector(".law-flow[aria-label=Answer]")?.textContent).toBe(tokens.join(""));
  expect(root.querySelector("[role=tooltip] strong")?.textContent).toContain(EVIL);
});

describe("cleaning up", () => {
  /** Counts listeners that are added and not removed (by hand or by their signal). */
  function countListeners(target: EventTarget): () => number {
    const open = new Set<unknown>();
    const add = target.addEventListener.bind(target);
    const remove = target.removeEventListener.bind(target);
    vi.spyOn(target, "addEventListener").mockImplementation((type: string, listener: unknown, options: unknown) => {
      open.add(listener);
      const signal = (options as { signal?: AbortSignal } | undefined)?.signal;
      signal?.addEventListener("abort", () => open.delete(listener));
      add(type, listener as EventListener, options as AddEventListenerOptions);
    });
    vi.spyOn(target, "removeEventListener").mockImplementation((type: string, listener: unknown) => {
      open.delete(listener);
      remove(type, listener as EventListener);
    });
    return () => open.size;
  }

  test("50 views come and go without leaving anything", () => {
    const counters = [countListeners(document), countListeners(window)];
    const watching = vi.spyOn(MutationObserver.prototype, "observe");
    const ended = vi.spyOn(MutationObserver.prototype, "disconnect");
    const { model, view, end, tick } = open();
    model.receive(...frame(1));
    for (let cycle = 0; cycle < 50; cycle++) {
      const { el, close } = view();
      model.receive(...frame(2 + cycle));
      if (cycle % 2) tick();
      expect(counters.reduce((sum, count) => sum + count(), 0)).toBeGreaterThan(0);
      close();
      expect(el.childElementCount).toBe(0);
    }
    expect(counters.map((count) => count())).toEqual([0, 0]);
    expect(ended.mock.calls.length).toBeGreaterThanOrEqual(50);
    expect(watching.mock.calls.length).toBeGreaterThanOrEqual(50);
    tick();
    end();
    expect(model.listeners()).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("two widgets on a page share nothing", () => {
    const a = open();
    const b = open(new FakeModel({ prompt: "other" }));
    const [one, two] = [a.view(), b.view()];
    a.model.receive(...frame(1));
    a.tick();
    expect(one.root.dataset["phase"]).toBe("running");
    expect(two.root.dataset["phase"]).toBe("idle");
    one.close();
    expect(two.root.isConnected).toBe(true);
  });
});
