/** One output of the notebook in a frame of its own: a widget that knows only what the page around it tells. */
import { filled, Model, show } from "./widget.js";

export function begin(id) {
  const tell = (message) => parent.postMessage({ id, ...message }, "*");
  let model = null;
  addEventListener("message", ({ data }) => {
    if (data.id !== id) return;
    if (data.kind === "state" && model === null) {
      model = new Model(data.state, (sent) => tell({ kind: "out", data: sent }));
      void show(model, document.getElementById("out"));
    } else if (data.kind === "update") model?.put(filled(data.data, data.buffers.map((bytes) => bytes.buffer)));
    else if (data.kind === "custom") model?.hear(data.data.content, data.buffers);
  });
  const { body } = document;
  new ResizeObserver(() => tell({ kind: "height", height: body.scrollHeight + 20 })).observe(body);
  tell({ kind: "state" });
}
