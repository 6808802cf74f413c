/** What the traits hold beside the newest run: the runs before it, their names, verdicts and pictures. */

import { type Buffers, fullMatrix, type Kept } from "../data/matrix";
import {
  decodeChecks,
  decodeComparing,
  decodeHasModel,
  decodeNames,
  decodePictures,
  decodeRecords,
  floats,
} from "../wire/decode";
import type { Picture, RunName, State, Verdict } from "../wire/protocol";

/** comparing: the runs A and B. hasModel: new runs can be made. */
export interface Beside {
  readonly hasModel: boolean;
  readonly records: readonly Kept[];
  readonly names: readonly RunName[];
  readonly comparing: readonly [number, number] | null;
  readonly checks: readonly Verdict[];
  readonly pictures: readonly Picture[];
}

export const BESIDE = ["has_model", "records", "names", "comparing", "checks", "pictures"] as const;
type Name = (typeof BESIDE)[number];

/** Reads one of these traits: what of `Beside` it changes. */
export function readBeside(name: Name, get: (name: Name) => State[Name]): Partial<Beside> {
  const value: unknown = get(name);
  switch (name) {
    case "has_model":
      return { hasModel: decodeHasModel(value, name) };
    case "records":
      return { records: decodeRecords(value, name).map(keptOf) };
    case "names":
      return { names: decodeNames(value, name) };
    case "comparing": {
      const [a, b] = decodeComparing(value, name);
      return { comparing: a === undefined || b === undefined ? null : [a, b] };
    }
    case "checks":
      return { checks: decodeChecks(value, name) };
    case "pictures":
      return { pictures: decodePictures(value, name) };
  }
}

export const NOTHING_BESIDE: Beside = {
  hasModel: true,
  records: [],
  names: [],
  comparing: null,
  checks: [],
  pictures: [],
};

function keptOf(record: State["records"][number], index: number): Kept {
  const at = `records[${index}]`;
  const { values, errors, ends, sequence, sequence_errors } = record;
  const read = (part: DataView) => floats(part, at);
  const buffers: Buffers = [read(values), read(errors), read(ends), read(sequence), read(sequence_errors)];
  return { matrix: fullMatrix(record.chart, buffers), progress: record.progress };
}
