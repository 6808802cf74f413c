/** Below the matrix: how the colours are scaled, zoom, and the table of the largest values. */

import type { ScaleMode } from "../../style/colours";
import { boxOf, element, listen, type Place, setAttributes, spanOf, toolButton } from "../../style/dom";

export interface ToolsData {
  readonly scale: ScaleMode;
  readonly zoom: number;
  /** Whether there is anything to zoom into. */
  readonly zoomable: boolean;
  readonly listed: boolean;
  readonly hatched: boolean;
}

export interface ToolsActions {
  scale(mode: ScaleMode): void;
  zoom(factor: number | null): void;
  list(): void;
  hatch(): void;
}

export interface Tools {
  readonly element: HTMLElement;
  update(data: ToolsData): void;
}

const MODES: readonly (readonly [ScaleMode, string, string])[] = [
  ["whole", "whole matrix", "One scale for all cells, up to the largest"],
  ["row", "each row", "Every output token has its own scale: colours can't be compared across rows"],
  ["robust", "98th percentile", "A few very large cells don't pale the others; they are marked with a notch"],
  ["frozen", "as it is now", "The scale stays, whatever comes"],
];

export function createTools({ document }: Place, actions: ToolsActions): Tools {
  const select = element(document, "select", { "aria-label": "Colour scale" });
  select.append(...MODES.map(([value, label, title]) => element(document, "option", { value, title }, label)));
  listen(select, "change", () => actions.scale(select.value as ScaleMode));
  const scale = element(
    document,
    "label",
    { class: "law-pill law-small" },
    element(document, "i", {}, "scale"),
    select,
  );
  const button = (text: string, label: string, act: () => void) => toolButton(document, text, label, act);
  const out = button("−", "Zoom out", () => actions.zoom(1 / 1.6));
  const into = button("+", "Zoom in", () => actions.zoom(1.6));
  const whole = button("Fit", "Fit: show the whole matrix", () => actions.zoom(null));
  const zooming = spanOf(document, "tools", out, into, whole);
  const list = button("Table", "View as table", () => actions.list());
  const hatch = button("±", "Signs: hatch what speaks against, so that colour is not the only sign", () =>
    actions.hatch(),
  );
  const root = boxOf(document, "tools", zooming, list, hatch, scale);
  return {
    element: root,
    update(data) {
      if (select.value !== data.scale) select.value = data.scale;
      setAttributes(scale, { title: MODES.find(([mode]) => mode === data.scale)?.[2] });
      zooming.hidden = !data.zoomable;
      out.disabled = data.zoom <= 1;
      whole.disabled = data.zoom <= 1;
      setAttributes(list, { "aria-pressed": String(data.listed) });
      setAttributes(hatch, { "aria-pressed": String(data.hatched) });
    },
  };
}
