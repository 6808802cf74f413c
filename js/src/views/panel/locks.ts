/** Below the prompt: what can be done with the part that was pinned last, what is locked, what is out of view. */

import { lockedParts } from "../../data/locks";
import type { Shown } from "../../data/shown";
import { overlap, type Range } from "../../data/sources";
import { lineAt } from "../../data/table";
import { boxOf, element, type Place, toolButton } from "../../style/dom";
import { featureLabel, shorten, signed } from "../../style/format";
import type { Settings } from "../../wire/protocol";

export interface LocksData {
  readonly shown: Shown;
  /** Of the next run; see `Settings`. */
  readonly locked: readonly string[];
  readonly segments?: readonly string[];
  /** The part of the prompt that was pinned last. */
  readonly pinned: Range | null;
  readonly has_model: boolean;
}

export interface LocksActions {
  edit(patch: Partial<Settings>): void;
  lock(ranges: readonly Range[], on: boolean): void;
  hide(ranges: readonly Range[]): void;
  showAll(): void;
}

export interface Locks {
  readonly element: HTMLElement;
  update(data: LocksData): void;
}

export function createLocks({ document }: Place, actions: LocksActions): Locks {
  const root = boxOf(document, "locks");
  let written = "";
  const line = (...content: readonly (Node | string)[]) => element(document, "div", {}, ...content);
  const named = (text: string) => element(document, "bdi", {}, shorten(featureLabel(text), 24));
  return {
    element: root,
    update({ shown, locked, segments = [], pinned, has_model }) {
      const { table, hidden, matrix } = shown;
      const parts = lockedParts(matrix.chart, locked);
      const chosen = pinned && table.columns[lineAt(table.columns, pinned)];
      const mass = hidden > 0 ? massOutOfView(shown) : null;
      const key = JSON.stringify([parts, segments, chosen?.ranges, hidden, mass, has_model]);
      if (key === written) return;
      written = key;
      // The focus stays here, though its button is made anew.
      const focused = root.contains(document.activeElement);
      root.replaceChildren(
        ...(chosen ? [line(named(chosen.text), ...toolsFor(chosen.ranges))] : []),
        ...(has_model && parts.length + segments.length > 0
          ? [line("Always present: ", ...parts.map(unlocking), ...segments.map(freeing))]
          : []),
        ...(hidden > 0 ? [line(outOfView(hidden, mass, matrix.chart.unit), showing())] : []),
      );
      if (focused) root.querySelector("button")?.focus();
      function toolsFor(ranges: readonly Range[]): readonly HTMLElement[] {
        const hide = toolButton(document, "Hide", "Hide: leave this part out of the view", () => actions.hide(ranges));
        const free = ranges.every(({ start, end }) =>
          start < 0
            ? !segments.includes(matrix.chart.features[-start - 1] ?? "")
            : !parts.some(({ range }) => overlap(range, { start, end })),
        );
        const lock = () => actions.lock(ranges, true);
        return has_model && free
          ? [toolButton(document, "Lock", "Lock: this part is always present from the next run on", lock), hide]
          : [hide];
      }
    },
  };

  function unlocking({ text, range }: { readonly text: string; readonly range: Range }): HTMLElement {
    const name = featureLabel(text);
    return toolButton(document, `${shorten(name, 24)} ×`, `Unlock ${name}`, () => actions.lock([range], false));
  }

  /** A segment of the image that is locked is no feature any more: it has its name. */
  function freeing(name: string, _: number, all: readonly string[]): HTMLElement {
    const others = all.filter((other) => other !== name);
    return toolButton(document, `${shorten(name, 24)} ×`, `Unlock ${name}`, () =>
      actions.edit({ locked_segments: others.length > 0 ? others : null }),
    );
  }

  function showing(): HTMLElement {
    return toolButton(document, "Show all", "Show what is out of view", () => actions.showAll());
  }
}

function outOfView(count: number, mass: number | null, unit: string): string {
  const sum = mass === null ? "" : `, together ${signed(mass, 2)} ${unit}`;
  return `${count} out of view${sum}`;
}

/** What the features that are left out of the view have of the whole answer; null where they can't be added up. */
export function massOutOfView({ matrix, axes }: Shown): number | null {
  if (!matrix.chart.adds_up) return null;
  const seen = new Set(axes.columns.flatMap(({ members }) => members));
  return matrix.sequence.reduce((sum, value, feature) => (seen.has(feature) ? sum : sum + value), 0);
}
