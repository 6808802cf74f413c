/** A model as hosts have it (traits, messages, listeners), for tests and for looking at the widget without a kernel. */

import type { Model } from "../src/session/session";
import {
  type Chart,
  type Command,
  DEFAULTS,
  type Event,
  GRANULARITIES,
  type Progress,
  type State,
  VALUES,
} from "../src/wire/protocol";

type Handler = (...args: unknown[]) => void;

export class FakeModel {
  readonly sent: Command[] = [];
  saves = 0;
  readonly #traits: State;
  readonly #handlers = new Map<string, Set<Handler>>();
  onsend: (command: Command) => void = () => undefined;

  constructor(traits: Partial<State> = {}) {
    this.#traits = { ...EMPTY, ...traits };
  }

  get model(): Model {
    return this as unknown as Model;
  }

  get<K extends keyof State>(name: K): State[K] {
    return this.#traits[name];
  }

  set<K extends keyof State>(name: K, value: State[K]): void {
    this.update({ [name]: value } as Partial<State>);
  }

  /** Like the kernel's update: all values are in before the first listener hears of one. */
  update(traits: Partial<State>): void {
    const changed = Object.keys(traits).filter(
      (name) => this.#traits[name as keyof State] !== traits[name as keyof State],
    );
    Object.assign(this.#traits, traits);
    for (const name of changed) this.#fire(`change:${name}`);
  }

  /** An event of the host's own. */
  fire(name: string): void {
    this.#fire(name);
  }

  save_changes(): void {
    this.saves++;
  }

  send(command: Command): void {
    this.sent.push(command);
    this.onsend(command);
  }

  on(name: string, handler: Handler): void {
    const handlers = this.#handlers.get(name) ?? new Set();
    this.#handlers.set(name, handlers.add(handler));
  }

  off(name: string, handler: Handler): void {
    this.#handlers.get(name)?.delete(handler);
  }

  /** A message from the kernel. */
  receive(event: Event | unknown, buffers: readonly unknown[] = []): void {
    this.#fire("msg:custom", event, buffers);
  }

  listeners(): number {
    return [...this.#handlers.values()].reduce((sum, handlers) => sum + handlers.size, 0);
  }

  #fire(name: string, ...args: unknown[]): void {
    for (const handler of [...(this.#handlers.get(name) ?? [])]) handler(...args);
  }
}

const nothing = () => new DataView(new ArrayBuffer(0));

export const EMPTY: State = {
  ...DEFAULTS,
  trials: 4,
  choices: {
    methods: [
      { name: "shapley", label: "Shapley", about: "Shapley values by permutation sampling" },
      { name: "kernel_shap", label: "KernelSHAP", about: "Shapley values by weighted least squares" },
      { name: "lime", label: "LIME", about: "Weights of a local linear model" },
      { name: "leave_one_out", label: "Leave one out", about: "What is lost when one part alone is absent" },
    ],
    granularities: GRANULARITIES.map((name) => ({ name, label: name, about: `Every ${name}` })),
    values: VALUES.map((name) => ({ name, label: name.replaceAll("_", " "), about: `By ${name}` })),
  },
  has_model: true,
  status: "idle",
  made_at: "",
  chart: null,
  progress: null,
  values: nothing(),
  errors: nothing(),
  ends: nothing(),
  sequence: nothing(),
  sequence_errors: nothing(),
  records: [],
  names: [],
  comparing: [],
  on_show: null,
  sights: null,
  checks: [],
  pictures: [],
  fields: null,
};

export function makeChart(run: number, features: readonly string[], outputs: readonly string[]): Chart {
  return {
    run,
    pieces: features.map((text, feature) => ({ text, feature, role: "" })),
    features,
    outputs,
    target: outputs.join(""),
    against: null,
    label: "Shapley value",
    unit: "nats",
    explains: "log_prob",
    adds_up: true,
    sampled: true,
    baseline: "removed",
    model: "demo",
    picture: null,
    continues: null,
    askable: true,
    extendable: true,
    settings: {
      ...DEFAULTS,
      prompt: features.join(""),
      target: outputs.join(""),
      trials: 4,
    },
    units: null,
    output_units: null,
    level: null,
  };
}

export function makeProgress(run: number, phase: Progress["phase"], patch: Partial<Progress> = {}): Progress {
  return {
    run,
    phase,
    calls: 100,
    planned: 400,
    elapsed: 1,
    rate: 100,
    seconds_left: 3,
    trials: 4,
    message: "",
    traceback: "",
    said: null,
    ...patch,
  };
}
