/** Mouse and keys on flowing text: hover, click to pin, drag for a span; the arrow keys do the same. */
import { claim, listen, type Place } from "../../style/dom";

/** What the pointer does on the text; -1 is nowhere. */
export interface FlowActions {
  hover(line: number): void;
  pin(line: number): void;
  /** Dragged from one line to another; `more` with Ctrl or Cmd. */
  span?(from: number, to: number, more: boolean): void;
}

/** `lines`: the line of every stretch, in reading order (-1: none). */
export function listenFlow(
  root: HTMLElement,
  { document, signal }: Place,
  actions: FlowActions,
  lines: () => readonly number[],
): void {
  // Where a drag began: which of the stretches that have a line. Lines get other numbers while a drag groups them.
  let from = -1;
  let dragged = false;
  const lineOf = (event: Event): number => {
    const span = event.target instanceof Element ? event.target.closest("[data-line]") : null;
    return span ? Number(span.getAttribute("data-line")) : -1;
  };
  const placeOf = ({ target }: Event): number => {
    const span = target instanceof Element ? target.closest("[data-line]") : null;
    return span ? [...root.querySelectorAll("[data-line]")].indexOf(span) : -1;
  };
  const known = () => lines().filter((line) => line >= 0);
  listen(root, "pointerover", (event) => {
    const line = lineOf(event);
    actions.hover(line);
    const start = known()[from] ?? -1;
    if (start < 0 || line < 0 || line === start) return;
    dragged = true;
    actions.span?.(start, line, event.ctrlKey || event.metaKey);
    // What is explained now is the span, not the word under the pointer.
    actions.hover(-1);
  });
  listen(root, "pointerleave", () => actions.hover(-1));
  listen(root, "pointerdown", (event) => {
    if (event.button !== 0 || !actions.span) return;
    from = placeOf(event);
    dragged = false;
    if (from < 0) return;
    event.preventDefault();
    // A drag must not select text, and the keys go on from here.
    root.dataset["pressed"] = "";
    root.focus({ preventScroll: true });
  });
  // The drag may end anywhere on the page.
  const release = () => {
    from = -1;
  };
  listen(document, "pointerup", release, { signal });
  listen(root, "click", (event) => {
    const line = lineOf(event);
    if (line >= 0 && !dragged) actions.pin(line);
    dragged = false;
  });
  listenKeys(root, actions, known);
}

/** Where an arrow key leads from a line, in reading order; null where the key is another. */
export function nextLine(key: string, lines: readonly number[], at: number): number | null {
  const order = [...new Set(lines.filter((line) => line >= 0))];
  if (order.length === 0) return null;
  const place = order.indexOf(at);
  if (key === "Home") return order[0] ?? null;
  if (key === "End") return order.at(-1) ?? null;
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[key];
  if (step === undefined) return null;
  if (place < 0) return (step > 0 ? order[0] : order.at(-1)) ?? null;
  return order[Math.max(0, Math.min(order.length - 1, place + step))] ?? null;
}

/** Where the keys are, and where a span of theirs began, as places among the lines: see listenFlow. */
function listenKeys(root: HTMLElement, actions: FlowActions, lines: () => readonly number[]): void {
  let at = -1;
  let anchor = -1;
  listen(root, "blur", () => {
    at = -1;
    anchor = -1;
  });
  listen(root, "keydown", (event) => {
    delete root.dataset["pressed"];
    // Keys on a fold belong to the fold.
    if (event.target !== root || event.altKey || event.metaKey) return;
    const all = lines();
    const line = all[at] ?? -1;
    const next = nextLine(event.key, all, line);
    if (next !== null) {
      const to = all.indexOf(next);
      if (!event.shiftKey) anchor = -1;
      else if (anchor < 0) anchor = at < 0 ? to : at;
      at = to;
      if (anchor >= 0) actions.span?.(all[anchor] ?? next, next, event.ctrlKey);
      actions.hover(anchor >= 0 ? -1 : next);
    } else if (event.key === "Enter" && line >= 0) actions.pin(line);
    else return;
    claim(event);
  });
}
