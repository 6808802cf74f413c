/** How sure it is which features matter most. */

/** Features beyond this many, the weakest, can't come out on top any more. */
const CANDIDATES = 64;
const STEPS = 240;

/**
 * Chance that the features of the k largest |value| are those of the k largest true |value|, were the errors normal and
 * independent: the integral over t of P(all of the top are beyond t) dP(all of the rest are within t).
 *
 * NaN where errors are not known yet; 1 where the numbers are exact.
 */
export function settledTop(values: ArrayLike<number>, errors: ArrayLike<number>, k: number): number {
  const order = Array.from(values, (value, at) => ({ size: Math.abs(value), error: errors[at] as number }))
    .filter(({ size }) => Number.isFinite(size))
    .sort((a, b) => b.size - a.size)
    .slice(0, CANDIDATES);
  if (order.length <= k) return order.length === 0 ? Number.NaN : 1;
  if (order.some(({ error }) => !Number.isFinite(error))) return Number.NaN;
  const [top, rest] = [order.slice(0, k), order.slice(k)];
  const bottom = Math.min(...top.map(({ size, error }) => size - 6 * error));
  const high = Math.max(...rest.map(({ size, error }) => size + 6 * error));
  if (high <= bottom) return 1;
  const at = (step: number) => Math.max(0, high * (step / STEPS));
  const within = (t: number) => rest.reduce((chance, one) => chance * inside(one, t), 1);
  const beyond = (t: number) => top.reduce((chance, one) => chance * (1 - inside(one, t)), 1);
  let [settled, before] = [0, 0];
  for (let step = 1; step <= STEPS; step++) {
    const now = within(at(step));
    settled += (now - before) * beyond((at(step) + at(step - 1)) / 2);
    before = now;
  }
  return Math.min(1, settled);
}

/** P(|X| ≤ t) for X normal around `size`. */
function inside({ size, error }: { readonly size: number; readonly error: number }, t: number): number {
  if (!(error > 0)) return size <= t ? 1 : 0;
  return normal((t - size) / error) - normal((-t - size) / error);
}

/** The normal distribution function, to 1e-7 (Abramowitz and Stegun 1964, 26.2.17). */
export function normal(z: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(z));
  const tail =
    0.3989422804014327 *
    Math.exp((-z * z) / 2) *
    t *
    (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return z >= 0 ? 1 - tail : tail;
}
