/** One opened view of a session: puts the parts together and draws at most once a frame. */
import { element, type Place, setAttributes } from "./dom";
import type { Cell } from "./layout";
import type { Palette } from "./paint";
import { lightingOf, type Picture, pictureOf, spotOf } from "./picture";
import { chooseSpan, hover, NOTHING, type Selection, togglePin } from "./selection";
import type { Session, SessionState } from "./session";
import type { Store } from "./store";
import { hostTheme, paletteOf, watchTheme } from "./theme";
import { createBar } from "./views/bar";
import { createEmpty } from "./views/empty";
import { createFailure } from "./views/failure";
import { createMatrix } from "./views/matrix";
import { createPanel } from "./views/panel";
import { createTrust } from "./views/trust";

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

class App {
  readonly #place: Place;
  readonly #session: Session;
  readonly #selection: Store<Selection>;
  readonly #root: HTMLElement;
  readonly #parts: ReturnType<App["build"]>;
  #palette: Palette;
  #picture: Picture | null = null;
  #pictureOver = false;
  /** The cell under the pointer in this view: it has the tooltip. */
  #open: Cell | null = null;
  #frames = { run: -1, seq: -1, count: 0 };
  #request = 0;

  constructor(place: Place, host: HTMLElement, session: Session, selection: Store<Selection>) {
    this.#place = place;
    this.#session = session;
    this.#selection = selection;
    this.#root = element(place.document, "div", { class: "law" });
    this.#parts = this.build();
    host.append(this.#root);
    this.#palette = this.#readTheme();
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
    const state = this.#session.store.get();
    const selection = this.#selection.get();
    const busy = state.phase === "running" || state.waiting === "run";
    const picture = this.#look(state);
    const lighting = picture && lightingOf(picture, selection);
    const { bar, failure, panel, matrix, empty, trust } = this.#parts;
    bar.update({ ...state, busy });
    failure.update(state.failure);
    panel.update({ ...state, busy, picture, lighting, colours: this.#palette.colours });
    matrix.element.hidden = picture === null;
    empty.element.hidden = picture !== null;
    empty.update({ busy, ready: state.settings.prompt.trim() !== "" });
    if (picture && lighting) {
      const { table, limit, totalLimit, sums } = picture;
      const { progress } = state;
      const limits = () => limit;
      matrix.update({
        table,
        progress,
        palette: this.#palette,
        limits,
        limit,
        totalLimit,
        totalName: "total",
        sums,
        lit: lighting.lit,
        open: this.#open,
      });
      this.#count(picture.matrix.chart.run, state.seq);
    }
    trust.update({ ...state, chart: picture?.matrix.chart ?? null, limit: picture?.limit ?? 1 });
    setAttributes(this.#root, {
      "data-phase": state.waiting === "run" ? "starting" : state.phase,
      "data-run": picture?.matrix.chart.run ?? null,
      "data-seq": state.seq,
      "data-frames": this.#frames.count,
      "aria-busy": String(busy),
    });
  }

  /** The picture of the matrix now; the one before where nothing came. */
  #look(state: SessionState): Picture | null {
    if (state.matrix === null) return null;
    const over = state.phase !== "running";
    if (this.#picture?.matrix === state.matrix && this.#pictureOver === over) return this.#picture;
    this.#picture = pictureOf(this.#picture, state.matrix, "whole", !over);
    this.#pictureOver = over;
    return this.#picture;
  }

  #count(run: number, seq: number): void {
    const before = this.#frames;
    if (run !== before.run) this.#frames = { run, seq, count: 1 };
    else if (seq !== before.seq) this.#frames = { run, seq, count: before.count + 1 };
  }

  #readTheme(): Palette {
    const theme = hostTheme(this.#place.document, this.#root);
    setAttributes(this.#root, { "data-theme": theme });
    return paletteOf(this.#root, theme);
  }

  // What the parts can do

  #hover(row: number, column: number, open: boolean): void {
    const table = this.#picture?.table;
    this.#open = open && row >= 0 && column >= 0 ? { row, column } : null;
    if (table) this.#selection.set(hover(this.#selection.get(), spotOf(table, row, column)));
    this.redraw();
  }

  #pin(row: number, column: number): void {
    const spot = this.#picture && spotOf(this.#picture.table, row, column);
    if (spot) this.#selection.set(togglePin(this.#selection.get(), spot));
  }

  #span(from: number, to: number, more: boolean): void {
    const rows = this.#picture?.table.rows;
    const first = rows?.[Math.min(from, to)]?.ranges[0];
    const last = rows?.[Math.max(from, to)]?.ranges.at(-1);
    if (first && last)
      this.#selection.set(chooseSpan(this.#selection.get(), { start: first.start, end: last.end }, more));
  }

  private build() {
    const place = this.#place;
    const session = this.#session;
    const run = () => session.run();
    const edit = session.edit.bind(session);
    const bar = createBar(place, { edit, run, stop: () => session.stop() });
    const failure = createFailure(place, () => session.dismissFailure());
    const empty = createEmpty(place);
    const trust = createTrust(place);
    const panel = createPanel(place, {
      edit,
      run,
      write: () => session.generate(),
      hover: (row, column) => this.#hover(row, column, false),
      pin: (row, column) => this.#pin(row, column),
      span: (from, to, more) => this.#span(from, to, more),
      redraw: () => this.redraw(),
    });
    const matrix = createMatrix(place, {
      hover: (cell) => this.#hover(cell?.row ?? -1, cell?.column ?? -1, true),
      pin: ({ row, column }) => this.#pin(row, column),
      clear: () => this.#selection.set(NOTHING),
      redraw: () => this.redraw(),
    });
    const stage = element(
      place.document,
      "section",
      { class: "law-stage", "aria-label": "Attributions" },
      matrix.element,
      empty.element,
    );
    const main = element(place.document, "div", { class: "law-main" }, panel.element, stage);
    this.#root.append(bar.element, failure.element, main, trust.element);
    return { bar, failure, panel, matrix, empty, trust };
  }
}
