/** The runs that can be shown, and which of them is on show. */
import type { Kept, Matrix } from "../data/matrix";
import { isBusy } from "../wire/phase";
import type { Phase, Progress } from "../wire/protocol";

/** What of a session says so. */
export interface Runs {
  readonly records: readonly Kept[];
  readonly matrix: Matrix | null;
  readonly progress: Progress | null;
  readonly phase: Phase;
  readonly on_show: number | null;
}

/** All runs that can be shown, oldest first. */
export function runsOf({ records, matrix, progress }: Pick<Runs, "records" | "matrix" | "progress">): readonly Kept[] {
  const newest = matrix && progress && progress.run === matrix.chart.run ? [{ matrix, progress }] : [];
  return [...records.filter((kept) => kept.matrix.chart.run !== matrix?.chart.run || newest.length === 0), ...newest];
}

/** The run that was chosen to be looked at, else the newest that has numbers, else `before`, for a while. */
export function onShow(state: Runs, before: number | null = null): Kept | null {
  const runs = runsOf(state);
  const find = (run: number | null) => runs.find(({ matrix }) => matrix.chart.run === run);
  // A run that has no numbers yet leaves what was looked at on show.
  const waits = isBusy(state.phase) && state.progress?.run !== state.matrix?.chart.run;
  return find(state.on_show) ?? (waits ? find(before) : undefined) ?? runs.at(-1) ?? null;
}
