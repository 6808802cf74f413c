/** What the traits say of the newest run: what it is made from, and how it ended. */

import type { Numbers } from "../data/matrix";
import { buffersFrom, floats, namesOf } from "../wire/decode";
import {
  type Chart,
  decodeBeside,
  decodeEnding,
  decodeSettings,
  NUMBERS,
  type Phase,
  type Progress,
  type Settings,
} from "../wire/protocol";

export const SETTINGS = namesOf(decodeSettings.fields);
export const ENDING = namesOf(decodeEnding.fields);
export const BESIDE = namesOf(decodeBeside.fields);

type Get = (name: string) => unknown;

export interface Ending {
  readonly phase: Phase;
  readonly made_at: string;
  readonly progress: Progress | null;
  readonly chart: Chart | null;
  /** Decoded when they are wanted: while a run is busy they are another's. */
  numbers(): Numbers;
}

export function readSettings(get: Get): Settings {
  const names = [...SETTINGS, ...Object.values(decodeSettings.formerly)];
  return decodeSettings(Object.fromEntries(names.map((name) => [name, get(name)])), "settings");
}

export function readEnding(get: Get): Ending {
  const { status, made_at, progress, chart } = decodeEnding.fields;
  return {
    phase: status(get("status"), "status"),
    made_at: made_at(get("made_at"), "made_at"),
    progress: progress(get("progress"), "progress"),
    chart: chart(get("chart"), "chart"),
    numbers: () => buffersFrom(NUMBERS, (name) => floats(get(name), name)),
  };
}
