/** One line above the matrix where what is shown is not simply what was run, and what to do about it. */

import { unitsAt } from "../../data/units";
import { buttonOf, element, listen, type Place, setText } from "../../style/dom";
import { namesOf } from "../../wire/decode";
import { type Chart, type Choices, GRANULARITIES, type Granularity, type Settings } from "../../wire/protocol";

export interface NoticeData {
  readonly chart: Chart;
  readonly settings: Settings;
  readonly choices: Choices;
  readonly added: boolean;
  readonly busy: boolean;
}

export interface Notice {
  readonly text: string;
  /** What a new run would be called; empty: none is offered. */
  readonly rerun: string;
}

/** Another text is told elsewhere, and what is locked before all else that changed. */
const TEXTS: readonly (keyof Settings)[] = ["prompt", "target", "against", "locked_stretches"];

/** What to say, or null. */
export function noticeOf({ chart, settings, choices, added, busy }: NoticeData): Notice | null {
  if (busy) return null;
  const ran = chart.settings;
  const label = chart.label;
  const level = settings.granularity;
  if (added) {
    const bound = chart.sampled ? " Errors are upper bounds." : "";
    const text = `Added up here: each ${unit(level, ran.granularity)}’s number is the sum of its ${ran.granularity}s’ ${label}s.${bound}`;
    return { text, rerun: level === ran.granularity ? "" : `Recompute by ${level}` };
  }
  if (level !== ran.granularity) {
    return { text: whyNot(chart, level), rerun: `Recompute by ${level}` };
  }
  if (ran.locked_stretches.join("\0") !== settings.locked_stretches.join("\0"))
    return { text: "What is locked is always present from the next run on.", rerun: "Run again" };
  const changed = namesOf(ran).filter((name) => !TEXTS.includes(name) && ran[name] !== settings[name]);
  if (changed.length === 0) return null;
  const method = choices.methods.find((choice) => choice.name === settings.method)?.label ?? settings.method;
  const what = changed.includes("method") ? `Run with ${method}` : "Run with the new settings";
  return { text: `Shown are the ${label}s of the last run.`, rerun: what };
}

/** Why the features that were run are not put together at this level. */
function whyNot({ label, adds_up, units, settings: { granularity: ran } }: Chart, level: Granularity): string {
  if (GRANULARITIES.indexOf(level) < GRANULARITIES.indexOf(ran))
    return `This was run by ${ran}, and a ${ran} can’t be split afterwards.`;
  if (!adds_up) return `${label}s of single ${ran}s don’t add up to that of a ${level}.`;
  return unitsAt(units, level)
    ? `Every ${level} is one ${ran} here.`
    : `Where a ${level} ends was not saved with this run.`;
}

function unit(level: string, ran: string): string {
  return level === ran ? "group" : level;
}

export interface NoticeView {
  readonly element: HTMLElement;
  update(notice: Notice | null): void;
}

export function createNotice({ document }: Place, run: () => void): NoticeView {
  const text = element(document, "span", {});
  const button = buttonOf(document, "link");
  listen(button, "click", run);
  const root = element(document, "div", { class: "law-notice", role: "status" }, text, button);
  return {
    element: root,
    update(notice) {
      root.hidden = notice === null;
      setText(text, notice?.text ?? "");
      setText(button, notice?.rerun ?? "");
      button.hidden = !notice?.rerun;
    },
  };
}
