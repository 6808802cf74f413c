/** The edit under way: what stands in the editor and the controls and was not run yet. The run on show keeps its own. */

import { namesOf } from "../wire/decode";
import type { Chart, Settings } from "../wire/protocol";

/** What the editor changes; its places and the kind of value follow from the texts. */
const TEXTS = ["prompt", "texts", "target", "against"] as const;

/** changed: settings that the run on show was not made from. texts: whether prompt or answers are among them. */
export interface Edit {
  readonly changed: ReadonlySet<keyof Settings>;
  readonly texts: boolean;
}

/** What the next run would have other than the run on show; nothing while none is on show. */
export function editOf(chart: Chart | null, now: Settings): Edit {
  const names = chart ? namesOf(chart.settings).filter((name) => !holds(chart, now, name)) : [];
  const changed = new Set<keyof Settings>(names);
  return { changed, texts: TEXTS.some((name) => changed.has(name)) };
}

/** An answer that the model wrote for a run is that run's, whether or not it is given now. */
function holds({ settings, target }: Chart, now: Settings, name: keyof Settings): boolean {
  const same = JSON.stringify(settings[name]) === JSON.stringify(now[name]);
  return same || (name === "target" && now.target === target);
}

/** What takes an edit of the texts back, with all that followed from it. */
export function textsOf({ settings }: Chart): Partial<Settings> {
  const { prompt, texts, locked_stretches, locked_segments, target, against, value } = settings;
  return { prompt, texts, locked_stretches, locked_segments, target, against, value };
}
