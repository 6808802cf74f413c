/** Light or dark, as the host has it: JupyterLab, VS Code, Colab, marimo, else the page's colour, else the system's. */
import { coloursOn, luminance, type Palette, type Rgb, type Theme } from "./colours";

/** Attributes by which hosts tell their theme, on the document element or the body. */
const WATCHED = [
  "class",
  "style",
  "theme",
  "data-theme",
  "data-jp-theme-light",
  "data-vscode-theme-kind",
  "data-color-mode",
];

export function hostTheme(document: Document, element: Element): Theme {
  return told(document) ?? painted(document, element) ?? preferred(document);
}

/** Calls `changed` whenever the host may have changed its theme, until the signal is aborted. */
export function watchTheme(document: Document, changed: () => void, signal: AbortSignal): void {
  const observer = new MutationObserver(changed);
  for (const target of [document.documentElement, document.body])
    if (target) observer.observe(target, { attributes: true, attributeFilter: WATCHED });
  document.defaultView?.matchMedia?.("(prefers-color-scheme: dark)").addEventListener("change", changed, { signal });
  signal.addEventListener("abort", () => observer.disconnect());
}

/** Colours and type as the style sheet resolved them on our root element; forced colours ask for patterns, too. */
export function paletteOf(root: HTMLElement, theme: Theme, hatched: boolean): Palette {
  const style = root.ownerDocument.defaultView?.getComputedStyle(root);
  const own = (name: string, otherwise: string) => style?.getPropertyValue(name).trim() || otherwise;
  const ground = rgbOf(style?.backgroundColor ?? "");
  return {
    theme,
    colours: ground ? coloursOn(theme, ground) : coloursOn(theme),
    text: style?.color || "#1d2430",
    muted: own("--law-muted", "#6b7482"),
    line: own("--law-line", "#e3e7ec"),
    ground: style?.backgroundColor || "#fff",
    accent: own("--law-accent", "#2f5fd0"),
    font: style?.fontFamily || "sans-serif",
    hatched: hatched || Boolean(root.ownerDocument.defaultView?.matchMedia?.("(forced-colors: active)").matches),
  };
}

function told(document: Document): Theme | null {
  for (const element of [document.body, document.documentElement]) {
    if (!element) continue;
    const lab = element.getAttribute("data-jp-theme-light");
    if (lab !== null) return lab === "false" ? "dark" : "light";
    const names = ["data-vscode-theme-kind", "data-theme", "theme", "data-color-mode", "class"];
    for (const name of names) {
      const words = (element.getAttribute(name) ?? "").split(/[\s-]+/);
      if (words.includes("dark") || element.getAttribute(name) === "vscode-high-contrast") return "dark";
      if (words.includes("light")) return "light";
    }
  }
  return null;
}

function painted(document: Document, element: Element): Theme | null {
  for (let node = element.parentElement; node !== null; node = node.parentElement) {
    const colour = rgbOf(document.defaultView?.getComputedStyle(node).backgroundColor ?? "");
    if (colour) return luminance(colour) < 0.2 ? "dark" : "light";
  }
  return null;
}

function preferred(document: Document): Theme {
  return document.defaultView?.matchMedia?.("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

/** "rgb(1, 2, 3)" or "rgba(1, 2, 3, 1)" → a colour; null where it is see-through. */
function rgbOf(text: string): Rgb | null {
  const numbers = text.match(/[\d.]+/g)?.map(Number) ?? [];
  const [r, g, b, alpha = 1] = numbers;
  if (r === undefined || g === undefined || b === undefined || alpha < 0.5 || !text.startsWith("rgb")) return null;
  return [r, g, b];
}
