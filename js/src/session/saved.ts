/** What a page of its own keeps of the traits. */

import type { Kept, Matrix } from "../data/matrix";
import { pageOf } from "../export/page";
import { namesOf } from "../wire/decode";
import { isBusy } from "../wire/phase";
import { NUMBERS, type Progress, type Settings, type State } from "../wire/protocol";
import { onShow, type Runs } from "./runs";
import { BESIDE, ENDING, SETTINGS } from "./traits";

interface Session extends Runs {
  readonly settings: Settings;
}

/** The page of what is on display; `get` reads a trait, also anywidget's own (`_esm`, `_css`). */
export function savedPage(get: (name: string) => unknown, session: Session): string {
  const names = [...SETTINGS, ...ENDING, ...BESIDE];
  const traits = Object.fromEntries(names.map((name) => [name, get(name)]));
  const { matrix, progress } = session;
  const shown = onShow(session);
  const ended = matrix && progress ? endedState(matrix, progress) : {};
  const state = { ...traits, ...ended, ...(shown && settingsOf(shown, session)) };
  return pageOf(shown?.matrix.chart.label ?? "Attribution", String(get("_esm")), String(get("_css")), state);
}

/** An edit that was not run is none of the page's: nothing can be run there. The level is that of the view. */
function settingsOf({ matrix }: Kept, { settings }: Session): Partial<State> {
  return { ...matrix.chart.settings, granularity: settings.granularity };
}

/** The traits of a result as if its run had ended now: there is no kernel that could go on. */
function endedState(matrix: Matrix, progress: Progress): Partial<Record<keyof State, unknown>> {
  const phase = isBusy(progress.phase) ? "stopped" : progress.phase;
  const numbers = Object.fromEntries(namesOf(NUMBERS).map((name) => [name, matrix[name]]));
  return { ...numbers, status: phase, chart: matrix.chart, progress: { ...progress, phase } };
}
