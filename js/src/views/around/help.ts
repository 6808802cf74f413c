/** The list of keys, behind `?`. */
import { boxOf, closeButton, element, listen, type Place } from "../../style/dom";
import { KEYS } from "../matrix/keys";

export interface Help {
  readonly element: HTMLElement;
  toggle(): void;
}

export function createHelp({ document }: Place): Help {
  const lines = KEYS.map(([keys, what]) =>
    element(document, "div", {}, element(document, "dt", {}, keys), element(document, "dd", {}, what)),
  );
  const close = closeButton(document);
  const title = boxOf(document, "heading", "Keys", close);
  const root = element(document, "div", { class: "law-help", role: "dialog", "aria-label": "Keys", tabindex: -1 });
  root.append(title, element(document, "dl", {}, ...lines));
  root.hidden = true;
  let before: Element | null = null;
  const toggle = () => {
    root.hidden = !root.hidden;
    const page = root.getRootNode() as Document | ShadowRoot;
    if (!root.hidden) {
      before = page.activeElement;
      root.focus();
    } else if (before instanceof HTMLElement) before.focus();
  };
  listen(close, "click", toggle);
  listen(root, "keydown", (event) => {
    if (event.key !== "Escape" && event.key !== "?") return;
    event.stopPropagation();
    event.preventDefault();
    toggle();
  });
  return { element: root, toggle };
}
