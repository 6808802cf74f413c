/** A place below the matrix for one thing at a time: what if, the course of the run, the figures of a check. */
import { boxOf, closeButton, element, listen, type Place, setText } from "../../style/dom";

export type Drawn = "what_if" | "course" | "check";

export interface Drawer {
  readonly element: HTMLElement;
  readonly open: Drawn | null;
  toggle(what: Drawn): void;
  /** Scrolls what was opened into sight, once it is drawn. */
  reveal(): void;
}

const TITLES: Readonly<Record<Drawn, string>> = {
  what_if: "What if",
  course: "How the numbers settled",
  check: "How far to trust these numbers",
};

export function createDrawer(
  { document }: Place,
  views: Readonly<Record<Drawn, HTMLElement>>,
  redraw: () => void,
): Drawer {
  const title = boxOf(document, "heading");
  const close = closeButton(document);
  const root = element(document, "section", { class: "law-drawer" }, title, close, ...Object.values(views));
  let open: Drawn | null = null;
  let fresh = false;
  const show = (what: Drawn | null) => {
    open = what;
    fresh = what !== null;
    root.hidden = what === null;
    if (what) {
      setText(title, TITLES[what]);
      root.setAttribute("aria-label", TITLES[what]);
    }
    for (const [name, view] of Object.entries(views)) view.hidden = name !== what;
    redraw();
  };
  listen(close, "click", () => show(null));
  listen(root, "keydown", (event) => {
    // The notebook must not take what is typed here for its own shortcuts.
    event.stopPropagation();
    if (event.key === "Escape") show(null);
  });
  root.hidden = true;
  return {
    element: root,
    get open() {
      return open;
    },
    toggle: (what) => show(open === what ? null : what),
    reveal() {
      if (fresh) root.scrollIntoView?.({ block: "nearest" });
      fresh = false;
    },
  };
}
