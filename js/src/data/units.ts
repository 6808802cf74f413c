/** Units of text (words, sentences …), as the kernel cut them: nothing is cut here. */
import type { Chart, Granularity, Units } from "../wire/protocol";

/** For each feature the number of its unit at this level; null: this chart has no such level. */
export function unitsAt(units: readonly Units[] | null, level: Granularity): readonly number[] | null {
  return units?.find((entry) => entry.level === level)?.of ?? null;
}

/** Whether the view can show a chart at this level: as it was run, or put together. */
export function offers({ settings, units }: Chart, level: Granularity): boolean {
  return level === settings.granularity || unitsAt(units, level) !== null;
}

/** What one feature is called. */
export function levelOf({ level, settings }: Chart): string {
  const own = level ?? settings.granularity;
  return /^\w+$/.test(own) ? own : "as given";
}

/** Members of every unit, in reading order. */
export function membersOf(of: readonly number[]): readonly (readonly number[])[] {
  const members: number[][] = [];
  of.forEach((unit, at) => {
    members[unit] ??= [];
    members[unit].push(at);
  });
  return members;
}
