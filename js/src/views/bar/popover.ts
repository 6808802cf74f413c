/** A button that opens a small panel; it closes on Escape and on a press elsewhere. */
import { boxOf, element, listen, type Place, setAttributes, uniqueId } from "../../style/dom";

export interface Popover {
  readonly element: HTMLElement;
  readonly button: HTMLButtonElement;
  readonly panel: HTMLElement;
  open(on: boolean): void;
}

export function createPopover({ document, signal }: Place, label: string, panel: HTMLElement): Popover {
  const id = uniqueId(document);
  panel.id = id;
  const button = element(
    document,
    "button",
    { type: "button", class: "law-pill law-button", "aria-controls": id },
    label,
  );
  const root = boxOf(document, "anchor", button, panel);
  const open = (on: boolean) => {
    panel.hidden = !on;
    setAttributes(button, { "aria-expanded": String(on) });
    if (on) keepInside(panel, root.closest(".law"));
  };
  open(false);
  listen(button, "click", () => open(panel.hidden !== false));
  listen(root, "keydown", (event) => {
    if (event.key !== "Escape" || panel.hidden) return;
    event.stopPropagation();
    event.preventDefault();
    open(false);
    button.focus();
  });
  // In a shadow root the event's target is the host; the composed path still holds our element.
  const outside = (event: Event) => {
    if (!event.composedPath().includes(root)) open(false);
  };
  listen(document, "pointerdown", outside, { signal });
  return { element: root, button, panel, open };
}

const MARGIN = 6;

/** Moves a panel sideways where it would reach beyond the widget: in a narrow one its button may stand anywhere. */
function keepInside(panel: HTMLElement, widget: Element | null): void {
  panel.style.translate = "";
  if (!widget) return;
  const [box, room] = [panel.getBoundingClientRect(), widget.getBoundingClientRect()];
  const [over, under] = [box.right + MARGIN - room.right, room.left + MARGIN - box.left];
  if (over > 0 || under > 0) panel.style.translate = `${under > 0 ? under : -over}px`;
}
