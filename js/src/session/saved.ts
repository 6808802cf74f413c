/** What a page of its own keeps of the traits. */

import type { Matrix } from "../data/matrix";
import { pageOf } from "../export/page";
import { namesOf } from "../wire/decode";
import { isBusy } from "../wire/phase";
import { NUMBERS, type Progress, type State } from "../wire/protocol";
import { BESIDE, ENDING, SETTINGS } from "./traits";

/** The page of what is on display; `get` reads a trait, also anywidget's own (`_esm`, `_css`). */
export function savedPage(
  get: (name: string) => unknown,
  { matrix, progress }: { readonly matrix: Matrix | null; readonly progress: Progress | null },
): string {
  const names = [...SETTINGS, ...ENDING, ...BESIDE];
  const traits = Object.fromEntries(names.map((name) => [name, get(name)]));
  const state = { ...traits, ...(matrix && progress ? endedState(matrix, progress) : {}) };
  return pageOf(matrix?.chart.label ?? "Attribution", String(get("_esm")), String(get("_css")), state);
}

/** The traits of a result as if its run had ended now: there is no kernel that could go on. */
function endedState(matrix: Matrix, progress: Progress): Partial<Record<keyof State, unknown>> {
  const phase = isBusy(progress.phase) ? "stopped" : progress.phase;
  const numbers = Object.fromEntries(namesOf(NUMBERS).map((name) => [name, matrix[name]]));
  return { ...numbers, status: phase, chart: matrix.chart, progress: { ...progress, phase } };
}
