/** The left side: prompt and answer, painted, or the editor that changes them. */

import { type Edit, textsOf } from "../../data/edit";
import { lockedPieces } from "../../data/locks";
import { addBox, spansAdd } from "../../data/regroup";
import type { Shown } from "../../data/shown";
import type { Range } from "../../data/sources";
import { type Cell, rowOf, type Table } from "../../data/table";
import type { Lighting, Paint } from "../../draw/lighting";
import { featureTint, type Picture } from "../../draw/picture";
import type { Waiting } from "../../session/session";
import { type Palette, uncertain } from "../../style/colours";
import { boxOf, buttonOf, element, listen, type Place, setAttributes, setText, uniqueId } from "../../style/dom";
import { cellDecimals, decimalsOfSum, featureLabel, percent, plain, shorten, signed } from "../../style/format";
import type { FieldText, Progress, Settings } from "../../wire/protocol";
import { nameOf, paintedFor } from "../matrix/names";
import { createTooltip } from "../matrix/tooltip";
import { type ContrastActions, createContrast } from "./contrast";
import { createEditor } from "./editor";
import { createFind } from "./find";
import { createLocks, type LocksActions } from "./locks";
import { createPicture, type PictureData } from "./picture";
import { createFlow } from "./text";

export interface PanelData {
  readonly settings: Settings;
  readonly edit: Edit;
  readonly fields: readonly FieldText[] | null;
  readonly busy: boolean;
  readonly waiting: Waiting;
  readonly has_model: boolean;
  readonly shown: Shown | null;
  readonly lighting: Lighting | null;
  /** The part of the prompt that was pinned last. */
  readonly pinned: Range | null;
  readonly palette: Palette;
  readonly progress: Progress | null;
  /** Whether the pointer is here: the numbers of what is under it are told. */
  readonly tip: boolean;
  /** The prompt's image, where it has one. */
  readonly picture: Picture | null;
}

export interface PanelActions extends ContrastActions, LocksActions {
  edit(patch: Partial<Settings>): void;
  run(): void;
  write(): void;
  /** tip: with its numbers beside it. */
  hover(row: number, column: number, tip?: boolean): void;
  pin(row: number, column: number): void;
  span(from: number, to: number, more: boolean): void;
  /** Puts the columns from one to another together. */
  group(from: number, to: number): void;
  /** Opens what locks, hides and puts together by pattern. */
  parts(): void;
  /** Scrolls a row or column of the matrix into sight. */
  reveal(cell: Cell): void;
  redraw(): void;
}

export interface Panel {
  readonly element: HTMLElement;
  /** For the end of the widget's main part: it may reach over the matrix. */
  readonly tooltip: HTMLElement;
  update(data: PanelData): void;
  /** Asks for a token and lights it. */
  find(): void;
}

export function createPanel(place: Place, actions: PanelActions): Panel {
  const { document } = place;
  let spans = false;
  let adds = false;
  let editing = false;
  /** Whether the editor is to have the focus once it is there. */
  let opening = false;
  let last: PanelData | null = null;
  const cancel = () => {
    editing = false;
    if (last) actions.edit(before(last));
    actions.redraw();
  };
  const editor = createEditor(place, { ...actions, cancel });
  const prompt = createFlow(place, "Prompt", {
    hover: (line) => actions.hover(-1, line),
    pin: (line) => actions.pin(-1, line),
    span: (from, to) => adds && actions.group(from, to),
  });
  const answer = createFlow(place, "Answer", {
    hover: (line) => actions.hover(line, -1),
    pin: (line) => actions.pin(line, -1),
    span: (from, to, more) => spans && actions.span(from, to, more),
  });
  let table: Table | null = null;
  const columnOf = (feature: number) => table?.columns.findIndex(({ members }) => members.includes(feature)) ?? -1;
  const picture = createPicture(place, {
    hover: (feature) => actions.hover(-1, columnOf(feature)),
    pin: (feature) => actions.pin(-1, columnOf(feature)),
    redraw: actions.redraw,
  });
  const contrast = createContrast(place, actions);
  const locks = createLocks(place, actions);
  const edit = buttonOf(document, "link", "Edit");
  const find = createFind(
    place,
    () => table,
    (match) => {
      actions.hover(match?.row ?? -1, match?.column ?? -1, false);
      if (match) actions.reveal(match);
    },
  );
  const say = element(document, "p", { class: "law-say" });
  const tooltip = createTooltip(place, `${uniqueId(document)}-tip`);
  const heading = (...content: (Node | string)[]) => boxOf(document, "heading", ...content);
  const name = element(document, "span");
  const parts = buttonOf(document, "link", "Lock, hide…", { title: "Lock, hide or put together what a pattern finds" });
  listen(parts, "click", () => actions.parts());
  const painted = element(
    document,
    "div",
    {},
    find.element,
    heading(name, element(document, "span", {}, parts, edit)),
    prompt.element,
    locks.element,
    heading("Answer", contrast.button),
    answer.element,
    contrast.element,
    say,
  );
  const root = element(
    document,
    "section",
    { class: "law-panel", "aria-label": "Prompt and answer" },
    picture.element,
    editor.element,
    painted,
  );
  /** What is lit in here, and the numbers that it has. */
  const tell = ({ tip, shown, lighting, progress, picture: image }: PanelData) => {
    const lit = lighting?.over;
    const target =
      lit && (lit.row < 0 ? (prompt.wordAt(lit.column) ?? (image && picture.element)) : answer.wordAt(lit.row));
    if (!tip || !shown || !lighting || !target) return tooltip.hide();
    const [own, at] = [(root.closest(".law") ?? root).getBoundingClientRect(), target.getBoundingClientRect()];
    const anchor = { x: at.x - own.x, y: at.y - own.y, width: at.width, height: at.height };
    const { row, column } = lighting;
    const { table, spanned } = shown;
    tooltip.update({ table, progress, row, column, spanned, total: paintedFor(shown, -1) }, anchor, own);
  };
  listen(edit, "click", () => {
    editing = true;
    opening = true;
    actions.redraw();
  });
  let run = -1;
  return {
    element: root,
    tooltip: tooltip.element,
    find() {
      if (!painted.hidden) find.open();
    },
    update(data) {
      last = data;
      const chart = data.shown?.matrix.chart ?? null;
      if (chart !== null && chart.run !== run) editing = false;
      run = chart?.run ?? -1;
      // Once a run is asked for, its texts are no edit any more, though it has nothing to show yet.
      const asked = data.busy || data.waiting === "run";
      const edited = data.edit.texts && !asked;
      // The run on show keeps its texts beside its numbers.
      painted.hidden = chart === null;
      // What is written in goes away: the focus stays in the widget.
      const held = editor.element.matches(":focus-within");
      editor.element.hidden = !(editing || edited || painted.hidden);
      if (held && editor.element.hidden) root.closest<HTMLElement>("[tabindex]")?.focus({ preventScroll: true });
      if (!editor.element.hidden) editor.update({ ...data, edited, ran: !painted.hidden });
      if (opening) editor.focus();
      opening = false;
      // Beside an edit, this is the prompt that the numbers are of.
      setText(name, editor.element.hidden ? "Prompt" : "Prompt as it was run");
      edit.disabled = data.busy;
      edit.hidden = !data.has_model || !editor.element.hidden;
      contrast.update({ ...data, chart, chosen: data.lighting && chosenOf(data.lighting) });
      const { shown, lighting, palette } = data;
      if (shown === null || lighting === null) {
        tooltip.hide();
        table = null;
        picture.update(data.picture && bare(data.picture, palette));
        return;
      }
      const { colours, hatched } = palette;
      const { lit } = lighting;
      table = shown.table;
      spans = spansAdd(shown.matrix.chart);
      adds = shown.matrix.chart.adds_up;
      const none: ReadonlySet<number> = new Set();
      prompt.reveal(lit.column);
      answer.reveal(lit.row);
      prompt.update({
        stretches: shown.prompt,
        paint: lighting.promptPaint,
        colours,
        adds,
        hatched,
        lit: lit.column,
        span: none,
        pins: lighting.columnPins,
        locked: lockedPieces(shown.matrix.chart, data.settings.locked_stretches),
      });
      const { locked_stretches: locked, locked_segments: segments } = data.settings;
      locks.update({ ...data, shown, locked, segments: segments ?? [] });
      answer.update({
        stretches: shown.answer,
        paint: lighting.answerPaint,
        colours,
        adds,
        hatched,
        lit: lit.row,
        span: lit.span,
        pins: lighting.rowPins,
        locked: [],
      });
      picture.update(data.picture && pictureData(data.picture, palette, shown, lighting));
      explain(document, say, shown, lighting);
      tell(data);
      setAttributes(root, { "data-painted": lighting.row });
    },
  };
}

/** The output tokens that are spanned (from the first to the last), else the one pinned last. */
function chosenOf({ lit, rowPins }: Lighting): readonly [number, number] | null {
  if (lit.span.size > 0) return [Math.min(...lit.span), Math.max(...lit.span) + 1];
  const pin = rowPins.at(-1);
  return pin ? [pin.line, pin.line + 1] : null;
}

/** What the editor changes, as it is in the run on display, else as the prompt was given. */
function before({ shown, edit, settings, fields }: PanelData): Partial<Settings> {
  const chart = shown?.matrix.chart;
  if (!chart) return { prompt: fields?.map(({ text }) => text).join("") ?? settings.prompt, texts: null };
  return edit.texts ? textsOf(chart) : {};
}

/** The picture before there are numbers for what is in the editor. */
function bare(picture: Picture, palette: Palette): PictureData {
  return { picture, tint: null, palette, lit: -1, pins: [], name: "", features: [], label: "", unit: "", fades: false };
}

function pictureData(
  picture: Picture,
  palette: Palette,
  shown: Shown,
  { row, lit, columnPins }: Lighting,
): PictureData {
  const { table } = shown;
  const { features, label, unit, sampled } = table.chart;
  const feature = (column: number) => table.columns[column]?.members[0] ?? -1;
  return {
    picture,
    tint: featureTint(table, row, row < 0 ? shown.sequenceLimit : shown.limits(row)),
    palette,
    lit: feature(lit.column),
    pins: columnPins.map(({ letter, line }) => ({ letter, feature: feature(line) })),
    name: paintedFor(shown, row),
    features,
    label,
    unit,
    fades: sampled,
  };
}

/** name: the word, in quotes and with its place where it needs them. */
interface Named {
  readonly word: string;
  readonly name: string;
  readonly value: number;
}

const named = ({ columns }: Table, { values }: Paint, at: number): Named => ({
  word: shorten(featureLabel(columns[at]?.text ?? ""), 24),
  name: nameOf(columns, at, 24),
  value: values[at] as number,
});

/** What speaks most for (first, at most three) and against (at most two): nothing small, nothing that could be noise. */
export function strongestWords(table: Table, paint: Paint): readonly Named[] {
  const { errors, limit } = paint;
  const value = (at: number) => paint.values[at] as number;
  const worth = [...table.columns.keys()].filter(
    (at) => Math.abs(value(at)) >= 0.1 * limit && !uncertain(value(at), errors[at] as number),
  );
  worth.sort((a, b) => value(b) - value(a));
  const pro = worth.filter((at) => value(at) > 0).slice(0, 3);
  const against = worth.filter((at) => value(at) < 0).slice(-2);
  return [...pro, ...against.reverse()].map((at) => named(table, paint, at));
}

function explain(document: Document, say: HTMLElement, shown: Shown, lighting: Lighting): void {
  const { row, column, lit, promptPaint } = lighting;
  // A total has as many digits as its parts.
  const decimals = cellDecimals(Math.min(promptPaint.limit, shown.limit));
  const { table, spanned } = shown;
  const name = paintedFor(shown, row);
  const words = strongestWords(table, promptPaint);
  const spans = spansAdd(table.chart) ? "Drag over the answer to explain a span, click" : "Click";
  const hint = `${spans} a word to pin it${spanned.size > 0 || lit.brush ? ", Esc to clear" : ""}.`;
  const sum = lit.brush ? `${brushed(shown, lit.brush)} ` : "";
  const word = column < 0 ? "" : nameOf(table.columns, column);
  const key = JSON.stringify([name, word, words, hint, sum]);
  if (say.dataset["for"] === key) return;
  say.dataset["for"] = key;
  const list = (lead: string, some: readonly Named[]): readonly (Node | string)[] =>
    some.flatMap(({ word, name, value }, at) => [
      (at === 0 ? ` ${lead} ` : ", ") + name.slice(0, name.indexOf(word)),
      // Numbers stay on their side of a word that is written from right to left.
      element(document, "bdi", {}, word),
      `${name.slice(name.indexOf(word) + word.length)} ${signed(value, decimals)}${at === some.length - 1 ? "." : ""}`,
    ]);
  say.replaceChildren(
    ...(sum ? [element(document, "span", {}, sum)] : []),
    element(
      document,
      "span",
      {},
      "Prompt painted for ",
      element(document, "b", {}, name),
      ".",
      ...list(
        "Most for it:",
        words.filter(({ value }) => value > 0),
      ),
      ...list(
        "Against:",
        words.filter(({ value }) => value < 0),
      ),
    ),
    ...(word ? [element(document, "span", {}, "Answer painted for ", element(document, "b", {}, word), ".")] : []),
    element(document, "small", {}, hint),
  );
}

/** What a brushed rectangle adds up to, where it may be added up. */
export function brushed({ table }: Pick<Shown, "table">, box: readonly [Cell, Cell]): string {
  const rows = box[1].row - box[0].row + 1;
  const columns = box[1].column - box[0].column + 1;
  const what = `${rows} × ${columns} cells brushed`;
  if (!table.chart.adds_up || (rows > 1 && !spansAdd(table.chart))) return `${what}; they don’t add up.`;
  const { value, error, share } = addBox(table, box);
  const inside = (of: Float32Array) =>
    Array.from({ length: rows }, (_, row) => [
      ...rowOf(of, box[0].row + row, table.columns.length).subarray(box[0].column, box[1].column + 1),
    ]).flat();
  const decimals = decimalsOfSum(value, error, inside(table.values), inside(table.errors));
  const spread = error > 0 ? ` (error at most ${plain(error, decimals)})` : "";
  return `${what}: together ${signed(value, decimals)} ${table.chart.unit}${spread}, ${percent(share)} of their rows.`;
}
