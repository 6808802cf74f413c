/** Which run is looked at: the newest, an older one, or two compared. */
import { type Comparison, comparison, type Side } from "../data/comparison";
import type { Kept } from "../data/matrix";
import type { SessionState } from "./session";

/** state: with the matrix, progress and settings of what is looked at. comparison: of what, if two are. */
export interface Seen {
  readonly state: SessionState;
  readonly comparison: Comparison | null;
}

/** All runs that can be shown, oldest first. */
export function runsOf({ records, matrix, progress }: SessionState): readonly Kept[] {
  const newest = matrix && progress && progress.run === matrix.chart.run ? [{ matrix, progress }] : [];
  return [...records.filter((kept) => kept.matrix.chart.run !== matrix?.chart.run), ...newest];
}

/** Remembers the last comparison, which is looked at for many frames. */
export function createSeen(): (state: SessionState, run: number | null, side: Side) => Seen {
  let last: { a: Kept["matrix"]; b: Kept["matrix"]; made: Comparison } | null = null;
  const compared = (a: Kept, b: Kept): Comparison => {
    if (last?.a !== a.matrix || last.b !== b.matrix) last = { a: a.matrix, b: b.matrix, made: comparison(a, b) };
    return last.made;
  };
  return (state, run, side) => {
    const runs = runsOf(state);
    const find = (number: number | null) => runs.find(({ matrix }) => matrix.chart.run === number) ?? null;
    const [a, b] = [find(state.comparing?.[0] ?? null), find(state.comparing?.[1] ?? null)];
    if (a && b) {
      const made = compared(a, b);
      return { state: looking(state, made[side]), comparison: made };
    }
    const kept = run === state.matrix?.chart.run ? null : find(run);
    return { state: kept ? { ...state, ...kept, phase: kept.progress.phase } : state, comparison: null };
  };
}

/** Compared runs are shown with their own texts, whatever stands in the editor. */
function looking(state: SessionState, { matrix, progress }: Kept): SessionState {
  const settings = { ...matrix.chart.settings, granularity: state.settings.granularity };
  return { ...state, matrix, progress, settings, phase: progress.phase };
}
