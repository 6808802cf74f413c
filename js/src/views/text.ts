/** Prompt and answer as flowing text, painted with the numbers of what is selected. */
import { element, type Place, setAttributes } from "../dom";
import { visible } from "../format";
import { type Colours, cellColour, css, inkOn } from "../scale";
import type { Line, Table } from "../table";

export interface Paint {
  readonly values: ArrayLike<number>;
  readonly errors: ArrayLike<number>;
  readonly limit: number;
}

export interface Mark {
  readonly line: number;
  readonly letter: string;
}

export interface FlowData {
  readonly stretches: readonly Stretch[];
  readonly paint: Paint | null;
  readonly colours: Colours;
  readonly lit: number;
  readonly span: ReadonlySet<number>;
  readonly pins: readonly Mark[];
}

/** A stretch of text; `line` is the row or column it belongs to, -1 for text that is always there. */
export interface Stretch {
  readonly text: string;
  readonly line: number;
}

/** What the pointer does on the text; -1 is nowhere. */
export interface FlowActions {
  hover(line: number): void;
  pin(line: number): void;
  /** Dragged from one line to another; `more` with Ctrl or Cmd. */
  span?(from: number, to: number, more: boolean): void;
}

export interface Flow {
  readonly element: HTMLElement;
  update(data: FlowData): void;
}

/** Share of the limit below which text stays unpainted: it would be noise to the eye. */
const WORTH = 0.03;

export function promptStretches({ chart, columns }: Table): readonly Stretch[] {
  const lineOf = linesOf(columns);
  return chart.pieces.map(({ text, feature }) => ({ text, line: feature === null ? -1 : (lineOf.get(feature) ?? -1) }));
}

export function answerStretches({ chart, rows }: Table): readonly Stretch[] {
  const lineOf = linesOf(rows);
  return chart.outputs.map((text, output) => ({ text, line: lineOf.get(output) ?? -1 }));
}

function linesOf(lines: readonly Line[]): ReadonlyMap<number, number> {
  return new Map(lines.flatMap((line, index) => line.members.map((member) => [member, index] as const)));
}

export function createFlow(place: Place, name: string, actions: FlowActions): Flow {
  const { document } = place;
  const root = element(document, "div", {
    class: "law-flow",
    role: "group",
    "aria-label": name,
    dir: "auto",
    tabindex: 0,
  });
  let shown: readonly Stretch[] = [];
  let words: readonly Word[] = [];
  let lit = -1;
  listen(root, place, actions);
  return {
    element: root,
    update(data) {
      if (data.stretches !== shown) {
        words = data.stretches.map((stretch) => wordOf(document, stretch));
        root.replaceChildren(
          ...data.stretches.flatMap((stretch, at) => around(document, stretch, words[at] as Word, at)),
        );
        shown = data.stretches;
      }
      for (const word of words) paintWord(word, data);
      if (data.lit !== lit && data.lit >= 0 && !root.matches(":hover"))
        scrollTo(root, words.find((word) => word.line === data.lit)?.span);
      lit = data.lit;
    },
  };
}

/** A stretch on the page, with what was last painted on it: thousands of words must not be touched every frame. */
interface Word {
  readonly span: HTMLElement;
  readonly line: number;
  back: string;
  marks: string;
}

/** White space at the start and end of a stretch stays unpainted, unless there is nothing else. */
function parts(text: string): readonly [string, string, string] {
  const body = text.trim();
  if (body === "") return ["", text, ""];
  const start = text.indexOf(body);
  return [text.slice(0, start), body, text.slice(start + body.length)];
}

function wordOf(document: Document, { text, line }: Stretch): Word {
  const body = parts(text)[1];
  const glyph = visible(body);
  const blank = body.trim() === "" && glyph !== body;
  // The glyph is drawn by the style sheet, so that copied text stays the text.
  const attributes = { "data-line": line < 0 ? null : line, "data-glyph": blank ? glyph : null };
  return { span: element(document, "span", attributes, body), line, back: "", marks: "" };
}

/** The space that many an answer begins with stays in the text but takes no room. */
function around(document: Document, { text }: Stretch, { span }: Word, at: number): readonly (Node | string)[] {
  const [before, , after] = parts(text);
  const lead = at === 0 && before !== "" ? element(document, "span", { class: "law-lead" }, before) : before;
  return [lead, span, after].filter((part) => part !== "");
}

function paintWord(word: Word, data: FlowData): void {
  const { span, line } = word;
  const { paint, colours } = data;
  const value = line < 0 || paint === null ? Number.NaN : (paint.values[line] ?? Number.NaN);
  const worth = paint !== null && Math.abs(value) >= WORTH * paint.limit;
  const colour = worth ? cellColour(value, paint.errors[line] ?? 0, paint.limit, colours) : null;
  const back = colour ? css(colour) : "";
  if (back !== word.back) {
    span.style.background = back;
    span.style.color = colour ? inkOn(colour) : "";
    word.back = back;
  }
  const pins = line < 0 ? "" : data.pins.map((pin) => (pin.line === line ? pin.letter : "")).join("");
  const marks = `${line >= 0 && line === data.lit ? "lit" : ""} ${data.span.has(line) ? "span" : ""} ${pins}`;
  if (marks === word.marks) return;
  word.marks = marks;
  setAttributes(span, {
    "data-lit": line >= 0 && line === data.lit,
    "data-span": data.span.has(line),
    "data-pin": pins || null,
  });
}

/** Brings a word into the box of its text, without moving the page. */
function scrollTo(root: HTMLElement, span: HTMLElement | undefined): void {
  if (!span) return;
  const [top, bottom] = [span.offsetTop - root.offsetTop, span.offsetTop - root.offsetTop + span.offsetHeight];
  if (top < root.scrollTop) root.scrollTop = top - 8;
  else if (bottom > root.scrollTop + root.clientHeight) root.scrollTop = bottom - root.clientHeight + 8;
}

function listen(root: HTMLElement, place: Place, actions: FlowActions): void {
  let from = -1;
  const lineOf = (event: Event): number => {
    const span = event.target instanceof Element ? event.target.closest("[data-line]") : null;
    return span ? Number(span.getAttribute("data-line")) : -1;
  };
  root.addEventListener("pointerover", (event) => {
    const line = lineOf(event);
    actions.hover(line);
    if (from >= 0 && line >= 0 && line !== from) actions.span?.(from, line, event.ctrlKey || event.metaKey);
  });
  root.addEventListener("pointerleave", () => actions.hover(-1));
  root.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !actions.span) return;
    from = lineOf(event);
    if (from >= 0) event.preventDefault();
  });
  // The drag may end anywhere on the page.
  place.document.addEventListener(
    "pointerup",
    () => {
      from = -1;
    },
    { signal: place.signal },
  );
  root.addEventListener("click", (event) => {
    const line = lineOf(event);
    if (line >= 0) actions.pin(line);
  });
}
