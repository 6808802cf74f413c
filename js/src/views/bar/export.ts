/** The export menu: files made in the browser, from what is shown. */

import type { Shown } from "../../data/shown";
import { filePalette, toPng, toSvg } from "../../export/matrix";
import { toCsv, toJson, toLatex, toPython } from "../../export/tables";
import type { Palette } from "../../style/colours";
import { claim, element, listen, type Place, setAttributes, setText } from "../../style/dom";
import type { Progress } from "../../wire/protocol";
import { createPopover } from "./popover";

export interface Exporting {
  readonly element: HTMLElement;
  update(shown: Shown | null, progress: Progress | null, palette: Palette): void;
}

export function createExport(place: Place, page: () => string): Exporting {
  const { document } = place;
  const menu = element(document, "div", { class: "law-popover law-menu", role: "menu", "aria-label": "Export" });
  const { element: root, button, open } = createPopover(place, "Export", menu);
  setAttributes(button, { "aria-haspopup": "menu" });
  listen(button, "click", () => !menu.hidden && (menu.firstElementChild as HTMLElement).focus());
  let data: { shown: Shown; progress: Progress | null; palette: Palette } | null = null;
  const canvas = () => element(document, "canvas");
  const make: Readonly<Record<string, () => Promise<Blob> | null>> = {
    PNG: () => mapped(data, ({ shown, palette }) => toPng(shown, palette, canvas)),
    SVG: () =>
      mapped(data, ({ shown, palette, progress }) => text(toSvg(shown, palette, canvas, progress), "image/svg+xml")),
    HTML: () => text(page(), "text/html"),
    CSV: () => mapped(data, ({ shown }) => text(toCsv(shown.table), "text/csv")),
    JSON: () => mapped(data, ({ shown, progress }) => text(toJson(shown.table, progress), "application/json")),
    TEX: () => mapped(data, ({ shown, progress }) => text(toLatex(shown.table, progress), "application/x-tex")),
  };
  const names: Readonly<Record<string, string>> = { HTML: "HTML, interactive", TEX: "LaTeX" };
  const add = (label: string, act: () => unknown) => {
    const item = element(document, "button", { type: "button", role: "menuitem", tabindex: -1 }, label);
    listen(item, "click", () => {
      open(false);
      button.focus();
      act();
    });
    menu.append(item);
  };
  for (const [name, blob] of Object.entries(make))
    add(names[name] ?? name, async () => {
      const made = await blob();
      if (made) download(document, made, `attribution.${name.toLowerCase()}`);
    });
  add("Copy as Python", async () => {
    if (data)
      setText(button, (await copy(document, toPython(data.shown.matrix.chart.settings))) ? "Copied" : "Not copied");
  });
  setAttributes(button, { "aria-live": "polite" });
  for (const type of ["blur", "click"] as const) listen(button, type, () => setText(button, "Export"));
  listen(root, "keydown", (event) => {
    if (!step(menu, event)) return;
    claim(event);
  });
  return {
    element: root,
    update(shown, progress, { theme, hatched }) {
      data = shown && { shown, progress, palette: filePalette(theme, hatched) };
      root.hidden = shown === null;
    },
  };
}

/** Arrow keys in the menu. */
function step(menu: HTMLElement, event: KeyboardEvent): boolean {
  const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (move === undefined || menu.hidden) return false;
  const items = [...menu.children];
  const at = items.indexOf(event.target as Element);
  (items[(at + move + items.length) % items.length] as HTMLElement).focus();
  return true;
}

function mapped<A, B>(value: A | null, then: (value: A) => B): B | null {
  return value === null ? null : then(value);
}

async function text(content: string, type: string): Promise<Blob> {
  return new Blob([content], { type });
}

function download(document: Document, blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  element(document, "a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Into the clipboard; where the host gives no access to it (an iframe), by way of a selection. */
async function copy(document: Document, text: string): Promise<boolean> {
  try {
    await document.defaultView?.navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = element(document, "textarea", { class: "law-hidden", readonly: true, "aria-hidden": "true" });
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}
