/** One line above the matrix where what is shown is not simply what was run, and what to do about it. */

import { editOf } from "../../data/edit";
import { levelOf, unitsAt } from "../../data/units";
import { buttonOf, element, listen, type Place, setText } from "../../style/dom";
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
  /** Whether this is an edit, which can be taken back. */
  readonly edit: boolean;
}

/** Another text is told in the editor, and what is locked before all else that changed. */
const TEXTS: readonly (keyof Settings)[] = [
  "prompt",
  "texts",
  "target",
  "against",
  "locked_stretches",
  "locked_segments",
];

/** What to say, or null. */
export function noticeOf({ chart, settings, choices, added, busy }: NoticeData): Notice | null {
  if (busy) return null;
  const ran = chart.settings;
  const label = chart.label;
  const level = settings.granularity;
  if (added) {
    const bound = chart.sampled ? " Errors are upper bounds." : "";
    const text = `Added up here: each ${unit(level, ran.granularity)}’s number is the sum of its ${levelOf(chart)}s’ ${label}s.${bound}`;
    return { text, rerun: level === ran.granularity ? "" : `Recompute by ${level}`, edit: false };
  }
  if (level !== ran.granularity) {
    return { text: whyNot(chart, level), rerun: `Recompute by ${level}`, edit: false };
  }
  const changed = [...editOf(chart, settings).changed];
  const locks = changed.includes("locked_stretches") || changed.includes("locked_segments");
  if (locks && !changed.includes("prompt"))
    return { text: "What is locked is always present from the next run on.", rerun: "Run again", edit: true };
  if (changed.every((name) => TEXTS.includes(name))) return null;
  const method = choices.methods.find((choice) => choice.name === settings.method)?.label ?? settings.method;
  const what = changed.includes("method") ? `Run with ${method}` : "Run with the new settings";
  return { text: `Shown are the ${label}s of the last run.`, rerun: what, edit: true };
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

export interface NoticeActions {
  run(): void;
  /** Takes the edit under way back. */
  revert(): void;
}

export function createNotice({ document }: Place, actions: NoticeActions): NoticeView {
  const text = element(document, "span", {});
  const button = buttonOf(document, "link");
  const cancel = buttonOf(document, "link", "Cancel", { title: "Back to the settings of the run on show" });
  listen(button, "click", actions.run);
  listen(cancel, "click", actions.revert);
  const act = element(document, "span", {}, cancel, button);
  const root = element(document, "div", { class: "law-notice", role: "status" }, text, act);
  return {
    element: root,
    update(notice) {
      root.hidden = notice === null;
      setText(text, notice?.text ?? "");
      setText(button, notice?.rerun ?? "");
      button.hidden = !notice?.rerun;
      cancel.hidden = !notice?.edit || !notice.rerun;
    },
  };
}
