/** What can be shown where no kernel answers: nothing is under way there, and nothing can be run or asked. */
import { isBusy } from "../wire/phase";
import type { SessionState } from "./session";

/** The state as it is; without a kernel, that of a saved picture: its last numbers, with their own settings. */
export function withoutKernel(state: SessionState): SessionState {
  if (!state.absent) return state;
  const { matrix = null, progress = null } = state.matrix ? state : (state.records.at(-1) ?? {});
  const { granularity } = state.settings;
  return {
    ...state,
    matrix,
    progress,
    has_model: false,
    settings: matrix ? { ...matrix.chart.settings, granularity } : state.settings,
    phase: isBusy(state.phase) ? "stopped" : state.phase,
  };
}
