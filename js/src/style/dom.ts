/** Elements, in one call each. Text only ever becomes text nodes. */

type Attributes = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** Where a view lives: its document, and the signal that ends all of its listeners. */
export interface Place {
  readonly document: Document;
  readonly signal: AbortSignal;
}

export function element<K extends keyof HTMLElementTagNameMap>(
  document: Document,
  tag: K,
  attributes: Attributes = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  setAttributes(made, attributes);
  made.append(...children);
  return made;
}

/** A box with what is in it; `look`: its class, without the "law-". */
export function boxOf(document: Document, look: string, ...children: readonly (Node | string)[]): HTMLDivElement {
  return element(document, "div", { class: `law-${look}` }, ...children);
}

/** The same, in a line of text. */
export function spanOf(document: Document, look: string, ...children: readonly (Node | string)[]): HTMLSpanElement {
  return element(document, "span", { class: `law-${look}` }, ...children);
}

/** A box under a name that is read out, but no landmark: the host's page has its own. */
export function groupOf(document: Document, look: string, label: string, ...children: readonly (Node | string)[]) {
  return element(document, "div", { class: `law-${look}`, role: "group", "aria-label": label }, ...children);
}

/** Where a longer text is written. */
export function areaOf(document: Document, label: string, rows: number, placeholder: string): HTMLTextAreaElement {
  const more = { "aria-label": label, dir: "auto", spellcheck: "false" };
  return element(document, "textarea", { rows, placeholder, ...more });
}

/** true: present; false, null and undefined: absent. */
export function setAttributes(target: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) target.removeAttribute(name);
    else {
      const text = value === true ? "" : String(value);
      if (target.getAttribute(name) !== text) target.setAttribute(name, text);
    }
  }
}

/** Replaces the text only when it differs, so that a screen reader isn't told the same twice. */
export function setText(target: Element, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}

export function listen<K extends keyof HTMLElementEventMap>(
  target: HTMLElement | Document,
  type: K,
  act: (event: HTMLElementEventMap[K]) => void,
  options?: AddEventListenerOptions,
): void {
  target.addEventListener(type, act as EventListener, options);
}

/** The event is ours alone: neither the page nor the notebook does anything about it. */
export function claim(event: Event): void {
  event.preventDefault();
  event.stopPropagation();
}

/** A button that submits nothing; `look`: its class, without the "law-". */
export function buttonOf(
  document: Document,
  look: string,
  text: Node | string = "",
  attributes: Attributes = {},
): HTMLButtonElement {
  return element(document, "button", { type: "button", class: `law-${look}`, ...attributes }, text);
}

/** The × that closes what it stands in. */
export function closeButton(document: Document, label = "Close"): HTMLButtonElement {
  return buttonOf(document, "close", "×", { "aria-label": label });
}

/** A small button beside what it acts on; the label is its title, too. */
export function toolButton(document: Document, text: string, label: string, act: () => void): HTMLButtonElement {
  const made = buttonOf(document, "tool", text, { "aria-label": label, title: label });
  listen(made, "click", act);
  return made;
}

/** A part of a drawing. */
export function drawn(
  document: Document,
  tag: string,
  attributes: Attributes,
  ...children: readonly (Node | string)[]
): SVGElement {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag) as SVGElement;
  setAttributes(made, attributes);
  made.append(...children);
  return made;
}

/** A number for `id`s, unique on this page however many widgets and copies of this script there are. */
export function uniqueId(document: Document): string {
  const crypto = document.defaultView?.crypto ?? globalThis.crypto;
  return `law-${crypto.getRandomValues(new Uint32Array(2)).join("-")}`;
}
