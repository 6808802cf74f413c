/** The strip below: how much was computed and how far the numbers can be trusted. */

import type { Waiting } from "../../session/session";
import { element, type Place, setAttributes } from "../../style/dom";
import { count, decimalsOf, duration, plain, rate } from "../../style/format";
import type { Chart, Phase, Progress } from "../../wire/protocol";

export interface TrustData {
  readonly chart: Chart | null;
  readonly progress: Progress | null;
  readonly phase: Phase;
  readonly waiting: Waiting;
  /** Largest |value| shown, to judge the gap by. */
  readonly limit: number;
}

/** One figure: words in grey, `strong` in the text colour. */
export interface Stat {
  readonly name: string;
  readonly before?: string;
  readonly strong: string;
  readonly after?: string;
  readonly tone?: "ok" | "warn";
  readonly about?: string;
}

/** A row adds up when it misses v(all) − v(none) by no more than float32 does. */
const ROUNDING = 1e-3;

export function statsOf({ chart, progress, phase, waiting, limit }: TrustData): readonly Stat[] {
  if (waiting === "run") return [{ name: "phase", strong: "Starting…" }];
  if (!progress || progress.phase === "idle") return [{ name: "phase", strong: "", after: "Nothing has been run yet" }];
  const stats: Stat[] = [];
  const running = phase === "running";
  if (phase === "paused") stats.push({ name: "phase", strong: "Paused", tone: "warn" });
  if (phase === "stopped")
    stats.push({ name: "phase", strong: "Stopped", after: "keeps what was computed so far", tone: "warn" });
  if (phase === "failed") stats.push({ name: "phase", strong: "Failed", tone: "warn" });
  if (running && progress.message) stats.push({ name: "message", strong: "", after: progress.message });
  const planned = progress.budget > 0 && progress.calls !== progress.budget ? `/ ${count(progress.budget)}` : "";
  stats.push({
    name: "calls",
    before: "calls",
    strong: count(progress.calls),
    after: planned,
    about: "Prompts the model scored for this run",
  });
  if (running && progress.rate !== null) {
    const left = progress.seconds_left === null ? "" : duration(progress.seconds_left);
    stats.push({
      name: "left",
      before: `${rate(progress.rate)}${left ? " ·" : ""}`,
      strong: left,
      after: left ? "left" : "",
    });
  }
  if (!running && phase !== "paused") stats.push({ name: "elapsed", before: "in", strong: duration(progress.elapsed) });
  if (chart && chart.run === progress.run) stats.push(...trustOf(chart, progress, limit));
  return stats;
}

function trustOf(chart: Chart, progress: Progress, limit: number): readonly Stat[] {
  const stats: Stat[] = [];
  const error = progress.largest_error;
  if (error !== null && chart.sampled)
    stats.push({
      name: "error",
      before: "error ≤",
      strong: plain(error, decimalsOf(error, error)),
      after: chart.unit,
      about: "Largest standard error in the matrix",
    });
  if (!chart.sampled)
    stats.push({ name: "error", strong: "exact", about: "No sampling: the numbers carry no sampling error" });
  if (!chart.adds_up) {
    stats.push({
      name: "gap",
      strong: "",
      after: "rows need not add up",
      about: `A ${chart.label} does not promise that a row sums to what the prompt brings`,
    });
  } else if (progress.gap !== null) {
    const fine = progress.gap <= ROUNDING * Math.max(1, limit);
    const about = `Largest difference between the sum of a row and v(all) − v(none): ${progress.gap.toPrecision(2)} ${chart.unit}`;
    stats.push(
      fine
        ? { name: "gap", strong: "✓ adds up", tone: "ok", about }
        : {
            name: "gap",
            before: "off by",
            strong: plain(progress.gap, decimalsOf(progress.gap, progress.gap)),
            after: chart.unit,
            tone: "warn",
            about,
          },
    );
  }
  return stats;
}

export interface Trust {
  readonly element: HTMLElement;
  update(data: TrustData): void;
}

export function createTrust({ document }: Place, ...more: readonly Element[]): Trust {
  const stats = element(document, "div", { class: "law-stats" });
  const setting = element(document, "span", { class: "law-setting" });
  const root = element(
    document,
    // No landmark: the host's page has its own.
    "div",
    { class: "law-trust", role: "group", "aria-label": "How far to trust these numbers" },
    stats,
    ...more,
    setting,
  );
  let shown = "";
  return {
    element: root,
    update(data) {
      const list = statsOf(data);
      const key = JSON.stringify(list);
      if (key !== shown) stats.replaceChildren(...list.map((stat) => statElement(document, stat)));
      shown = key;
      const { chart } = data;
      const made = chart ? `baseline: ${chart.baseline} · seed ${chart.settings.seed}` : "";
      if (setting.textContent !== made) setting.textContent = made;
      setAttributes(setting, { title: chart ? `Model: ${chart.model}` : null });
    },
  };
}

function statElement(document: Document, { name, before, strong, after, tone, about }: Stat): HTMLElement {
  const made = element(document, "span", { "data-stat": name, "data-tone": tone, title: about });
  const words = [before, strong ? element(document, "b", {}, strong) : "", after].filter(
    (part) => part !== undefined && part !== "",
  );
  for (const [index, part] of words.entries()) made.append(...(index > 0 ? [" "] : []), part as Node | string);
  return made;
}
