/**
 * The only file that knows the anywidget model: traits and messages in, one store of decoded state out.
 *
 * Hosts drop messages in bursts, start late and end runs while nobody listens, so every event has a number, a gap asks
 * for everything again, and the end of a run is read from the traits.
 */
import type { AnyModel } from "@anywidget/types";
import { emptyMatrix, fullMatrix, type Matrix, withFrame } from "../data/matrix";
import { type Stretches, withSight } from "../data/sight";
import { type Buffers, checkLengths, DecodeError, floats, named } from "../wire/decode";
import { isBusy, isOver } from "../wire/phase";
import {
  type Chart,
  type Command,
  decodeEvent,
  type Event,
  type Frame,
  LOG_PROBS,
  NUMBERS,
  type Phase,
  type Progress,
  type Replacement,
  type RunName,
  type Settings,
  type State,
  type WhatIfAnswer,
} from "../wire/protocol";
import { type Beside, readBeside } from "./kept";
import { createPresence, type Presence } from "./presence";
import { runsOf } from "./runs";
import { savedPage } from "./saved";
import { createStore, type Store } from "./store";
import { createTimers } from "./timers";
import { BESIDE, ENDING, readEnding, readSettings, SETTINGS } from "./traits";

export interface Failure {
  readonly message: string;
  readonly traceback: string;
}

/** What was asked of the kernel and not answered yet. */
export type Waiting = "run" | "stop" | "generate" | null;

/** An answer to what if, with each target token's log-prob before and after the change, in nats. */
export interface Answer extends Buffers<typeof LOG_PROBS> {
  readonly event: WhatIfAnswer;
}

/** Number of the question that the kernel was asked last, its answer once it is there. */
export interface Asked {
  readonly ask: number;
  readonly answer: Answer | null;
}

/** asked: what if. checking: the run whose check is awaited. */
export interface SessionState extends Beside {
  readonly settings: Settings;
  readonly phase: Phase;
  readonly waiting: Waiting;
  readonly matrix: Matrix | null;
  readonly progress: Progress | null;
  readonly failure: Failure | null;
  readonly asked: Asked | null;
  readonly checking: number | null;
  /** Number of the event that `matrix` comes from; 0 where it comes from the traits. */
  readonly seq: number;
  /** When what is saved here was made; "" where nothing was. */
  readonly made_at: string;
  /** No kernel answers: see `withoutKernel`. One that was only busy ends this with its first word. */
  readonly absent: boolean;
}

export type Model = Pick<AnyModel<State>, "get" | "set" | "on" | "off" | "save_changes" | "send">;

/** ms of silence after a command before the user is told. */
const SILENCE_MS = 10_000;
const RESEND_AGAIN_MS = 2_000;
const SAVE_MS = 250;

const SILENT: Failure = {
  message:
    "No answer from the kernel. It may be busy with another cell, or gone: wait for its end, or restart the kernel " +
    "and run the cell again. Or run in a cell: w.run(); w.wait()",
  traceback: "",
};

export class Session {
  readonly store: Store<SessionState>;
  readonly #model: Model;
  readonly #timers = createTimers();
  readonly #presence: Presence;
  readonly #off: (() => void)[] = [];
  #seq: number | null = null;
  #ended = -1;
  #resultQueued = false;

  constructor(model: Model) {
    this.#model = model;
    const settings = () => readSettings((name) => model.get(name as keyof State));
    const beside = (name: (typeof BESIDE)[number]) => readBeside(name, model.get(name));
    this.store = createStore<SessionState>({
      settings: settings(),
      phase: "idle",
      waiting: null,
      matrix: null,
      progress: null,
      failure: null,
      asked: null,
      checking: null,
      seq: 0,
      made_at: "",
      absent: false,
      ...(Object.assign({}, ...BESIDE.map(beside)) as Beside),
    });
    this.#presence = createPresence(this.#timers, {
      send: () => model.send({ kind: "hello" }),
      tell: (absent) => this.#patch(absent ? { absent, waiting: null, checking: null, asked: null } : { absent }),
      isBusy: () => isBusy(this.store.get().phase),
    });
    for (const name of BESIDE)
      this.#on(`change:${name}`, () => {
        this.#patch(beside(name));
        if (name === "checks") this.#patch({ checking: null });
      });
    this.#readResult();
    for (const name of SETTINGS) this.#on(`change:${name}`, () => this.#patch({ settings: settings() }));
    for (const name of ENDING) this.#on(`change:${name}`, () => this.#queueResult());
    // Told by hosts of Jupyter's own widgets: the kernel went away, or came back.
    this.#on("comm_live_update", () => this.#presence.hello());
    this.#on("msg:custom", (content: unknown, buffers: unknown) => this.#receive(content, buffers));
    this.#presence.hello();
  }

  /** Changes settings here at once and in the kernel soon (typing does not send every key). */
  edit(change: Partial<Settings>): void {
    // What was locked in another text is nowhere in this one.
    const patch = "prompt" in change ? { locked_stretches: [], ...change } : change;
    for (const name of SETTINGS) if (name in patch) this.#model.set(name, patch[name] as never);
    this.#patch({ settings: { ...this.store.get().settings, ...patch } });
    this.#timers.after("save", SAVE_MS, () => this.#presence.attempt(() => this.#model.save_changes()));
  }

  run(): void {
    this.#ask("run", { kind: "run", settings: this.#saved() });
  }

  stop(): void {
    this.#ask("stop", { kind: "stop" });
  }

  pause(): void {
    this.#send({ kind: "pause" });
  }

  resume(): void {
    this.#send({ kind: "resume" });
  }

  /** A quarter more calls for a run, or the rest of one that was stopped. */
  extend(run: number): void {
    this.#patch({ failure: null });
    this.#send({ kind: "extend", run });
  }

  /** What would this run's prompt do without these features, or with other words? */
  whatIf(run: number, absent: readonly number[], replaced: readonly Replacement[]): void {
    const ask = (this.store.get().asked?.ask ?? 0) + 1;
    this.#patch({ asked: { ask, answer: null }, failure: null });
    this.#send({ kind: "what_if", ask, run, absent, replaced });
  }

  check(run: number): void {
    this.#patch({ checking: run, failure: null });
    this.#send({ kind: "check", run });
  }

  rename(run: number, name: string): void {
    const others: readonly RunName[] = this.store.get().names.filter((entry) => entry.run !== run);
    this.#save("names", [...others, { run, name }]);
  }

  /** Two runs to compare; null: no more. */
  compare(pair: readonly [number, number] | null): void {
    this.#save("comparing", pair ?? []);
  }

  /** Looks at a run; the next one can start from its settings. */
  show({ run, settings }: Chart): void {
    this.compare(null);
    this.#save("on_show", run);
    this.edit(settings);
  }

  /** Puts stretches of a run's prompt together, or leaves them out of the view. */
  look(chart: Chart, stretches: Stretches): void {
    const state = this.store.get();
    this.#save("sights", withSight(state.sights, runsOf(state), chart, stretches));
  }

  /** Lets the model write the target. */
  generate(): void {
    this.#ask("generate", { kind: "generate", settings: this.#saved() });
  }

  dismissFailure(): void {
    this.#patch({ failure: null });
  }

  /** What is on display as a page of its own, with this very widget in it. */
  page(): string {
    return savedPage((name) => this.#model.get(name as keyof State), this.store.get());
  }

  close(): void {
    this.#timers.clear();
    for (const off of this.#off) off();
    this.#off.length = 0;
  }

  // Out

  #send(command: Command): void {
    this.#presence.attempt(() => this.#model.send(command));
  }

  #ask(waiting: Exclude<Waiting, null>, command: Command): void {
    this.#patch({ waiting, failure: null });
    this.#timers.after("silence", SILENCE_MS, () => this.#patch({ waiting: null, failure: SILENT }));
    this.#send(command);
  }

  #save<K extends "names" | "comparing" | "on_show" | "sights">(name: K, value: State[K]): void {
    this.#model.set(name, value);
    this.#patch(readBeside(name, value));
    this.#presence.attempt(() => this.#model.save_changes());
  }

  #saved(): Settings {
    this.#timers.cancel("save");
    this.#presence.attempt(() => this.#model.save_changes());
    return this.store.get().settings;
  }

  #askAgain(): void {
    if (this.#timers.has("resend")) return;
    this.#timers.after("resend", RESEND_AGAIN_MS, () => undefined);
    this.#send({ kind: "resend" });
  }

  // In: messages

  #receive(content: unknown, buffers: unknown): void {
    this.#presence.heard();
    try {
      const list = Array.isArray(buffers) ? buffers.map((buffer, index) => floats(buffer, `buffer ${index}`)) : [];
      this.#handle(decodeEvent(content, "event"), list);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      const message = `The widget and the kernel don't speak the same version (${error.message}). Reload this page.`;
      this.#patch({ failure: { message, traceback: "" }, waiting: null });
    }
  }

  #handle(event: Event, buffers: readonly Float32Array[]): void {
    const last = this.#seq;
    if (last !== null && event.seq <= last) return;
    this.#seq = event.seq;
    const whole = event.kind === "frame" && event.chart !== null && event.rows === event.chart.outputs.length;
    if (last !== null && event.seq > last + 1 && !whole) this.#askAgain();
    switch (event.kind) {
      case "frame":
        return this.#frame(event, buffers);
      case "what_if":
        return this.#take(event, buffers);
      case "failed":
        this.#answered("idle");
        return this.#patch({
          asked: null,
          checking: null,
          failure: { message: event.message, traceback: event.traceback },
        });
      case "generated":
        this.#answered("idle");
        return this.edit({ target: event.text });
      default:
        return unreachable(event);
    }
  }

  #take(event: WhatIfAnswer, buffers: readonly Float32Array[]): void {
    const logProbs = named(LOG_PROBS, buffers, "what_if");
    checkLengths(LOG_PROBS, logProbs, { tokens: event.tokens.length });
    if (event.ask === this.store.get().asked?.ask)
      this.#patch({ asked: { ask: event.ask, answer: { event, ...logProbs } } });
  }

  #frame(frame: Frame, buffers: readonly Float32Array[]): void {
    const state = this.store.get();
    const known = Math.max(state.matrix?.chart.run ?? -1, state.progress?.run ?? -1);
    const over = frame.run <= this.#ended && isBusy(frame.progress.phase);
    if (frame.run < known || over) return;
    // While a run is asked for, a word about the one before it (the answer to a hello) is no answer.
    if (frame.run > known || isBusy(frame.progress.phase) || state.waiting !== "run")
      this.#answered(frame.progress.phase);
    if (isOver(frame.progress.phase)) this.#ended = Math.max(this.#ended, frame.run);
    if (frame.chart) this.#timers.cancel("resend");
    const patch = { ...outcome(frame.progress), progress: frame.progress };
    const numbers = () => named(NUMBERS, buffers, "frame");
    if (frame.chart && frame.rows === frame.chart.outputs.length)
      return this.#patch({ ...patch, matrix: fullMatrix(frame.chart, numbers()), seq: frame.seq });
    const before = frame.chart ? emptyMatrix(frame.chart) : state.matrix;
    if (before === null || before.chart.run !== frame.run) {
      if (frame.rows > 0) this.#askAgain();
      return this.#patch(patch);
    }
    const matrix = frame.rows > 0 ? withFrame(before, frame, numbers()) : before;
    this.#patch({ ...patch, matrix, seq: frame.seq });
  }

  // In: traits

  /** Hosts tell of one trait at a time; reading after all of them are in sees one state. */
  #queueResult(): void {
    if (this.#resultQueued) return;
    this.#resultQueued = true;
    queueMicrotask(() => {
      this.#resultQueued = false;
      if (this.#off.length === 0) return;
      this.#presence.heard();
      this.#readResult();
    });
  }

  #readResult(): void {
    const state = this.store.get();
    const ending = readEnding((name) => this.#model.get(name as keyof State));
    const { phase, progress, chart, made_at } = ending;
    this.#patch({ made_at });
    const newest = Math.max(state.progress?.run ?? -1, state.matrix?.chart.run ?? -1);
    if (progress !== null && isOver(progress.phase)) this.#ended = Math.max(this.#ended, progress.run);
    if (phase !== state.phase) this.#answered(phase);
    // marimo runs cells that read the widget's values only when a page saves one: any will do, even as it is.
    if (state.made_at && state.made_at !== made_at) this.#save("comparing", this.#model.get("comparing"));
    if (isBusy(phase) || progress === null || progress.run < newest) return this.#patch({ phase });
    const numbers = ending.numbers();
    const fits = chart !== null && numbers.values.length === chart.outputs.length * chart.features.length;
    const matrix = chart !== null && fits && chart.run >= newest ? fullMatrix(chart, numbers) : state.matrix;
    this.#patch({ ...outcome(progress), phase, progress, matrix, seq: matrix === state.matrix ? state.seq : 0 });
  }

  // Housekeeping

  /** The kernel spoke: nothing is waited for any more, save for a stop that the run has not heard yet. */
  #answered(phase: Phase): void {
    this.#timers.cancel("silence");
    const stopping = this.store.get().waiting === "stop" && isBusy(phase);
    if (!stopping) this.#patch({ waiting: null });
  }

  #patch(patch: Partial<SessionState>): void {
    const state = this.store.get();
    const changed = Object.entries(patch).some(([name, value]) => state[name as keyof SessionState] !== value);
    if (changed) this.store.set({ ...state, ...patch });
  }

  #on(name: string, handler: (...args: unknown[]) => void): void {
    this.#model.on(name, handler);
    this.#off.push(() => this.#model.off(name, handler));
  }
}

function outcome(progress: Progress): Pick<SessionState, "phase" | "failure"> {
  const failed = progress.phase === "failed";
  return {
    phase: progress.phase,
    failure: failed ? { message: progress.message, traceback: progress.traceback } : null,
  };
}

function unreachable(event: never): never {
  throw new DecodeError("event", "a known kind", event);
}
