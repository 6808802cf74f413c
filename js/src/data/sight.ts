/** What is put together in a prompt and left out of view: of one prompt, whichever of its runs is looked at. */

import type { Chart, Sight } from "../wire/protocol";
import type { Kept } from "./matrix";
import { overlap, type Range } from "./sources";

/** The stretches alone. */
export type Stretches = Pick<Sight, "groups" | "hidden">;

export const WHOLE: Stretches = { groups: [], hidden: [] };

/** Whether both runs were about the same prompt, so that places in the one are places in the other. */
export function samePrompt({ settings: a }: Chart, { settings: b }: Chart): boolean {
  return a.prompt === b.prompt && JSON.stringify(a.texts) === JSON.stringify(b.texts);
}

/** How the prompt of a chart is looked at: as it was last said for any of the runs about it. */
export function sightOf(sights: readonly Sight[] | null, runs: readonly Kept[], chart: Chart): Stretches {
  return sights?.findLast((sight) => isAbout(sight, runs, chart)) ?? WHOLE;
}

/** All that is known, once the prompt of a chart is looked at like this. */
export function withSight(
  sights: readonly Sight[] | null,
  runs: readonly Kept[],
  chart: Chart,
  stretches: Stretches,
): readonly Sight[] {
  const others = (sights ?? []).filter((sight) => !isAbout(sight, runs, chart));
  const { groups, hidden } = stretches;
  return groups.length + hidden.length > 0 ? [...others, { run: chart.run, groups, hidden }] : others;
}

function isAbout({ run }: Sight, runs: readonly Kept[], chart: Chart): boolean {
  if (run === chart.run) return true;
  const other = runs.find(({ matrix }) => matrix.chart.run === run);
  return other !== undefined && samePrompt(other.matrix.chart, chart);
}

/** Puts a stretch of the prompt together; it swallows the groups that it touches. */
export function grouped(groups: readonly Range[], range: Range): readonly Range[] {
  const touched = groups.filter((other) => overlap(other, range));
  const whole = {
    start: Math.min(range.start, ...touched.map((other) => other.start)),
    end: Math.max(range.end, ...touched.map((other) => other.end)),
  };
  return [...groups.filter((other) => !touched.includes(other)), whole];
}
