/** The strip below: how much was computed, and in the kernel's words how far the numbers can be trusted. */

import { saidOf } from "../../data/certainty";
import type { Waiting } from "../../session/session";
import { boxOf, element, groupOf, type Place, setAttributes, setText, spanOf } from "../../style/dom";
import { count, duration, rate } from "../../style/format";
import type { Chart, Phase, Progress } from "../../wire/protocol";

export interface TrustData {
  readonly chart: Chart | null;
  readonly progress: Progress | null;
  readonly phase: Phase;
  readonly waiting: Waiting;
}

/** One figure: words in grey, `strong` in the text colour. */
export interface Stat {
  readonly name: string;
  readonly before?: string;
  readonly strong: string;
  readonly after?: string;
  readonly about?: string;
}

export function statsOf({ progress, phase, waiting }: TrustData): readonly Stat[] {
  if (waiting === "run") return [{ name: "message", strong: "Starting…" }];
  if (!progress || progress.phase === "idle")
    return [{ name: "message", strong: "", after: "Nothing has been run yet" }];
  const stats: Stat[] = [];
  const running = phase === "running";
  const strong = { paused: "Paused", stopped: "Stopped", failed: "Failed" }[phase as string];
  if (strong) stats.push({ name: "phase", strong });
  if (running && progress.message) stats.push({ name: "message", strong: "", after: progress.message });
  const planned = progress.planned > 0 && progress.calls !== progress.planned ? `/ ${count(progress.planned)}` : "";
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
  return stats;
}

export interface Trust {
  readonly element: HTMLElement;
  update(data: TrustData): void;
}

export function createTrust({ document }: Place, ...more: readonly Element[]): Trust {
  const stats = boxOf(document, "stats");
  const said = element(document, "p", { class: "law-said", "data-stat": "said" });
  const setting = spanOf(document, "setting");
  const root = groupOf(document, "trust", "How far to trust these numbers", stats, ...more, setting, said);
  let shown = "";
  return {
    element: root,
    update(data) {
      const list = statsOf(data);
      const key = JSON.stringify(list);
      if (key !== shown) stats.replaceChildren(...list.map((stat) => statElement(document, stat)));
      shown = key;
      const { chart, progress } = data;
      const words = chart && saidOf(chart.run, progress);
      said.hidden = !words;
      setText(said, words?.sentence ?? "");
      setAttributes(said, { "data-tone": words?.sound ? "ok" : words?.doubts.length ? "warn" : null });
      const made = chart ? `baseline: ${chart.baseline} · seed ${chart.settings.seed}` : "";
      setText(setting, made);
      setAttributes(setting, { title: chart ? `Model: ${chart.model}` : null });
    },
  };
}

function statElement(document: Document, { name, before, strong, after, about }: Stat): HTMLElement {
  const made = element(document, "span", { "data-stat": name, title: about });
  const words = [before, strong ? element(document, "b", {}, strong) : "", after].filter(
    (part) => part !== undefined && part !== "",
  );
  for (const [index, part] of words.entries()) made.append(...(index > 0 ? [" "] : []), part as Node | string);
  return made;
}
