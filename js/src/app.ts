/** One opened view of a session: puts the parts together and draws at most once a frame. */

import { type History, NO_HISTORY, remember } from "./data/history";
import { lockedIn } from "./data/locks";
import { chooseSpan, clear, hover, lifted, type Selection, type Texts, togglePin, within } from "./data/selection";
import { type Look, type Shown, sameShown, shownFrom } from "./data/shown";
import { grouped, type Stretches, sightOf, WHOLE } from "./data/sight";
import type { Cell } from "./data/table";
import { lightingOf, rangeOf, spotOf } from "./draw/lighting";
import { type Picture, pictureFrom } from "./draw/picture";
import { withoutKernel } from "./session/absent";
import { runsOf } from "./session/runs";
import { createSeen, type Seen } from "./session/seen";
import type { Session, SessionState } from "./session/session";
import type { Store } from "./session/store";
import type { Palette } from "./style/colours";
import { element, type Place, setAttributes } from "./style/dom";
import { dress, hostTheme, paletteOf, watchTheme } from "./style/theme";
import { createParts, type Parts } from "./views/parts";
import type { Where } from "./views/view";
import { isBusy } from "./wire/phase";
import type { Chart } from "./wire/protocol";

/** Shows a session inside `host` until the returned function is called; nothing is left then. */
export function mount(host: HTMLElement, session: Session, selection: Store<Selection>): () => void {
  const ending = new AbortController();
  const place: Place = { document: host.ownerDocument, signal: ending.signal };
  const app = new App(place, host, session, selection);
  const off = [session.store.watch(() => app.redraw()), selection.watch(() => app.redraw())];
  app.draw();
  return () => {
    for (const stop of off) stop();
    ending.abort();
    app.remove();
  };
}

/** The texts of a chart: joined once. */
interface Known {
  readonly chart: Chart;
  readonly texts: Texts;
}

function textsOf(chart: Chart | null, known: Known | null): Known | null {
  if (!chart || chart === known?.chart) return known;
  const prompt = chart.pieces.map(({ text }) => text).join("");
  return { chart, texts: { prompt, answer: chart.outputs.join("") } };
}

class App {
  readonly #place: Place;
  readonly #session: Session;
  readonly #selection: Store<Selection>;
  readonly #root: HTMLElement;
  readonly #parts: Parts;
  readonly #seen = createSeen();
  /** How older runs came to be: their courses stay as long as the view. */
  readonly #courses = new Map<number, History>();
  #palette: Palette;
  /** A style sheet counts only in the page: hosts render first and attach later. */
  #attached: boolean;
  #shown: Shown | null = null;
  #texts: Known | null = null;
  /** Whether places in what is on show are places in its prompt. */
  #aligned = true;
  /** Where in this view the pointer is: there is the tooltip. */
  #open: Where = null;
  #picture: { readonly key: string; readonly picture: Picture } | null = null;
  #listed = false;
  #hatched = false;
  #history: History = NO_HISTORY;
  /** The numbers that the course has: of which run, and from which event. */
  #remembered = { run: -1, seq: -1 };
  #request = 0;

  constructor(place: Place, host: HTMLElement, session: Session, selection: Store<Selection>) {
    this.#place = place;
    this.#session = session;
    this.#selection = selection;
    // JupyterLab takes no keys for its shortcuts from inside an element marked like this.
    this.#root = element(place.document, "div", { class: "law", "data-lm-suppress-shortcuts": "true" });
    host.append(this.#root);
    // Before there are parts: to ask for a style is to have all of them styled.
    this.#palette = this.#readTheme();
    this.#attached = this.#root.isConnected;
    this.#parts = this.#build();
    this.#root.append(...this.#parts.elements);
    const changed = () => {
      this.#palette = this.#readTheme();
      this.redraw();
    };
    watchTheme(place.document, changed, place.signal);
  }

  redraw(): void {
    const view = this.#place.document.defaultView;
    if (this.#request !== 0 || !view || this.#place.signal.aborted) return;
    this.#request = view.requestAnimationFrame(() => {
      this.#request = 0;
      this.draw();
    });
  }

  remove(): void {
    if (this.#request !== 0) this.#place.document.defaultView?.cancelAnimationFrame(this.#request);
    this.#root.remove();
  }

  draw(): void {
    if (!this.#attached && this.#root.isConnected) {
      this.#attached = true;
      this.#palette = this.#readTheme();
    }
    const live = withoutKernel(this.#session.store.get());
    const seen = this.#seen(live, this.#selection.get().side);
    const { state } = seen;
    this.#texts = textsOf(state.matrix?.chart ?? null, this.#texts);
    const selection = this.#chosen();
    const sight = this.#sightOf(seen);
    if (selection.hatched !== this.#hatched) {
      this.#hatched = selection.hatched;
      this.#palette = this.#readTheme();
    }
    const busy = isBusy(live.phase) || live.waiting === "run";
    const shown = this.#look(seen, selection, sight);
    this.#remember(live);
    this.#parts.update({
      history: seen.comparison ? NO_HISTORY : (this.#courses.get(shown?.matrix.chart.run ?? -1) ?? this.#history),
      state,
      edit: seen.edit,
      sight,
      live,
      comparison: seen.comparison,
      busy,
      shown,
      picture: this.#pictureOf(state),
      selection,
      lighting: shown && lightingOf(shown, selection),
      palette: this.#palette,
      open: this.#open,
      listed: this.#listed,
    });
    setAttributes(this.#root, {
      "data-phase": live.waiting === "run" ? "starting" : live.phase,
      "data-run": shown?.matrix.chart.run ?? null,
      "data-seq": state.seq,
      "aria-busy": String(busy),
    });
  }

  /** What is shown of the matrix now; as before where nothing came. */
  #look({ state, comparison }: Seen, { span, scale, side }: Selection, sight: Stretches): Shown | null {
    const { matrix, settings, phase } = state;
    if (matrix === null) return null;
    const limit = comparison && side !== "difference" ? comparison.limit : null;
    const look: Look = {
      ...sight,
      level: settings.granularity,
      span,
      scale,
      streaming: phase === "running",
      limit,
    };
    if (this.#shown === null || !sameShown(this.#shown, matrix, look))
      this.#shown = shownFrom(this.#shown, matrix, look);
    return this.#shown;
  }

  /** The image of the run on display, or of the prompt that waits for its first run; decoded once. */
  #pictureOf({ matrix, pictures }: SessionState): Picture | null {
    const key = (matrix ? matrix.chart.picture : pictures.at(-1)?.key) ?? null;
    if (key === null) return null;
    const sent = pictures.find((picture) => picture.key === key);
    if (sent && this.#picture?.key !== key) this.#picture = { key, picture: pictureFrom(sent) };
    return this.#picture?.key === key ? this.#picture.picture : null;
  }

  #remember({ matrix, progress, seq }: SessionState): void {
    if (!matrix) return;
    const { run, continues } = matrix.chart;
    const fresh = seq !== this.#remembered.seq || run !== this.#remembered.run;
    this.#remembered = { run, seq };
    if (!fresh || progress?.run !== run) return;
    // A run that continues another one goes on with its course.
    if (continues !== null && this.#history.run === continues) this.#history = { ...this.#history, run };
    this.#history = remember(this.#history, matrix, progress.calls);
    this.#courses.set(run, this.#history);
  }

  #readTheme(): Palette {
    const theme = hostTheme(this.#place.document, this.#root);
    dress(this.#root, theme);
    return paletteOf(this.#root, theme, this.#hatched);
  }

  /** What is chosen in the texts of the run on show. */
  #chosen(): Selection {
    const selection = this.#selection.get();
    return this.#texts ? within(selection, this.#texts.texts) : selection;
  }

  /** Rows and columns of two that are compared are those of neither, unless both have the same. */
  #sightOf({ state, comparison }: Seen): Stretches {
    const { matrix, sights } = state;
    this.#aligned = comparison?.aligned !== false;
    if (!matrix || !this.#aligned) return WHOLE;
    return sightOf(sights, runsOf(state), matrix.chart);
  }

  // What the parts can do

  #select(change: (selection: Selection) => Selection): void {
    this.#selection.set(change(this.#chosen()));
  }

  #sight(change: (sight: Stretches) => Partial<Stretches>): void {
    const chart = this.#shown?.matrix.chart;
    if (!chart || !this.#aligned) return;
    const state = this.#session.store.get();
    const now = sightOf(state.sights, runsOf(state), chart);
    this.#session.look(chart, { ...now, ...change(now) });
  }

  #hover(row: number, column: number, where: Where): void {
    const table = this.#shown?.table;
    this.#open = row >= 0 || column >= 0 ? where : null;
    if (table) this.#select((selection) => hover(selection, spotOf(table, row, column)));
    this.redraw();
  }

  #pin(row: number, column: number): void {
    const spot = this.#shown && spotOf(this.#shown.table, row, column);
    if (spot) this.#select((selection) => togglePin(selection, spot));
  }

  #span(from: number, to: number, more: boolean): void {
    const range = this.#shown && rangeOf(this.#shown.table.rows, from, to);
    if (range) this.#select((selection) => chooseSpan(selection, range, more));
  }

  #group(from: number, to: number): void {
    const range = this.#shown && rangeOf(this.#shown.table.columns, from, to);
    if (range) this.#sight(({ groups }) => ({ groups: grouped(groups, range) }));
  }

  #brush(from: Cell, to: Cell): void {
    const table = this.#shown?.table;
    const output = table && rangeOf(table.rows, from.row, to.row);
    const feature = table && rangeOf(table.columns, from.column, to.column);
    if (output && feature) this.#select((selection) => ({ ...selection, brush: { output, feature } }));
  }

  /** Looks at an older run, with its settings in the controls: the next run can start from there. */
  #show(run: number): void {
    const kept = runsOf(this.#session.store.get()).find(({ matrix }) => matrix.chart.run === run);
    if (kept) this.#session.show(kept.matrix.chart);
  }

  #clear(): void {
    const selection = this.#chosen();
    const cleared = clear(selection);
    if (cleared !== selection) this.#selection.set(cleared);
    else this.#sight(() => ({ groups: [] }));
  }

  /** Back from a contrast: to the newest run about the same prompt that was none. */
  #uncontrast(): void {
    const live = this.#session.store.get();
    const plain = runsOf(live).findLast(({ matrix }) => {
      const { against, prompt } = matrix.chart.settings;
      return against === null && prompt === live.settings.prompt;
    });
    if (plain) this.#show(plain.matrix.chart.run);
    else this.#session.edit({ against: null });
  }

  #build(): Parts {
    const session = this.#session;
    return createParts(this.#place, {
      edit: (patch) => session.edit(patch),
      revert: () => this.#shown && session.edit(this.#shown.matrix.chart.settings),
      run: () => session.run(),
      contrast: (target, against) => {
        session.edit({ target, against, value: "log_prob" });
        session.run();
      },
      uncontrast: () => this.#uncontrast(),
      pause: () => session.pause(),
      resume: () => session.resume(),
      extend: (run) => session.extend(run),
      check: (run) => session.check(run),
      whatIf: (run, absent, replaced) => session.whatIf(run, absent, replaced),
      show: (run) => this.#show(run),
      rename: (run, name) => session.rename(run, name),
      compare: (pair) => {
        this.#select((selection) => ({ ...selection, side: "a" }));
        session.compare(pair);
      },
      side: (side) => this.#select((selection) => ({ ...selection, side })),
      stop: () => session.stop(),
      write: () => session.generate(),
      dismiss: () => session.dismissFailure(),
      hover: (row, column, where) => this.#hover(row, column, where),
      pin: (row, column) => this.#pin(row, column),
      span: (from, to, more) => this.#span(from, to, more),
      group: (from, to) => this.#group(from, to),
      brush: (from, to) => this.#brush(from, to),
      clear: () => this.#clear(),
      groups: (ranges) => this.#sight(() => ({ groups: ranges.reduce(grouped, []) })),
      hide: (ranges) => {
        this.#select(lifted);
        this.#sight(({ hidden }) => ({ hidden: [...hidden, ...ranges] }));
      },
      showAll: () => this.#sight(() => ({ hidden: [] })),
      lock: (ranges, on) => {
        const chart = this.#shown?.matrix.chart;
        if (chart) session.edit(lockedIn(chart, session.store.get().settings, ranges, on));
      },
      unlock: () => session.edit({ locked_stretches: [], locked_segments: null }),
      hatch: () => this.#select((selection) => ({ ...selection, hatched: !selection.hatched })),
      scale: (scale) => this.#select((selection) => ({ ...selection, scale })),
      list: () => {
        this.#listed = !this.#listed;
        this.redraw();
      },
      page: () => session.page(),
      redraw: () => this.redraw(),
    });
  }
}
