/** Results as Python's own encoder sends them: tests/widget/test_said.py writes the file and holds it to what is sent. */
import { readFileSync } from "node:fs";
import type { Kept } from "../src/data/matrix";
import { fullMatrix } from "../src/data/matrix";
import { type Shown, shownFrom } from "../src/data/shown";
import { buffersFrom, floats } from "../src/wire/decode";
import { type Chart, NUMBERS, type Progress, type Record } from "../src/wire/protocol";

export const CASES = ["unknown", "exact", "sampled", "stopped", "running", "gap"] as const;
export type Case = (typeof CASES)[number];

interface Sent {
  readonly chart: Chart;
  readonly progress: Progress;
  readonly numbers: { readonly [name in keyof typeof NUMBERS]: readonly (number | null)[] };
}

// From js/, where tests run: in a page's environment a module has no address of its own.
const sent: { readonly [name in Case]: Sent } = JSON.parse(readFileSync("../tests/widget/said.json", "utf8"));

export function keptOf(name: Case): Kept {
  const { chart, progress, numbers } = sent[name];
  const read = (of: keyof typeof NUMBERS) => Float32Array.from(numbers[of], (value) => value ?? Number.NaN);
  return { progress, matrix: fullMatrix(chart, buffersFrom(NUMBERS, read)) };
}

/** A record of the traits, read. */
export function keptFrom({ chart, progress, ...numbers }: Record): Kept {
  return {
    progress,
    matrix: fullMatrix(
      chart,
      buffersFrom(NUMBERS, (name) => floats(numbers[name], name)),
    ),
  };
}

export function shownOf(name: Case): Shown {
  const look = { level: "token", groups: [], hidden: [], span: [], scale: "whole", streaming: false } as const;
  return shownFrom(null, keptOf(name).matrix, look);
}
