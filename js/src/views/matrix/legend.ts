/** What the colours mean, with zero in the middle. */

import { type Colours, css, ramp } from "../../style/colours";
import { boxOf, element, type Place, setText } from "../../style/dom";
import { limitText } from "../../style/format";
import { MINUS } from "../../style/style";

export interface LegendData {
  readonly colours: Colours;
  /** null: every row has its own limit. */
  readonly limit: number | null;
  readonly unit: string;
  readonly fades: boolean;
  /** Cells beyond the ends of the scale. */
  readonly clipped: number;
}

export interface Legend {
  readonly element: HTMLElement;
  update(data: LegendData): void;
}

export function createLegend({ document }: Place): Legend {
  const strip = boxOf(document, "strip");
  const [against, zero, pro] = ["", "0", ""].map((text) => element(document, "span", {}, text)) as [
    HTMLElement,
    HTMLElement,
    HTMLElement,
  ];
  const scale = boxOf(document, "scale", strip, boxOf(document, "ticks", against, zero, pro));
  const note = boxOf(document, "note");
  const root = boxOf(document, "legend", scale, note);
  return {
    element: root,
    update({ colours, limit, unit, fades, clipped }) {
      const stops = Array.from({ length: 21 }, (_, index) => css(ramp(colours, index / 10 - 1)));
      const gradient = `linear-gradient(90deg, ${stops.join(", ")})`;
      if (strip.dataset["gradient"] !== gradient) {
        strip.dataset["gradient"] = gradient;
        strip.style.background = gradient;
      }
      const size = limitText(limit);
      setText(against, `${MINUS}${size} against`);
      setText(pro, `for +${size} ${unit}`);
      const beyond = clipped > 0 ? `${clipped} beyond the scale, marked by a notch` : "";
      setText(
        note,
        [fades ? "Faded: within 2 standard errors of zero, or error not known" : "", beyond].filter(Boolean).join(". "),
      );
    },
  };
}
