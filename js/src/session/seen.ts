/** The run on show and the edit under way: every view, and every page that is saved, takes both from here. */
import { type Comparison, comparison, type Side } from "../data/comparison";
import { type Edit, editOf } from "../data/edit";
import type { Kept } from "../data/matrix";
import { isBusy } from "../wire/phase";
import { onShow, runsOf } from "./runs";
import type { SessionState } from "./session";

/**
 * state: with the matrix, progress and phase of the run on show, and the settings of the next one. edit: what of these
 * is not the run's. comparison: of what, if two are on show.
 */
export interface Seen {
  readonly state: SessionState;
  readonly edit: Edit;
  readonly comparison: Comparison | null;
}

/** Remembers the last comparison, which is looked at for many frames, and which run was on show. */
export function createSeen(): (state: SessionState, side: Side) => Seen {
  let last: { a: Kept["matrix"]; b: Kept["matrix"]; made: Comparison } | null = null;
  let before: number | null = null;
  const compared = (a: Kept, b: Kept): Comparison => {
    if (last?.a !== a.matrix || last.b !== b.matrix) last = { a: a.matrix, b: b.matrix, made: comparison(a, b) };
    return last.made;
  };
  return (state, side) => {
    const find = (run: number | undefined) => runsOf(state).find(({ matrix }) => matrix.chart.run === run);
    const [a, b] = [find(state.comparing?.[0]), find(state.comparing?.[1])];
    const two = a && b ? compared(a, b) : null;
    const kept = two ? two[side] : onShow(state, before);
    const shown = looking(state, kept);
    const chart = shown.matrix?.chart ?? null;
    if (!two) before = chart?.run ?? null;
    // Where nothing can be edited, what is on show has its own settings; the level at which it is shown stays.
    const own = chart && (two || state.absent) ? { ...chart.settings, granularity: state.settings.granularity } : null;
    const settings = own ?? state.settings;
    return { state: { ...shown, settings }, edit: editOf(own ? null : chart, settings), comparison: two };
  };
}

function looking(state: SessionState, kept: Kept | null): SessionState {
  if (!kept) return state;
  const { matrix, progress } = kept;
  const newest = progress.run === state.progress?.run;
  // While the newest run has no numbers of its own, it is its progress that is told.
  if (!newest && state.on_show === null && isBusy(state.phase)) return { ...state, matrix };
  return { ...state, matrix, progress, phase: newest ? state.phase : progress.phase };
}
