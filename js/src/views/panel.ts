/** The left side: prompt and answer, painted, or the editor that changes them. */
import { element, type Place, setAttributes } from "../dom";
import { decimalsFor, featureLabel, percent, plain, shorten, signed } from "../format";
import type { Cell } from "../layout";
import type { Lighting } from "../lighting";
import type { Picture } from "../picture";
import type { Chart, Settings } from "../protocol";
import { addBox, spansAdd } from "../regroup";
import type { Colours } from "../scale";
import type { Waiting } from "../session";
import type { Table } from "../table";
import { createEditor } from "./editor";
import { createFind } from "./find";
import { createFlow } from "./text";

export interface PanelData {
  readonly settings: Settings;
  readonly busy: boolean;
  readonly waiting: Waiting;
  readonly picture: Picture | null;
  readonly lighting: Lighting | null;
  readonly colours: Colours;
}

export interface PanelActions {
  edit(patch: Partial<Settings>): void;
  run(): void;
  write(): void;
  hover(row: number, column: number): void;
  pin(row: number, column: number): void;
  span(from: number, to: number, more: boolean): void;
  /** Puts the columns from one to another together. */
  group(from: number, to: number): void;
  redraw(): void;
}

export interface Panel {
  readonly element: HTMLElement;
  update(data: PanelData): void;
  /** Asks for a token and lights it. */
  find(): void;
}

export function createPanel(place: Place, actions: PanelActions): Panel {
  const { document } = place;
  let spans = false;
  let adds = false;
  const editor = createEditor(place, actions);
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
  const edit = element(document, "button", { type: "button", class: "law-link" }, "Edit");
  let table: Table | null = null;
  const find = createFind(
    place,
    () => table,
    (match) => actions.hover(match?.row ?? -1, match?.column ?? -1),
  );
  const say = element(document, "p", { class: "law-say" });
  const heading = (...content: (Node | string)[]) => element(document, "div", { class: "law-heading" }, ...content);
  const painted = element(
    document,
    "div",
    {},
    find.element,
    heading("Prompt", edit),
    prompt.element,
    heading("Answer"),
    answer.element,
    say,
  );
  const root = element(
    document,
    "section",
    { class: "law-panel", "aria-label": "Prompt and answer" },
    editor.element,
    painted,
  );
  let editing = false;
  edit.addEventListener("click", () => {
    editing = true;
    actions.redraw();
    editor.focus();
  });
  let run = -1;
  return {
    element: root,
    find() {
      if (!painted.hidden) find.open();
    },
    update(data) {
      const chart = data.picture?.matrix.chart ?? null;
      if (chart !== null && chart.run !== run) editing = false;
      run = chart?.run ?? -1;
      const changed = chart === null || !shows(chart, data.settings);
      editor.element.hidden = !(editing || changed);
      painted.hidden = editing || changed;
      if (!editor.element.hidden) editor.update(data);
      edit.disabled = data.busy;
      if (painted.hidden || data.picture === null || data.lighting === null) return;
      const { picture, lighting, colours } = data;
      const { lit } = lighting;
      table = picture.table;
      spans = spansAdd(picture.matrix.chart);
      adds = picture.matrix.chart.adds_up;
      const none: ReadonlySet<number> = new Set();
      prompt.update({
        stretches: picture.prompt,
        paint: lighting.promptPaint,
        colours,
        lit: lit.column,
        span: none,
        pins: lighting.columnPins,
      });
      answer.update({
        stretches: picture.answer,
        paint: lighting.answerPaint,
        colours,
        lit: lit.row,
        span: lit.span,
        pins: lighting.rowPins,
      });
      explain(document, say, picture, lighting);
      setAttributes(root, { "data-painted": lighting.row });
    },
  };
}

/** True where the run on display is about the text in the editor. */
function shows(chart: Chart, now: Settings): boolean {
  const run = chart.settings;
  if (run.prompt !== now.prompt) return false;
  return now.target === null || now.target === run.target || now.target === chart.outputs.join("");
}

function explain(document: Document, say: HTMLElement, picture: Picture, { row, lit }: Lighting): void {
  const { table, spanned } = picture;
  const words = row >= 0 ? [row] : [...spanned];
  const text = words.map((at) => table.rows[at]?.text ?? "").join("");
  const name = text === "" ? "the whole answer" : `“${shorten(featureLabel(text), 40)}”`;
  const spans = spansAdd(table.chart) ? "Drag over the answer to explain a span, click" : "Click";
  const hint = ` ${spans} a word to pin it${spanned.size > 0 || lit.brush ? ", Esc to clear" : ""}.`;
  const sum = lit.brush ? `${brushed(picture, lit.brush)} ` : "";
  if (say.dataset["for"] === name + hint + sum) return;
  say.dataset["for"] = name + hint + sum;
  say.replaceChildren(sum, "Prompt painted for ", element(document, "b", {}, name), ".", hint);
}

/** What a brushed rectangle adds up to, where it may be added up. */
export function brushed({ table, limit }: Picture, box: readonly [Cell, Cell]): string {
  const rows = box[1].row - box[0].row + 1;
  const columns = box[1].column - box[0].column + 1;
  const what = `${rows} × ${columns} cells brushed`;
  if (!table.chart.adds_up || (rows > 1 && !spansAdd(table.chart))) return `${what}; they don’t add up.`;
  const { value, error, share } = addBox(table, box);
  const decimals = decimalsFor(limit);
  const spread = error > 0 ? ` (error at most ${plain(error, decimals)})` : "";
  return `${what}: together ${signed(value, decimals)} ${table.chart.unit}${spread}, ${percent(share)} of their rows.`;
}
