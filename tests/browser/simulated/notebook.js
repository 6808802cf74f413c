/**
 * A page like a notebook of Colab's, as far as widgets feel it: each output is a frame of another origin with models of
 * its own, which know only what the page tells them; buffers are Uint8Array; messages over 1 MB are lost.
 *
 * mode=free: every message of the kernel reaches the outputs. mode=cell: what comes while no cell runs is dropped, but
 * for what is said while a message of a widget is being handled. mode=strict: that is dropped, too.
 * mode=vscode: no frames, in the looks of a dark VS Code, whose bundle of widgets brings JupyterLab's light colours.
 */
import { startKernel } from "./kernel.js";
import { filled, Model, show } from "./widget.js";

const { mode, token, dark = false } = window.asked;
const WIDGET = "application/vnd.jupyter.widget-view+json";
const MOST_BYTES = 1_000_000;
const [known, frames, inside] = [new Map(), new Set(), new Map()];
const out = document.getElementById("out");
let [running, handling] = [0, 0];
window.seen = { dropped: 0, passed: 0, heaviest: 0 };

function weightOf({ content, buffers }) {
  return JSON.stringify(content).length + buffers.reduce((sum, buffer) => sum + buffer.byteLength, 0);
}

function pass(message) {
  const { comm_id, data } = message.content;
  const answer = mode === "cell" && message.parent_header.msg_type === "comm_msg" && handling > 0;
  const weight = weightOf(message);
  window.seen.heaviest = Math.max(window.seen.heaviest, weight);
  const live = mode === "free" || mode === "vscode" || running > 0 || answer;
  const passes = live && (mode === "vscode" || weight <= MOST_BYTES);
  window.seen[passes ? "passed" : "dropped"] += 1;
  if (!passes) return;
  const buffers = message.buffers.map((buffer) => new Uint8Array(buffer.slice(0)));
  for (const frame of frames) frame.contentWindow?.postMessage({ kind: data.method, id: comm_id, data, buffers }, "*");
  take(inside.get(comm_id), data, message.buffers);
}

function take(model, data, buffers) {
  if (data.method === "update") model?.put(filled(structuredClone(data), buffers));
  else if (data.method === "custom") model?.hear(data.content, buffers.map((buffer) => new DataView(buffer)));
}

async function start() {
  const kernel = await startKernel(token);
  window.kernel = kernel;
  const errors = new Map();
  const displays = new Map();
  kernel.onmessage = (message) => {
    const { content, header, parent_header } = message;
    const { comm_id, data } = content;
    if (header.msg_type === "comm_open") known.set(comm_id, filled(data, message.buffers));
    else if (header.msg_type === "comm_msg") {
      if (data.method === "update") Object.assign(known.get(comm_id) ?? {}, filled(structuredClone(data), message.buffers));
      pass(message);
    } else if (header.msg_type === "status" && parent_header.msg_type === "comm_msg")
      handling += content.execution_state === "busy" ? 1 : -1;
    else if (header.msg_type === "error") errors.set(parent_header.msg_id, content.traceback.join("\n"));
    else if (data?.[WIDGET]) void display(data[WIDGET].model_id);
    else if (content.transient?.display_id) displays.set(content.transient.display_id, data);
  };
  window.displays = () => Object.fromEntries(displays);
  addEventListener("message", ({ data, source }) => {
    if (data.kind === "state") source.postMessage({ kind: "state", id: data.id, state: known.get(data.id) }, "*");
    else if (data.kind === "out") kernel.tell(data.id, JSON.parse(JSON.stringify(data.data)));
    else if (data.kind === "height")
      for (const frame of frames) if (frame.contentWindow === source) frame.style.height = `${data.height}px`;
  });
  window.run = async (code) => {
    running += 1;
    try {
      const { message, done } = kernel.execute(code);
      await done;
      if (errors.has(message)) throw new Error(errors.get(message));
    } finally {
      running -= 1;
    }
  };
  document.body.dataset.ready = "yes";
}

/** What a frame runs, as one text: it may fetch nothing. */
async function script() {
  const parts = ["widget", "output"].map(async (name) => (await fetch(`/simulated/${name}.js`)).text());
  return (await Promise.all(parts)).join("\n").replaceAll(/^import .*$/gm, "").replaceAll(/^export /gm, "");
}

async function display(id) {
  const state = known.get(id);
  if (state?._model_module !== "anywidget") return;
  if (mode === "vscode") {
    if (!inside.has(id)) inside.set(id, new Model(state, (data) => window.kernel.tell(id, data)));
    const el = document.createElement("div");
    out.append(el);
    void show(inside.get(id), el);
    return;
  }
  const frame = document.createElement("iframe");
  frame.sandbox = "allow-scripts";
  const look = dark ? ' theme="dark" style="color-scheme:dark;background:#383838"' : "";
  frame.srcdoc = `<!doctype html><html${look}><body><div id="out"></div>
    <script type="module">${await script()}begin("${id}");</script>`;
  frames.add(frame);
  out.append(frame);
}

void start();
