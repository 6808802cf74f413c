/** All that stands beside the matrix, put together: kept runs, comparing, the drawer, the steps of trust. */
import type { Comparison, Side } from "../../data/comparison";
import { courseOf, type History, strongestCell } from "../../data/history";
import type { Selection } from "../../data/selection";
import type { Shown } from "../../data/shown";
import { settledTop } from "../../data/stability";
import { lineAt } from "../../data/table";
import { runsOf } from "../../session/runs";
import type { SessionState } from "../../session/session";
import type { Palette } from "../../style/colours";
import { buttonOf, listen, type Place, setAttributes, setText } from "../../style/dom";
import { featureLabel } from "../../style/format";
import type { Replacement } from "../../wire/protocol";
import { createCompare } from "./compare";
import { createConvergence, type Trace } from "./convergence";
import { createDrawer } from "./drawer";
import { createRuns } from "./runs";
import { createSteps } from "./steps";
import { createVerdict } from "./verdict";
import { createWhatIf } from "./whatif";

/** state: as it is looked at; live: as it is. busy: a run is in progress, whichever is looked at. */
export interface BesideData {
  readonly state: SessionState;
  readonly live: SessionState;
  readonly busy: boolean;
  readonly comparison: Comparison | null;
  readonly shown: Shown | null;
  readonly selection: Selection;
  readonly history: History;
  readonly palette: Palette;
}

export interface BesideActions {
  pause(): void;
  resume(): void;
  extend(run: number): void;
  check(run: number): void;
  whatIf(run: number, absent: readonly number[], replaced: readonly Replacement[]): void;
  show(run: number): void;
  rename(run: number, name: string): void;
  compare(pair: readonly [number, number] | null): void;
  side(side: Side): void;
  redraw(): void;
}

/** buttons: for the bar; bar: below it; drawer: below the matrix; steps: for the strip of trust. */
export interface Beside {
  readonly buttons: readonly HTMLElement[];
  readonly pause: HTMLElement;
  readonly bar: HTMLElement;
  readonly drawer: HTMLElement;
  readonly steps: HTMLElement;
  /** Makes an element open the plot of how the numbers settled. */
  opensCourse(button: HTMLElement): void;
  update(data: BesideData): void;
}

/** At most so many of the strongest; one at least is not among them. */
const TOP = 3;

const topOf = (shown: Shown | null) => Math.min(TOP, (shown?.table.columns.length ?? 0) - 1);
/** How often it is told anew, while numbers stream, how far the top is settled. */
const SETTLED_MS = 250;

export function createBeside(place: Place, actions: BesideActions): Beside {
  const { document } = place;
  let data: BesideData | null = null;
  let settled: { shown: Shown | null; chance: number; at: number } = { shown: null, chance: Number.NaN, at: 0 };
  const shownRun = () => data?.shown?.matrix.chart.run ?? null;
  const runs = createRuns(place, {
    ...actions,
    compare(run) {
      const shown = shownRun();
      if (shown !== null) actions.compare([run, shown]);
    },
  });
  const compare = createCompare(place, actions);
  const convergence = createConvergence(place);
  const verdict = createVerdict(place);
  const whatIf = createWhatIf(place, { ask: actions.whatIf });
  const drawer = createDrawer(
    place,
    { what_if: whatIf.element, course: convergence.element, check: verdict.element },
    actions.redraw,
  );
  const steps = createSteps(place, { ...actions, figures: () => drawer.toggle("check") });
  const what = buttonOf(document, "pill law-button law-what", "What if");
  listen(what, "click", () => drawer.toggle("what_if"));
  const pause = buttonOf(document, "pill law-button law-pause");
  listen(pause, "click", () => (data?.live.phase === "paused" ? actions.resume() : actions.pause()));
  return {
    buttons: [runs.element, what],
    pause,
    bar: compare.element,
    drawer: drawer.element,
    steps: steps.element,
    opensCourse(button) {
      listen(button, "click", () => drawer.toggle("course"));
    },
    update(now) {
      data = now;
      const { state, live, busy, shown, comparison, selection, palette } = now;
      const chart = shown?.matrix.chart ?? null;
      const all = runsOf(live);
      runs.update({ runs: all, names: live.names, shown: comparison ? null : (chart?.run ?? null) });
      compare.update({ comparison, runs: all, names: live.names, side: selection.side });
      what.hidden = live.absent || !chart?.askable;
      if (live.absent && drawer.open === "what_if") drawer.toggle("what_if");
      setAttributes(what, { "aria-pressed": String(drawer.open === "what_if") });
      // While numbers stream it is not reckoned anew with each of them: that takes longer than to read it.
      const fresh = shown !== settled.shown && (!busy || Date.now() - settled.at > SETTLED_MS);
      if (fresh) settled = { shown, chance: chanceOf(shown), at: Date.now() };
      pause.hidden = !busy || live.waiting === "run";
      setText(pause, live.phase === "paused" ? "Resume" : "Pause");
      const found = comparison ? null : (state.checks.find(({ run }) => run === chart?.run) ?? null);
      steps.update({
        chart: comparison ? null : chart,
        phase: state.phase,
        absent: live.absent,
        busy,
        verdict: found,
        checking: chart !== null && state.checking === chart.run,
        settled: settled.chance,
        top: topOf(shown),
      });
      if (drawer.open === "what_if") whatIf.update({ chart, asked: state.asked, colours: palette.colours });
      if (drawer.open === "check") verdict.update(found, chart?.unit ?? "");
      if (drawer.open === "course") convergence.update(tracesOf(now), chart?.unit ?? "");
      drawer.reveal();
    },
  };
}

function chanceOf(shown: Shown | null): number {
  const top = topOf(shown);
  return shown && top > 0 ? settledTop(shown.table.sequence, shown.table.sequence_errors, top) : Number.NaN;
}

/** The courses of the pinned cells; of the strongest one where no cell is pinned. */
function tracesOf({ shown, selection, history }: BesideData): readonly Trace[] {
  if (!shown || history.run !== shown.matrix.chart.run) return [];
  const { base, matrix } = shown;
  const cells = selection.pins.flatMap(({ letter, output, feature }) => {
    const [row, column] = [lineAt(base.rows, output), lineAt(base.columns, feature)];
    return row < 0 || column < 0 ? [] : [{ letter, cell: row * matrix.features + column }];
  });
  const chosen = cells.length > 0 ? cells : [{ letter: "", cell: strongestCell(matrix) }];
  return chosen.map(({ letter, cell }) => {
    const feature = featureLabel(base.columns[cell % matrix.features]?.text ?? "");
    const output = featureLabel(base.rows[Math.floor(cell / matrix.features)]?.text ?? "");
    return { letter, name: `${feature} → ${output}`, points: courseOf(history, matrix, cell) };
  });
}
