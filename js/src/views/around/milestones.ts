/** A run in a few words, for screen readers: that it began, that half is done, how it ended. */

import { saidOf } from "../../data/certainty";
import type { Shown } from "../../data/shown";
import { element, setText } from "../../style/dom";
import { count, decimalsOf, featureLabel, signed } from "../../style/format";
import type { Phase, Progress } from "../../wire/protocol";
import { largestCells } from "../matrix/list";
import type { MakeView } from "../view";

export interface MilestonesData {
  readonly shown: Shown;
  readonly progress: Progress | null;
  readonly phase: Phase;
}

/** What to say now; it changes only at milestones, so that a polite reader isn't flooded. */
export function milestoneOf({ shown, progress, phase }: MilestonesData): string {
  if (!progress) return "";
  if (phase === "running")
    return progress.planned > 0 && progress.calls * 2 >= progress.planned
      ? "Half of the calls are done."
      : "The run began.";
  const how = { finished: "Finished", stopped: "Stopped", failed: "Failed" }[phase as string];
  if (!how) return "";
  const said = saidOf(shown.matrix.chart.run, progress)?.sentence ?? "";
  return `${how} after ${count(progress.calls)} calls. ${strongest(shown)} ${said}`.trim();
}

function strongest({ table }: Shown): string {
  const [cell] = largestCells(table, 1);
  if (!cell) return "";
  const [feature, output] = [table.columns[cell.column], table.rows[cell.row]];
  const number = `${signed(cell.value, decimalsOf(cell.value, cell.error))} ${table.chart.unit}`;
  return `Largest: ${featureLabel(feature?.text ?? "")} → ${featureLabel(output?.text ?? "")}, ${number}.`;
}

export const createMilestones: MakeView = ({ document }) => {
  const root = element(document, "div", { class: "law-hidden law-milestones", role: "status", "aria-live": "polite" });
  let before: Phase | null = null;
  return {
    element: root,
    update({ shown, state: { progress, phase } }) {
      if (!shown) return;
      const ended = phase !== "running";
      // The end is told once: the strongest cell of a long matrix isn't looked for at every hover.
      if (ended && phase === before) return;
      before = phase;
      setText(root, milestoneOf({ shown, progress, phase }));
    },
  };
};
