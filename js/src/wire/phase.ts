/** What a run is doing. */
import type { Phase } from "./protocol";

export function isOver(phase: Phase): boolean {
  return phase === "finished" || phase === "stopped" || phase === "failed";
}

/** A run is in progress, at work or on hold. */
export function isBusy(phase: Phase): boolean {
  return phase === "running" || phase === "paused";
}
