/** How sure a number is, in the kernel's words: nothing is judged here. */
import { plain } from "../style/format";
import { type Progress, UNKNOWN_ERROR } from "../wire/protocol";
import type { Table } from "./table";

/** What the numbers are, for a legend: unknown is not exact. */
export function nameOf({ chart, errors }: Table): string {
  return `${chart.label}${errors.every(Number.isFinite) ? "" : ` (${UNKNOWN_ERROR})`}, ${chart.unit}`;
}

/** What of a standard error there is to say beside its number: unknown is not exact. `progress`: of the number's run. */
export function certaintyOf(error: number, progress: Progress | null, added = false): string {
  if (Number.isNaN(error)) return UNKNOWN_ERROR;
  if (error > 0) return added ? "± an upper bound of one standard error" : "± one standard error";
  return progress?.said?.unspread ?? "";
}

/** What follows a number: " ± 0.09"; nothing where its error is zero or unknown, which is told by `certaintyOf`. */
export function spreadOf(error: number, decimals: number): string {
  return error > 0 ? ` ± ${plain(error, decimals)}` : "";
}

/** What the kernel says of a run's numbers; null where this is the progress of another run. */
export function saidOf(run: number, progress: Progress | null): Progress["said"] {
  return progress?.run === run ? progress.said : null;
}
