/** What comes over the wire, checked once: unknown → the types of protocol.ts, or a DecodeError that says where. */

/** The kernel sent something else than protocol.ts promises. */
export class DecodeError extends Error {
  constructor(where: string, expected: string, value: unknown) {
    super(`${where}: expected ${expected}, got ${JSON.stringify(value)?.slice(0, 80)}`);
    this.name = "DecodeError";
  }
}

export type Decoder<T> = (value: unknown, where: string) => T;

/** A decoder for each field. */
export type Fields<T> = { readonly [K in keyof T]-?: Decoder<T[K]> };

export const string: Decoder<string> = (value, where) => {
  if (typeof value !== "string") throw new DecodeError(where, "a string", value);
  return value;
};

export const number: Decoder<number> = (value, where) => {
  if (typeof value !== "number") throw new DecodeError(where, "a number", value);
  return value;
};

export const boolean: Decoder<boolean> = (value, where) => {
  if (typeof value !== "boolean") throw new DecodeError(where, "true or false", value);
  return value;
};

export const bytes: Decoder<DataView> = (value, where) => {
  if (value instanceof DataView) return value;
  if (ArrayBuffer.isView(value)) return new DataView(value.buffer, value.byteOffset, value.byteLength);
  throw new DecodeError(where, "bytes", value);
};

export const nullable =
  <T>(inner: Decoder<T>): Decoder<T | null> =>
  (value, where) =>
    value === null || value === undefined ? null : inner(value, where);

export const list =
  <T>(inner: Decoder<T>): Decoder<readonly T[]> =>
  (value, where) => {
    if (!Array.isArray(value)) throw new DecodeError(where, "a list", value);
    return value.map((item, index) => inner(item, `${where}[${index}]`));
  };

export const oneOf =
  <const T extends string>(...names: readonly T[]): Decoder<T> =>
  (value, where) => {
    const found = names.find((name) => name === value);
    if (found === undefined) throw new DecodeError(where, names.join(" or "), value);
    return found;
  };

/** What fields were called in earlier versions. */
type Formerly<T> = { readonly [K in keyof T]?: string };

/** An object; fields that it has beyond these are left out. What it lacks is read by its former name. */
export const record = <T extends object>(
  fields: Fields<T>,
  formerly: Formerly<T> = {},
): Decoder<T> & { readonly fields: Fields<T>; readonly formerly: Formerly<T> } =>
  Object.assign(
    (value: unknown, where: string) => {
      if (typeof value !== "object" || value === null) throw new DecodeError(where, "an object", value);
      const source = value as Readonly<Record<string, unknown>>;
      const entries = Object.entries<Decoder<unknown>>(fields).map(([name, decoder]) => [
        name,
        decoder(source[name] ?? source[formerly[name as keyof T] ?? name], `${where}.${name}`),
      ]);
      return Object.fromEntries(entries) as T;
    },
    { fields, formerly },
  );

/** One of several records, told apart by their `kind`. */
export const union =
  <T extends { readonly kind: string }>(
    kinds: {
      readonly [K in T["kind"]]: Decoder<Extract<T, { readonly kind: K }>>;
    },
  ): Decoder<T> =>
  (value, where) => {
    const names = Object.keys(kinds) as T["kind"][];
    return kinds[oneOf(...names)((value as { kind?: unknown } | null)?.kind, `${where}.kind`)](value, where);
  };

export function namesOf<T extends object>(fields: T): readonly (keyof T & string)[] {
  return Object.keys(fields) as (keyof T & string)[];
}

/** Fields that are the buffers of a table such as NUMBERS. */
export function buffersOf<T extends object>(shapes: T): Fields<{ readonly [K in keyof T]: DataView }> {
  return Object.fromEntries(namesOf(shapes).map((name) => [name, bytes])) as Fields<{
    readonly [K in keyof T]: DataView;
  }>;
}

/** How long each side of a shape is, by its name. */
type Sides = Readonly<Record<string, number>>;

/** By name, the shape of each buffer, as NUMBERS has it: sides that are numbers, and names of sides. */
type Shapes<T> = { readonly [K in keyof T]: readonly (string | number)[] };

/** The buffers of such a table. */
export type Buffers<T> = { readonly [K in keyof T]: Float32Array };

/** What `read` gives for each buffer of a table: its name, and which of them it is. */
export function buffersFrom<T extends object>(
  shapes: T,
  read: (name: keyof T & string, at: number) => Float32Array,
): Buffers<T> {
  return Object.fromEntries(namesOf(shapes).map((name, at) => [name, read(name, at)])) as Buffers<T>;
}

/** Buffers that came beside a message, by name. Throws DecodeError unless there are as many as names. */
export function named<T extends object>(shapes: T, buffers: readonly Float32Array[], where: string): Buffers<T> {
  const { length } = namesOf(shapes);
  if (buffers.length !== length) throw new DecodeError(where, `${length} buffers`, buffers.length);
  return buffersFrom(shapes, (_, at) => buffers[at] as Float32Array);
}

/** Throws DecodeError where a buffer is not as long as its shape says. */
export function checkLengths<T extends Shapes<T>>(shapes: T, buffers: Buffers<T>, sides: Sides): void {
  for (const name of namesOf(shapes)) {
    const lengthOf = (side: string | number) => (typeof side === "number" ? side : (sides[side] ?? 0));
    const length = shapes[name].reduce<number>((size, side) => size * lengthOf(side), 1);
    if (buffers[name].length !== length) throw new DecodeError(name, `${length} numbers`, buffers[name].length);
  }
}

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
