/** What the traits say of the newest run: what it is made from, and how it ended. */

import type { Buffers } from "../data/matrix";
import { DecodeError, decodeChart, decodePhase, decodeProgress, decodeSettings, floats } from "../wire/decode";
import type { Phase } from "../wire/phase";
import type { Chart, Progress, Settings, State } from "../wire/protocol";
import { SETTINGS } from "./saved";

type Get = <K extends keyof State>(name: K) => State[K];

export interface Ending {
  readonly phase: Phase;
  readonly progress: Progress | null;
  readonly chart: Chart | null;
  /** Decoded when they are wanted: while a run is busy they are another's. */
  buffers(): Buffers;
}

export function readSettings(get: Get): Settings {
  return decodeSettings(Object.fromEntries(SETTINGS.map((name) => [name, get(name)])), "settings");
}

export function readEnding(get: Get): Ending {
  return {
    phase: decodePhase(get("status"), "status"),
    progress: optional(get("progress"), (value) => decodeProgress(value, "progress")),
    chart: optional(get("chart"), (value) => decodeChart(value, "chart")),
    buffers: () =>
      fiveOf(
        (["values", "errors", "ends", "sequence", "sequence_errors"] as const).map((name) => floats(get(name), name)),
      ),
  };
}

/** Throws DecodeError unless they are a matrix's five. */
export function fiveOf(buffers: readonly Float32Array[]): Buffers {
  const [values, errors, ends, sequence, sequenceErrors, ...rest] = buffers;
  if (!values || !errors || !ends || !sequence || !sequenceErrors || rest.length > 0)
    throw new DecodeError("frame", "5 buffers", buffers.length);
  return [values, errors, ends, sequence, sequenceErrors];
}

function optional<T>(value: unknown, decode: (value: unknown) => T): T | null {
  return value === null || value === undefined ? null : decode(value);
}
