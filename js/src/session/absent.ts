/** What can be shown where no kernel answers: nothing is under way there, and nothing can be run or asked. */
import { isBusy } from "../wire/phase";
import type { SessionState } from "./session";

/** The state as it is; without a kernel, that of a saved picture. */
export function withoutKernel(state: SessionState): SessionState {
  if (!state.absent) return state;
  return { ...state, has_model: false, phase: isBusy(state.phase) ? "stopped" : state.phase };
}
