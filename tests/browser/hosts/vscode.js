// A page like the webview of a notebook's outputs in VS Code: VS Code's own manager of widgets, over a real kernel.
import { KernelManager, ServerConnection } from "@jupyterlab/services";

const MIME = "application/vnd.jupyter.widget-view+json";
const { token, kernel: wanted } = window.asked;
const serverSettings = ServerConnection.makeSettings({
  baseUrl: location.origin,
  wsUrl: location.origin.replace("http", "ws"),
  token,
  appendToken: true,
});
const scriptLoader = {
  widgetsRegisteredInRequireJs: new Set(["anywidget"]),
  loadWidgetScript: async () => {},
  successHandler() {},
  errorHandler: (...what) => console.error("not loaded", ...what),
};
const out = document.getElementById("out");

window.start = async () => {
  window.vscIPyWidgets8.load();
  const kernels = new KernelManager({ serverSettings });
  await kernels.ready;
  const known = [...kernels.running()].find(({ id }) => id === wanted);
  const kernel = known ? kernels.connectTo({ model: known }) : await kernels.startNew({ name: "python3" });
  await kernel.info;
  window.kernel = kernel;
  const manager = new window.vscIPyWidgets.WidgetManager(kernel, out, scriptLoader, () => {});
  const show = async (id) => {
    const el = document.createElement("div");
    out.append(el);
    const view = await manager.create_view(await manager.get_model(id), { el });
    await manager.display_view(undefined, view, { node: el });
  };
  // A webview that is made anew knows nothing of the widgets that there are.
  if (known) await manager._loadFromKernel();
  window.run = async (code) => {
    const [errors, shown] = [[], []];
    const future = kernel.requestExecute({ code });
    future.onIOPub = ({ header, content }) => {
      if (header.msg_type === "error") errors.push(content.traceback.join("\n"));
      if (content.data?.[MIME]) shown.push(show(content.data[MIME].model_id));
    };
    await future.done;
    await Promise.all(shown);
    if (errors.length) throw new Error(errors[0]);
  };
  document.body.dataset.ready = "yes";
};
