/** The runs that are kept: shown again, named, or put beside the one on show. */

import type { Kept } from "../../data/matrix";
import { buttonOf, element, groupOf, listen, type Place, setText, spanOf } from "../../style/dom";
import { count } from "../../style/format";
import type { RunName } from "../../wire/protocol";
import { createPopover } from "../bar/popover";

export interface RunsData {
  readonly runs: readonly Kept[];
  readonly names: readonly RunName[];
  /** Number of the run on show. */
  readonly shown: number | null;
}

export interface RunsActions {
  show(run: number): void;
  rename(run: number, name: string): void;
  /** With the run on show. */
  compare(run: number): void;
}

export interface Runs {
  readonly element: HTMLElement;
  update(data: RunsData): void;
}

export function nameOf(names: readonly RunName[], run: number): string {
  return names.find((entry) => entry.run === run)?.name ?? `Run ${run}`;
}

export function createRuns(place: Place, actions: RunsActions): Runs {
  const { document } = place;
  const panel = groupOf(document, "popover law-runs", "Runs");
  const { element: root, button, open } = createPopover(place, "Runs", panel);
  // The notebook must not take what is typed here for its own shortcuts.
  listen(root, "keydown", (event) => event.stopPropagation());
  let drawn = "";
  return {
    element: root,
    update(data) {
      root.hidden = data.runs.length === 0;
      setText(button, data.runs.length > 1 ? `Runs ${data.runs.length}` : "Runs");
      const key = JSON.stringify([
        data.names,
        data.shown,
        data.runs.map(({ matrix, progress }) => [matrix.chart.run, progress.calls]),
      ]);
      if (key === drawn || panel.contains(panel.ownerDocument.activeElement)) return;
      drawn = key;
      panel.replaceChildren(
        ...data.runs.toReversed().map((kept) => line(document, kept, data, actions, () => open(false))),
      );
    },
  };
}

function line(
  document: Document,
  { matrix, progress }: Kept,
  data: RunsData,
  actions: RunsActions,
  close: () => void,
): HTMLElement {
  const { chart } = matrix;
  const name = nameOf(data.names, chart.run);
  const on = chart.run === data.shown;
  const act = (text: string, label: string, then: () => void) => {
    const made = buttonOf(document, "link", text, { "aria-label": label });
    listen(made, "click", () => {
      close();
      then();
    });
    return made;
  };
  const input = element(document, "input", { value: name, "aria-label": `Name of run ${chart.run}` });
  listen(input, "change", () => actions.rename(chart.run, input.value.trim() || `Run ${chart.run}`));
  const about = `${chart.label} · ${count(progress.calls)} calls${progress.phase === "stopped" ? ", stopped" : ""}`;
  const buttons = on
    ? [element(document, "span", {}, "on show")]
    : [
        act("Show", `Show ${name}`, () => actions.show(chart.run)),
        act("Compare", `Compare ${name} with the run on show`, () => actions.compare(chart.run)),
      ];
  return element(
    document,
    "div",
    { class: "law-kept", "data-run": chart.run, "data-on": on },
    input,
    spanOf(document, "acts", ...buttons),
    element(document, "small", {}, about),
  );
}
