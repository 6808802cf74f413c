/** Which traits there are, and what a page of its own keeps of them. */

import type { Matrix } from "../data/matrix";
import { pageOf } from "../export/page";
import type { Progress, State } from "../wire/protocol";
import { BESIDE } from "./kept";

export const SETTINGS = [
  "prompt",
  "target",
  "against",
  "method",
  "granularity",
  "value",
  "budget",
  "trials",
  "seed",
  "locked",
] as const;
export const RESULT = [
  "status",
  "chart",
  "progress",
  "values",
  "errors",
  "ends",
  "sequence",
  "sequence_errors",
] as const;

/** The page of what is on display; `get` reads a trait, also anywidget's own (`_esm`, `_css`). */
export function savedPage(
  get: (name: string) => unknown,
  { matrix, progress }: { readonly matrix: Matrix | null; readonly progress: Progress | null },
): string {
  const names = [...SETTINGS, ...RESULT, ...BESIDE, "choices"];
  const traits = Object.fromEntries(names.map((name) => [name, get(name)]));
  const state = { ...traits, ...(matrix && progress ? endedState(matrix, progress) : {}) };
  return pageOf(matrix?.chart.label ?? "Attribution", String(get("_esm")), String(get("_css")), state);
}

/** The traits of a result as if its run had ended now: there is no kernel that could go on. */
function endedState(matrix: Matrix, progress: Progress): Partial<Record<keyof State, unknown>> {
  const phase = progress.phase === "running" || progress.phase === "paused" ? "stopped" : progress.phase;
  const { chart, values, errors, ends, sequence, sequenceErrors } = matrix;
  return {
    status: phase,
    chart,
    progress: { ...progress, phase },
    values,
    errors,
    ends,
    sequence,
    sequence_errors: sequenceErrors,
  };
}
