/** What the traits hold beside the newest run: the runs before it, their names, verdicts and pictures. */

import { fullMatrix, type Kept } from "../data/matrix";
import { buffersFrom, floats } from "../wire/decode";
import { decodeBeside, NUMBERS, type Record, type Beside as Wired } from "../wire/protocol";

/** comparing: the runs A and B. */
export interface Beside extends Omit<Wired, "records" | "comparing"> {
  readonly records: readonly Kept[];
  readonly comparing: readonly [number, number] | null;
}

/** Reads one of these traits: what of `Beside` it changes. */
export function readBeside(name: keyof Wired, value: unknown): Partial<Beside> {
  const { records, comparing } = decodeBeside.fields;
  switch (name) {
    case "records":
      return { records: records(value, name).map(keptOf) };
    case "comparing": {
      const [a, b] = comparing(value, name);
      return { comparing: a === undefined || b === undefined ? null : [a, b] };
    }
    default:
      return { [name]: decodeBeside.fields[name](value, name) };
  }
}

function keptOf({ chart, progress, ...buffers }: Record, index: number): Kept {
  const numbers = buffersFrom(NUMBERS, (name) => floats(buffers[name], `records[${index}]`));
  return { matrix: fullMatrix(chart, numbers), progress };
}
