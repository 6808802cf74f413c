/** What people call rows and columns where their numbers are told. */

import type { Shown } from "../../data/shown";
import type { Line } from "../../data/table";
import { featureLabel, quoted, shorten } from "../../style/format";
import { apart } from "../panel/contrast";

/** 1 → "1st" */
function ordinal(number: number): string {
  const last = number % 10;
  const ends = last > 3 || Math.floor((number % 100) / 10) === 1 ? "th" : ["th", "st", "nd", "rd"][last];
  return number + (ends as string);
}

/** A line by its text: one without a word is quoted, and what stands there more than once has its place. */
export function nameOf(lines: readonly Line[], at: number, length = 28): string {
  const { text = "" } = lines[at] ?? {};
  const label = shorten(featureLabel(text), length);
  const short = !/[\p{L}\p{N}]/u.test(label);
  const twice = lines.some((other, index) => index !== at && other.text.trim() === text.trim());
  return (short ? `“${label}”` : label) + (short || twice ? ` (${ordinal(at + 1)})` : "");
}

/** What the prompt is painted for, and how people call it: a row, the span (row -1), else all of the answer. */
export function paintedFor({ table, spanned }: Pick<Shown, "table" | "spanned">, row: number): string {
  const { target, against } = table.chart;
  const words = row >= 0 ? [row] : [...spanned];
  const text = words.map((at) => table.rows[at]?.text ?? "").join("");
  if (text === "" && against !== null)
    return apart(target, against)
      .map((text) => quoted(text))
      .join(" rather than ");
  return text === "" ? "the whole answer" : quoted(text);
}
