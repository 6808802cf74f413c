/** An anywidget as its specification (anywidget.dev) has it: a model of traits and messages, and the module's functions. */

export class Model {
  #state;
  #told = new Map();
  #unsaved = {};

  /** out: what is to be done with a message of Jupyter's widgets. */
  constructor(state, out) {
    this.#state = state;
    this.out = out;
  }

  get(name) {
    return this.#state[name];
  }

  set(name, value) {
    this.#unsaved[name] = value;
    this.put({ [name]: value });
  }

  save_changes() {
    this.out({ method: "update", state: this.#unsaved, buffer_paths: [] });
    this.#unsaved = {};
  }

  send(content) {
    this.out({ method: "custom", content });
  }

  on(name, told) {
    this.#told.set(name, [...(this.#told.get(name) ?? []), told]);
  }

  off(name, told) {
    this.#told.set(name, (this.#told.get(name) ?? []).filter((other) => other !== told));
  }

  /** What came from the kernel: all of it is there before anyone hears. */
  put(state) {
    Object.assign(this.#state, state);
    for (const name of Object.keys(state)) this.#tell(`change:${name}`);
  }

  hear(content, buffers) {
    this.#tell("msg:custom", content, buffers);
  }

  #tell(name, ...what) {
    for (const told of this.#told.get(name) ?? []) told(...what);
  }
}

/** Shows it in `el`. */
export async function show(model, el) {
  const style = document.createElement("style");
  style.textContent = model.get("_css");
  document.head.append(style);
  const address = URL.createObjectURL(new Blob([model.get("_esm")], { type: "text/javascript" }));
  const { default: made } = await import(address);
  const widget = typeof made === "function" ? await made() : made;
  await widget.initialize?.({ model });
  await widget.render?.({ model, el });
}

/** A message's state with its buffers where they belong, as copies. */
export function filled({ state, buffer_paths = [] }, buffers) {
  buffer_paths.forEach((path, at) => {
    const inside = path.slice(0, -1).reduce((part, name) => part[name], state);
    inside[path.at(-1)] = new Uint8Array(buffers[at].slice(0));
  });
  return state;
}
