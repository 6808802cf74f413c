/** Light or dark, as the host has it: JupyterLab, VS Code, Colab, marimo, else the page's colour, else the system's. */
import { coloursOn, css, luminance, type Palette, type Rgb, type Theme } from "./colours";
import { FONT, PALETTES } from "./style";

/** Attributes by which hosts name their theme, on the document element or the body. */
const NAMED = ["data-vscode-theme-kind", "data-theme", "theme", "data-color-mode", "class"];
const LAB = "data-jp-theme-light";
const WATCHED = [...NAMED, LAB, "style"];
const DARK = "prefers-color-scheme: dark";

export function hostTheme(document: Document, element: Element): Theme {
  return told(document) ?? painted(document, element) ?? preferred(document);
}

/** Calls `changed` whenever the host may have changed its theme, until the signal is aborted. */
export function watchTheme(document: Document, changed: () => void, signal: AbortSignal): void {
  const observer = new MutationObserver(changed);
  for (const target of [document.documentElement, document.body])
    if (target) observer.observe(target, { attributes: true, attributeFilter: WATCHED });
  asked(document, DARK)?.addEventListener("change", changed, { signal });
  signal.addEventListener("abort", () => observer.disconnect());
}

/** The theme for the style sheet: its name, and the colours of what is written and drawn. */
export function dress(root: HTMLElement, theme: Theme): void {
  root.dataset["theme"] = theme;
  for (const name of ["text", "muted", "line", "accent"] as const)
    root.style.setProperty(`--law-${name}`, PALETTES[theme][name]);
}

/** For the canvas: the ground and the type as the style sheet resolved them; forced colours ask for patterns, too. */
export function paletteOf(root: HTMLElement, theme: Theme, hatched: boolean): Palette {
  const style = root.ownerDocument.defaultView?.getComputedStyle(root);
  const colours = coloursOn(theme, rgbOf(style?.backgroundColor));
  return {
    ...PALETTES[theme],
    theme,
    colours,
    text: style?.color || PALETTES[theme].text,
    ground: style?.backgroundColor || css(colours.ground),
    font: style?.fontFamily || FONT,
    hatched: hatched || Boolean(asked(root.ownerDocument, "forced-colors: active")?.matches),
  };
}

function told(document: Document): Theme | null {
  for (const element of [document.body, document.documentElement]) {
    if (!element) continue;
    const lab = element.getAttribute(LAB);
    if (lab !== null) return lab === "false" ? "dark" : "light";
    for (const name of NAMED) {
      const words = (element.getAttribute(name) ?? "").split(/[\s-]+/);
      if (words.includes("dark") || element.getAttribute(name) === "vscode-high-contrast") return "dark";
      if (words.includes("light")) return "light";
    }
  }
  return null;
}

function painted(document: Document, element: Element): Theme | null {
  for (let node = element.parentElement; node !== null; node = node.parentElement) {
    const colour = rgbOf(document.defaultView?.getComputedStyle(node).backgroundColor);
    if (colour) return luminance(colour) < 0.2 ? "dark" : "light";
  }
  return null;
}

function preferred(document: Document): Theme {
  return asked(document, DARK)?.matches ? "dark" : "light";
}

function asked(document: Document, feature: string): MediaQueryList | undefined {
  return document.defaultView?.matchMedia?.(`(${feature})`);
}

/** "rgb(1, 2, 3)" or "rgba(1, 2, 3, 1)" → a colour; undefined where it is see-through. */
function rgbOf(text = ""): Rgb | undefined {
  const [r, g, b, alpha = 1] = text.match(/[\d.]+/g)?.map(Number) ?? [];
  if (r === undefined || g === undefined || b === undefined || alpha < 0.5 || !text.startsWith("rgb")) return undefined;
  return [r, g, b];
}
