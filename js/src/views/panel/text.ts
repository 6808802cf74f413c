/** Prompt and answer as flowing text, painted with the numbers of what is selected. */

import type { Stretch } from "../../data/stretches";
import type { Mark, Paint } from "../../draw/lighting";
import { type Colours, cellColour, css, inkOn } from "../../style/colours";
import { element, listen, type Place, setAttributes, spanOf } from "../../style/dom";
import { cellDecimals, visible } from "../../style/format";
import { TEMPLATE } from "../../wire/protocol";
import { type FlowActions, listenFlow } from "./flow";
import { wordsInSight } from "./sight";
import { blocksOf, createFold, type Fold, massOf, templateCount } from "./turns";

export interface FlowData {
  readonly stretches: readonly Stretch[];
  readonly paint: Paint | null;
  readonly colours: Colours;
  readonly lit: number;
  readonly span: ReadonlySet<number>;
  readonly pins: readonly Mark[];
  /** For each stretch whether it is always present from the next run on. */
  readonly locked: readonly boolean[];
  /** Whether values may be added up: then folded text shows the sum of what is in it. */
  readonly adds: boolean;
  /** Negative values hatched, so that colour is not the only sign. */
  readonly hatched: boolean;
}

export interface Flow {
  readonly element: HTMLElement;
  /** Scrolls a line into sight. Before anything is painted: what is painted already would have to be laid out first. */
  reveal(line: number): void;
  /** The first word of a line, if it is here. */
  wordAt(line: number): HTMLElement | undefined;
  update(data: FlowData): void;
}

/** Lines across negative words where sign is shown by pattern as well. */
const HATCH = "repeating-linear-gradient(135deg, rgb(127 127 127 / 55%) 0 1px, transparent 1px 5px) ";

/** A stretch of more words than these shows where it begins. */
const LONG = 3;

/** Share of the limit below which text stays unpainted: it would be noise to the eye. */
const WORTH = 0.03;

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
  let folds: readonly Fold[] = [];
  let lit = -1;
  let last: FlowData | null = null;
  let sight: readonly [number, number] = [0, 0];
  const paintSight = (data: FlowData) => {
    for (const word of words.slice(...sight)) paintWord(word, data);
  };
  // Scrolling and folding bring words into sight that were not painted.
  const again = () => {
    sight = wordsInSight(root, words);
    if (last) paintSight(last);
  };
  listen(root, "scroll", again, { passive: true });
  listenFlow(root, place, actions, () => shown.map(({ line }) => line));
  return {
    element: root,
    wordAt: (line) => words.find((word) => line >= 0 && word.line === line)?.span,
    reveal(line) {
      if (line !== lit && line >= 0 && !root.matches(":hover"))
        scrollTo(root, words.find((word) => word.line === line)?.span);
      lit = line;
      sight = wordsInSight(root, words);
    },
    update(data) {
      if (data.stretches !== shown) {
        const fresh = data.stretches.length !== shown.length;
        words = data.stretches.map((stretch) => wordOf(document, stretch));
        const laid = laidOut(document, data.stretches, words, again);
        root.replaceChildren(...laid.nodes);
        folds = laid.folds;
        shown = data.stretches;
        sight = [0, words.length];
        // The last turn of a conversation is what was answered. Parts that are put together are the same texts.
        if (fresh && folds.length > 0) root.scrollTop = root.scrollHeight;
      }
      last = data;
      words.forEach((word, at) => void markWord(word, data, data.locked[at] === true));
      paintSight(data);
      paintFolds(folds, data);
    },
  };
}

/** The words in the page: turns as sections of their own, the template's text folded, all else as it flows. */
function laidOut(document: Document, stretches: readonly Stretch[], words: readonly Word[], toggled: () => void) {
  const folds: Fold[] = [];
  const nodes = blocksOf(stretches).flatMap((block): readonly (Node | string)[] => {
    const part = stretches.slice(block.first, block.end);
    const inside = part.flatMap((stretch, at) =>
      around(document, stretch, words[block.first + at] as Word, block.first + at),
    );
    const text = part.map(({ text }) => text).join("");
    // A tokenizer's own sign may have no text: there is nothing to fold.
    if (block.role === "" || (block.role === TEMPLATE && templateCount(text) === 0)) return inside;
    const fold = createFold(document, block, text, inside, toggled);
    folds.push(fold);
    return [fold.element];
  });
  return { nodes, folds };
}

function paintFolds(folds: readonly Fold[], { stretches, paint, adds, colours }: FlowData): void {
  for (const fold of folds) {
    const mass = paint && adds ? massOf(stretches, fold.block, paint) : null;
    fold.update(mass, paint?.limit ?? 1, cellDecimals(paint?.limit ?? 1), colours);
  }
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
  // Glyphs are drawn by the style sheet, so that copied text stays the text.
  const long = line >= 0 && body.split(/\s+/).length > LONG;
  const attributes = { "data-line": line < 0 ? null : line, "data-glyph": blank ? glyph : null, "data-long": long };
  const span = element(document, "span", attributes, ...(blank ? [body] : withGlyphs(document, body)));
  return { span, line, back: "", marks: "" };
}

const CONTROL = /([\u0000-\u0008\u000b-\u001f\u007f\u200b\u2060\ufeff])/;

/** Control characters within a word as glyphs; line ends and tabs show themselves. */
function withGlyphs(document: Document, text: string): readonly (Node | string)[] {
  if (!CONTROL.test(text)) return [text];
  return text
    .split(CONTROL)
    .filter((part) => part !== "")
    .map((part, at, all) =>
      part.length === 1 && (all.length > 1 || at === 0) && visible(part) !== part
        ? element(document, "span", { "data-glyph": visible(part) }, part)
        : part,
    );
}

/** The space that many an answer begins with stays in the text but takes no room. */
function around(document: Document, { text }: Stretch, { span }: Word, at: number): readonly (Node | string)[] {
  const [before, , after] = parts(text);
  const lead = at === 0 && before !== "" ? spanOf(document, "lead", before) : before;
  return [lead, span, after].filter((part) => part !== "");
}

function paintWord(word: Word, data: FlowData): void {
  const { span, line } = word;
  const { paint, colours } = data;
  const value = line < 0 || paint === null ? Number.NaN : (paint.values[line] ?? Number.NaN);
  const worth = paint !== null && Math.abs(value) >= WORTH * paint.limit;
  const colour = worth ? cellColour(value, paint.errors[line] ?? 0, paint.limit, colours) : null;
  const hatch = worth && data.hatched && value < 0;
  const back = colour ? `${hatch ? HATCH : ""}${css(colour)}` : "";
  if (back !== word.back) {
    // At once: this is done for every word of a frame.
    span.style.cssText = colour ? `background: ${back}; color: ${inkOn(colour)}` : "";
    word.back = back;
  }
}

function markWord(word: Word, data: FlowData, locked: boolean): void {
  const { span, line } = word;
  const pins = data.pins.map((pin) => (line >= 0 && pin.line === line ? pin.letter : "")).join("");
  const marks = `${line >= 0 && line === data.lit ? "lit" : ""} ${data.span.has(line) ? "span" : ""} ${locked} ${pins}`;
  if (marks === word.marks) return;
  word.marks = marks;
  setAttributes(span, {
    "data-lit": line >= 0 && line === data.lit,
    "data-span": data.span.has(line),
    "data-pin": pins || null,
    "data-locked": locked,
    title: locked ? "Locked: always present" : null,
  });
}

/** Brings a word into the box of its text, without moving the page. */
function scrollTo(root: HTMLElement, span: HTMLElement | undefined): void {
  if (!span) return;
  const [top, bottom] = [span.offsetTop - root.offsetTop, span.offsetTop - root.offsetTop + span.offsetHeight];
  if (top < root.scrollTop) root.scrollTop = top - 8;
  else if (bottom > root.scrollTop + root.clientHeight) root.scrollTop = bottom - root.clientHeight + 8;
}
