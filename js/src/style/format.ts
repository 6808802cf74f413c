/** Numbers, times and tokens as people read them. */

import { GLYPHS, HIDDEN, LABEL_LENGTH, MINUS, NARROW, WIDE, WIDE_FROM } from "./style";

/** Decimals that show a quantity of this size with three digits: 2 → 2, 0.05 → 4, 30 → 1. */
export function decimalsFor(limit: number): number {
  if (!(limit > 0) || !Number.isFinite(limit)) return 2;
  return Math.max(0, Math.min(8, 2 - Math.floor(Math.log10(limit))));
}

/**
 * Decimals for one number: as many as its standard error says something about, else three digits; at least two, at
 * most six.
 */
export function decimalsOf(value: number, error: number): number {
  const digits = error > 0 && Number.isFinite(error) ? Math.ceil(-Math.log10(error)) : decimalsFor(Math.abs(value));
  return Math.max(2, Math.min(6, digits));
}

/** Decimals of a sum: as many as the largest of its parts has by itself, at least. */
export function decimalsOfSum(sum: number, error: number, parts: ArrayLike<number>, errors: ArrayLike<number>): number {
  let at = 0;
  for (let part = 1; part < parts.length; part++)
    if (Math.abs(parts[part] as number) > Math.abs(parts[at] as number)) at = part;
  return Math.max(decimalsOf(sum, error), parts.length > 0 ? decimalsOf(parts[at] as number, errors[at] as number) : 0);
}

/** Decimals of the numbers in cells and beside bars. */
export function cellDecimals(limit: number): number {
  return Math.max(1, decimalsFor(limit) - 1);
}

/** The end of a scale, with no more digits than it has; null: every row has its own. */
export function limitText(limit: number | null): string {
  return limit === null ? "row’s largest" : String(Number(limit.toPrecision(3)));
}

/** With its sign: "+1.95", "−0.30", "0.00". */
export function signed(value: number, decimals: number): string {
  if (Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "+∞" : `${MINUS}∞`;
  const text = Math.abs(value).toFixed(decimals);
  if (Number(text) === 0) return text;
  return (value > 0 ? "+" : MINUS) + text;
}

/** Without a plus: standard errors and limits. */
export function plain(value: number, decimals: number): string {
  if (!Number.isFinite(value)) return signed(value, decimals);
  const text = value.toFixed(decimals);
  return Number(text) === 0 ? text.replace("-", "") : text.replace("-", MINUS);
}

/** "1,110" */
export function count(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ",");
}

/** "98 %" */
export function percent(share: number): string {
  if (!Number.isFinite(share)) return "–";
  if (share > 0 && share < 0.005) return "< 1 %";
  return `${Math.round(share * 100)} %`;
}

/** A probability with what matters of it: "0.99", "0.0042", "< 0.0001", "> 0.999". */
export function probability(p: number): string {
  if (!Number.isFinite(p)) return "–";
  if (p > 0.995 && p < 1) return p > 0.9995 ? "> 0.999" : p.toFixed(3);
  if (p >= 0.095 || p === 0) return p.toFixed(2);
  return p < 0.0001 ? "< 0.0001" : String(Number(p.toPrecision(2)));
}

/** "0.8 s", "12 s", "3 min 05 s" */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "–";
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 119.5) return `${Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
}

/** Calls per second: "842/s", "3.2/s" */
export function rate(perSecond: number): string {
  return `${perSecond >= 10 ? count(perSecond) : perSecond.toFixed(1)}/s`;
}

/** What cannot be seen, as glyphs, so that a label never looks empty. */
export function visible(text: string): string {
  return text.replace(
    HIDDEN,
    (found, ...groups) =>
      GLYPHS[groups.findIndex((group) => group)] ?? String.fromCharCode(0x2400 + found.charCodeAt(0)),
  );
}

/** Label of an output: a leading space matters to the token, so it is drawn. Never empty. */
export function tokenLabel(text: string): string {
  const [, spaces = "", bare = ""] = /^( *)(.*)$/.exec(visible(text)) ?? [];
  return "␣".repeat(spaces.length) + carried(bare) || "∅";
}

/** Label of a feature: without the white space around it, unless there is nothing else. */
export function featureLabel(text: string): string {
  return carried(visible(text.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, ""))) || tokenLabel(text);
}

/** A mark that combines with the letter before it stands on a circle, where there is no letter. */
function carried(text: string): string {
  return text.replace(/^\p{M}/u, "◌$&");
}

/** As it is cited in a sentence. */
export function quoted(text: string, length = 40): string {
  return `“${shorten(featureLabel(text), length)}”`;
}

/** Shortened with an ellipsis to at most `length` characters, never through a character. */
export function shorten(text: string, length: number = LABEL_LENGTH): string {
  if (text.length <= length) return text;
  const characters = [...text];
  if (characters.length <= length) return text;
  let end = length - 1;
  // What belongs to the emoji before it is not cut from that.
  while (
    end > 1 &&
    (/[\u200d\ufe0f\u{1f3fb}-\u{1f3ff}]/u.test(characters[end] as string) || characters[end - 1] === "\u200d")
  )
    end--;
  return `${characters.slice(0, end).join("")}…`;
}

/** Pixels that a label takes, a little generous: reckoned, as no two machines have the same type. */
export function reckonedWidth(label: string): number {
  return [...label].reduce((sum, char) => sum + ((char.codePointAt(0) ?? 0) < WIDE_FROM ? NARROW : WIDE), 0);
}
