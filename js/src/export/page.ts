/**
 * A page of its own for a result: the widget with its state inside, no kernel, no network.
 *
 * `build.mjs` writes PAGE beside the bundle as `page.html`, so that Python makes the same page.
 */

/** Stands where the page's content goes: JSON, with `<` written as an escape. */
export const CONTENT = "{{content}}";
export const TITLE = "{{title}}";

export const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>${TITLE}</title>
<style>
  :root { color-scheme: light dark }
  body { margin: 0; padding: 20px; background: light-dark(#fff, #0d0f12) }
</style>
<div id="widget"></div>
<script type="application/json" id="content">${CONTENT}</script>
<script type="module">
  const { esm, css, state } = JSON.parse(document.getElementById("content").textContent);
  const revive = (value) => {
    if (Array.isArray(value)) return value.map(revive);
    if (value === null || typeof value !== "object") return value;
    if (typeof value.base64 === "string")
      return new DataView(Uint8Array.from(atob(value.base64), (char) => char.charCodeAt(0)).buffer);
    return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, revive(part)]));
  };
  const traits = { ...revive(state), _esm: esm, _css: css };
  const watching = {};
  const model = {
    get: (name) => traits[name],
    set(name, value) {
      traits[name] = value;
      for (const listener of watching["change:" + name] ?? []) listener();
    },
    on: (name, listener) => (watching[name] ??= new Set()).add(listener),
    off: (name, listener) => watching[name]?.delete(listener),
    save_changes() {},
    send() {
      throw new Error("There is no kernel behind this page.");
    },
  };
  document.head.append(Object.assign(document.createElement("style"), { textContent: css }));
  const url = URL.createObjectURL(new Blob([esm], { type: "text/javascript" }));
  const { default: widget } = await import(url);
  URL.revokeObjectURL(url);
  const { initialize, render } = widget();
  initialize({ model });
  render({ model, el: document.getElementById("widget") });
</script>
</html>
`;

/** The page of a state. Buffers become base64; the model is gone, so nothing can be run. */
export function pageOf(title: string, esm: string, css: string, state: Readonly<Record<string, unknown>>): string {
  const content = JSON.stringify({ esm, css, state: plain({ ...state, has_model: false }) });
  // A function: what is put in may hold "$&".
  return PAGE.replace(TITLE, () => escaped(title)).replace(CONTENT, () => content.replaceAll("<", "\\u003c"));
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function plain(value: unknown): unknown {
  if (ArrayBuffer.isView(value)) {
    let bytes = "";
    for (const byte of new Uint8Array(value.buffer, value.byteOffset, value.byteLength))
      bytes += String.fromCharCode(byte);
    return { base64: btoa(bytes) };
  }
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plain(part)]));
}
