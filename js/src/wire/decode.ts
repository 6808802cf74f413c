/** What comes over the wire, checked once: unknown → the types of protocol.ts, or a DecodeError that says where. */
import type {
  Chart,
  Choice,
  Choices,
  CurvePoint,
  Event,
  Failed,
  Frame,
  Generated,
  Picture,
  PieceText,
  Progress,
  RunName,
  Record as RunRecord,
  Settings,
  Verdict,
  WhatIfAnswer,
} from "./protocol";

/** The kernel sent something else than protocol.ts promises. */
export class DecodeError extends Error {
  constructor(where: string, expected: string, value: unknown) {
    super(`${where}: expected ${expected}, got ${JSON.stringify(value)?.slice(0, 80)}`);
    this.name = "DecodeError";
  }
}

type Decoder<T> = (value: unknown, where: string) => T;

const string: Decoder<string> = (value, where) => {
  if (typeof value !== "string") throw new DecodeError(where, "a string", value);
  return value;
};

const number: Decoder<number> = (value, where) => {
  if (typeof value !== "number") throw new DecodeError(where, "a number", value);
  return value;
};

const boolean: Decoder<boolean> = (value, where) => {
  if (typeof value !== "boolean") throw new DecodeError(where, "true or false", value);
  return value;
};

const nullable =
  <T>(inner: Decoder<T>): Decoder<T | null> =>
  (value, where) =>
    value === null || value === undefined ? null : inner(value, where);

const list =
  <T>(inner: Decoder<T>): Decoder<readonly T[]> =>
  (value, where) => {
    if (!Array.isArray(value)) throw new DecodeError(where, "a list", value);
    return value.map((item, index) => inner(item, `${where}[${index}]`));
  };

const oneOf =
  <const T extends string>(...names: readonly T[]): Decoder<T> =>
  (value, where) => {
    const found = names.find((name) => name === value);
    if (found === undefined) throw new DecodeError(where, names.join(" or "), value);
    return found;
  };

/** Every field of T must have a decoder, so a field added to the protocol fails to compile here. */
const record =
  <T extends object>(fields: { readonly [K in keyof T]-?: Decoder<T[K]> }): Decoder<T> =>
  (value, where) => {
    if (typeof value !== "object" || value === null) throw new DecodeError(where, "an object", value);
    const source = value as Record<string, unknown>;
    const entries = Object.entries<Decoder<unknown>>(fields).map(([name, decoder]) => [
      name,
      decoder(source[name], `${where}.${name}`),
    ]);
    return Object.fromEntries(entries) as T;
  };

export const decodePhase = oneOf("idle", "running", "paused", "finished", "stopped", "failed");
export const decodeGranularity = oneOf("token", "word", "sentence", "paragraph");
export const decodeValue = oneOf("log_prob", "prob");

export const decodeSettings = record<Settings>({
  prompt: string,
  target: nullable(string),
  against: nullable(string),
  method: string,
  granularity: decodeGranularity,
  value: decodeValue,
  budget: nullable(number),
  trials: number,
  seed: number,
  locked: list(string),
});

const choice = record<Choice>({ name: string, label: string, about: string });

export const decodeChoices = record<Choices>({
  methods: list(choice),
  granularities: list(choice),
  values: list(choice),
});

export const decodeChart = record<Chart>({
  run: number,
  pieces: list(record<PieceText>({ text: string, feature: nullable(number), role: string })),
  features: list(string),
  outputs: list(string),
  target: string,
  against: nullable(string),
  label: string,
  unit: string,
  explains: oneOf("log_prob", "prob", "log_odds", "other"),
  adds_up: boolean,
  sampled: boolean,
  baseline: string,
  model: string,
  picture: nullable(string),
  continues: nullable(number),
  askable: boolean,
  extendable: boolean,
  settings: decodeSettings,
});

export const decodeProgress = record<Progress>({
  run: number,
  phase: decodePhase,
  calls: number,
  budget: number,
  elapsed: number,
  rate: nullable(number),
  seconds_left: nullable(number),
  trials: number,
  largest_error: nullable(number),
  gap: nullable(number),
  message: string,
  traceback: string,
});

const bytes: Decoder<DataView> = (value, where) => {
  if (value instanceof DataView) return value;
  if (ArrayBuffer.isView(value)) return new DataView(value.buffer, value.byteOffset, value.byteLength);
  throw new DecodeError(where, "bytes", value);
};

const numbers = list(number);
const curve = list(record<CurvePoint>({ share: number, value: number }));

export const decodeRecords = list(
  record<RunRecord>({
    chart: decodeChart,
    progress: decodeProgress,
    values: bytes,
    errors: bytes,
    ends: bytes,
    sequence: bytes,
    sequence_errors: bytes,
  }),
);

export const decodeNames = list(record<RunName>({ run: number, name: string }));
export const decodeComparing = numbers;
export const decodeHasModel = boolean;

export const decodeChecks = list(
  record<Verdict>({
    run: number,
    trusted: boolean,
    verdict: string,
    rank_correlation: nullable(number),
    r_squared: nullable(number),
    gap: nullable(number),
    held_out: number,
    seen: number,
    calls: number,
    deletion: curve,
    insertion: curve,
  }),
);

export const decodePictures = list(
  record<Picture>({
    key: string,
    width: number,
    height: number,
    image: bytes,
    regions: bytes,
    members: list(numbers),
  }),
);

const decoders: { readonly [K in Event["kind"]]: Decoder<Extract<Event, { kind: K }>> } = {
  frame: record<Frame>({
    kind: oneOf("frame"),
    seq: number,
    run: number,
    chart: nullable(decodeChart),
    progress: decodeProgress,
    first_row: number,
    rows: number,
  }),
  failed: record<Failed>({ kind: oneOf("failed"), seq: number, message: string, traceback: string }),
  generated: record<Generated>({ kind: oneOf("generated"), seq: number, text: string }),
  what_if: record<WhatIfAnswer>({
    kind: oneOf("what_if"),
    seq: number,
    ask: number,
    run: number,
    tokens: list(string),
    split: number,
    wrote: nullable(string),
    writes: nullable(string),
    calls: number,
    message: string,
  }),
};

export const decodeEvent: Decoder<Event> = (value, where) => {
  const kind = oneOf(
    "frame",
    "failed",
    "generated",
    "what_if",
  )((value as { kind?: unknown } | null)?.kind, `${where}.kind`);
  return decoders[kind](value, where);
};

/**
 * A buffer as float32: a view on it, or a copy where its offset isn't a multiple of 4.
 *
 * Hosts differ: `DataView` in JupyterLab, `Uint8Array` in Colab; a trait that was never set is null.
 */
export function floats(buffer: unknown, where: string): Float32Array {
  if (buffer === null || buffer === undefined) return new Float32Array(0);
  if (buffer instanceof ArrayBuffer) return floats(new Uint8Array(buffer), where);
  if (!ArrayBuffer.isView(buffer)) throw new DecodeError(where, "a buffer", buffer);
  if (buffer.byteLength % 4 !== 0) throw new DecodeError(where, "float32 numbers", `${buffer.byteLength} bytes`);
  const { buffer: bytes, byteOffset, byteLength } = buffer;
  if (byteOffset % 4 === 0) return new Float32Array(bytes as ArrayBuffer, byteOffset, byteLength / 4);
  return new Float32Array(bytes.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer);
}
