import { courseOf, strongestCell } from "../data/history";
import type { Shown } from "../data/shown";
import { type Line, lineAt } from "../data/table";
import { levelOf, offers } from "../data/units";
import { buttonOf, claim, element, listen, type Place, setAttributes } from "../style/dom";
import { featureLabel } from "../style/format";
import type { Choice, Choices, Granularity, Settings } from "../wire/protocol";
import { createEmpty } from "./around/empty";
import { createFailure } from "./around/failure";
import { createHelp } from "./around/help";
import { createMilestones } from "./around/milestones";
import { createNotice, noticeOf } from "./around/notice";
import { createSaved } from "./around/saved";
import { createTrust } from "./around/trust";
import { createBar } from "./bar/bar";
import { createExport } from "./bar/export";
import { createBeside } from "./beside/beside";
import { createCourse, type Point } from "./beside/course";
import { createList } from "./matrix/list";
import { createMatrix } from "./matrix/matrix";
import { createCustom } from "./panel/custom";
import { createPanel } from "./panel/panel";
import type { MakeView, PartsActions, PartsData } from "./view";

/**
 * Views that stand by themselves, below all others in this order. To add one: a file with a `MakeView`, which imports its
 * own style sheet, and a line here.
 */
const VIEWS: readonly MakeView[] = [createMilestones];

export interface Parts {
  readonly elements: readonly HTMLElement[];
  update(data: PartsData): void;
}

/** Cells of a matrix from which on it is drawn in a frame of its own while numbers stream. */
const LARGE = 100_000;

export function createParts(place: Place, actions: PartsActions): Parts {
  const { document } = place;
  const bar = createBar(place, actions);
  const saved = createSaved(place, actions);
  const failure = createFailure(place, actions.dismiss);
  const empty = createEmpty(place);
  const notice = createNotice(place, actions);
  const list = createList(place);
  const course = createCourse(place);
  const beside = createBeside(place, actions);
  const opens = buttonOf(document, "open", course.element);
  opens.title = "How the numbers settled";
  beside.opensCourse(opens);
  const trust = createTrust(place, beside.steps, opens);
  const help = createHelp(place);
  const panel = createPanel(place, {
    ...actions,
    parts: () => custom.open(),
    reveal: (cell) => matrix.reveal(cell),
    hover: (row, column, tip = true) => actions.hover(row, column, tip ? "panel" : null),
  });
  const matrix = createMatrix(place, {
    ...actions,
    hover: (cell) => actions.hover(cell?.row ?? -1, cell?.column ?? -1, "matrix"),
    pin: ({ row, column }) => actions.pin(row, column),
  });
  const views = VIEWS.map((make) => make(place, actions));
  const custom = createCustom(place, actions);
  bar.levels.append(custom.element);
  const exporting = createExport(place, actions.page);
  bar.extras.append(...beside.buttons, exporting.element, beside.pause);
  const stage = element(document, "section", { class: "law-stage", "aria-label": "Attributions" });
  stage.append(notice.element, matrix.element, list.element, empty.element);
  const main = element(document, "div", { class: "law-main", tabindex: -1 }, panel.element, stage, panel.tooltip);
  let last: PartsData | null = null;
  let late = false;
  const rest = (data: PartsData) => {
    const { state, busy, shown, lighting, palette, listed } = data;
    bar.update({ ...data.live, choices: choicesOf(data), settings: state.settings, busy });
    beside.update(data);
    custom.update({
      chart: shown?.matrix.chart ?? null,
      groups: data.sight.groups,
      hidden: shown?.hidden ?? 0,
      locked: state.has_model
        ? state.settings.locked_stretches.length + (state.settings.locked_segments ?? []).length
        : null,
      pinned: data.selection.pins.flatMap((pin) => pin.feature ?? []),
    });
    saved.update(data);
    failure.update(state.failure);
    empty.element.hidden = shown !== null;
    empty.update({ ...state, busy, ready: state.settings.prompt.trim() !== "" });
    list.element.hidden = !listed || shown === null;
    exporting.update(shown, state.progress, palette);
    if (shown && lighting) {
      if (listed) list.update(shown.table, shown.limit, state.progress);
      const { added, chart } = shown.table;
      const said = data.comparison ? null : noticeOf({ ...state, chart, added, busy });
      notice.update(said && { ...said, rerun: state.has_model ? said.rerun : "" });
    } else notice.update(null);
    // Calls and errors are those of one run, not of a difference.
    trust.element.hidden = data.comparison !== null && data.selection.side === "difference";
    if (shown) course.update(...courseFor(shown, data));
    const pinned = data.selection.pins.findLast((pin) => pin.feature !== null)?.feature ?? null;
    panel.update({
      ...state,
      edit: data.edit,
      tip: data.open === "panel",
      busy,
      shown,
      lighting,
      palette,
      pinned,
      picture: data.picture,
    });
    trust.update({ ...state, chart: shown?.matrix.chart ?? null });
    for (const view of views) view.update(data);
  };
  listenEverywhere(main, {
    clear: actions.clear,
    help: () => help.toggle(),
    find: () => panel.find(),
    stop: () => last?.busy && actions.stop(),
    coarser() {
      if (!last) return;
      const names = choicesOf(last).granularities.map((choice) => choice.name);
      const next = names[(names.indexOf(last.state.settings.granularity) + 1) % names.length];
      actions.edit({ granularity: next as Settings["granularity"] });
    },
  });
  return {
    elements: [
      bar.element,
      saved.element,
      beside.bar,
      failure.element,
      main,
      beside.drawer,
      trust.element,
      help.element,
      ...views.map((view) => view.element),
    ],
    update(data) {
      const before = last;
      last = data;
      const { state, shown, lighting, palette, open, listed } = data;
      setAttributes(matrix.element, { "data-empty": shown === null });
      // First of all: it measures its tooltip, and whatever was changed before would have to be laid out for that.
      if (shown && lighting)
        matrix.update({
          shown,
          progress: state.progress,
          palette,
          lit: lighting.lit,
          open: open === "matrix" ? lighting.over : null,
          listed,
        });
      late = !late && isFollowing(before, data);
      if (late) actions.redraw();
      else rest(data);
    },
  };
}

/** What the controls offer: where no run can be made, the levels at which this one can be shown. */
function choicesOf({ state: { choices, has_model }, shown }: PartsData): Choices {
  if (has_model || !shown) return choices;
  const { chart } = shown.matrix;
  const own = (choice: Choice) => (choice.name === chart.settings.granularity ? levelOf(chart) : choice.label);
  const levels = choices.granularities.filter(({ name }) => offers(chart, name as Granularity));
  return { ...choices, granularities: levels.map((choice) => ({ ...choice, label: own(choice) })) };
}

/**
 * Whether these are new numbers of the large matrix that is on show: drawing it takes most of a frame, so that all that
 * stands around it comes with the next one.
 */
function isFollowing(before: PartsData | null, { busy, shown }: PartsData): boolean {
  const matrix = shown?.matrix;
  if (!busy || !matrix || matrix.values.length < LARGE || before?.shown === shown) return false;
  return before?.shown?.matrix.chart.run === matrix.chart.run;
}

/** The course of the pinned cell, else of the strongest one. Cells of groups have none: it is the run's own numbers. */
function courseFor(
  { matrix, base }: Shown,
  { history, selection }: PartsData,
): readonly [readonly Point[], string, string] {
  const pin = selection.pins.findLast(({ output, feature }) => output !== null && feature !== null);
  const [row, column] = [lineAt(base.rows, pin?.output ?? null), lineAt(base.columns, pin?.feature ?? null)];
  if (history.run !== matrix.chart.run || history.snapshots.length === 0) return [[], "", matrix.chart.unit];
  const cell = row >= 0 && column >= 0 ? row * matrix.features + column : strongestCell(matrix);
  const text = (lines: readonly Line[], at: number) => featureLabel(lines[at]?.text ?? "");
  const names = [text(base.columns, cell % matrix.features), text(base.rows, Math.floor(cell / matrix.features))];
  return [courseOf(history, matrix, cell), names.join(" → "), matrix.chart.unit];
}

/** Keys that work wherever the focus is in the widget, unless something is being typed. */
function listenEverywhere(
  main: HTMLElement,
  keys: { clear(): void; help(): void; find(): void; stop(): void; coarser(): void },
): void {
  const acts: Readonly<Record<string, () => void>> = {
    Escape: keys.clear,
    "?": keys.help,
    "/": keys.find,
    ".": keys.stop,
    g: keys.coarser,
  };
  listen(main, "keydown", (event) => {
    const typing = event.target instanceof Element && event.target.closest("input, textarea, select");
    const act = acts[event.key];
    if (typing || !act || event.ctrlKey || event.metaKey || event.altKey) return;
    claim(event);
    act();
  });
}
