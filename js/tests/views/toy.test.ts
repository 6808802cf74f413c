// @vitest-environment jsdom
/** A view is one file, its style sheet, and one line in `parts`: a toy, added to a copy of the sources, is on the page. */
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { installCanvas } from "../canvas";
import { FakeModel } from "../model";

const SRC = join(import.meta.dirname, "../../src");
const VIEW = `
import { element, setText } from "../../style/dom";
import type { MakeView } from "../view";
import "./toy.css";

export const createToy: MakeView = ({ document }, actions) => {
  const root = element(document, "button", { class: "law-toy" });
  root.onclick = () => actions.edit({ seed: 7 });
  return { element: root, update: ({ state }) => setText(root, "Seed " + state.settings.seed) };
};
`;
let folder = "";

beforeEach(() => {
  installCanvas(window as Window & typeof globalThis);
  folder = mkdtempSync(join(tmpdir(), "toy-view-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

test("a toy view and its style sheet take one line in parts", async () => {
  const src = join(folder, "src");
  cpSync(SRC, src, { recursive: true });
  writeFileSync(join(src, "views/around/toy.ts"), VIEW);
  writeFileSync(join(src, "views/around/toy.css"), ".law-toy { color: teal }");
  const parts = readFileSync(join(src, "views/parts.ts"), "utf8");
  const line = "const VIEWS: readonly MakeView[] = [createMilestones];";
  expect(parts).toContain(line);
  const added = `import { createToy } from "./around/toy";\n${parts.replace(line, line.replace("[createMilestones", "[createMilestones, createToy"))}`;
  writeFileSync(join(src, "views/parts.ts"), added);
  // In a process of its own: esbuild does not know the arrays of jsdom's window.
  const esbuild = join(import.meta.dirname, "../../node_modules/esbuild/bin/esbuild");
  const out = join(folder, "widget.js");
  execFileSync(esbuild, [join(src, "index.ts"), "--bundle", "--format=esm", `--outfile=${out}`, "--log-level=error"]);
  expect(readFileSync(join(folder, "widget.css"), "utf8")).toMatch(/\.law-toy \{\s*color: teal/);

  const { default: widget } = await import(
    /* @vite-ignore */ `data:text/javascript,${encodeURIComponent(readFileSync(out, "utf8"))}`
  );
  const { initialize, render } = widget();
  const model = new FakeModel({ seed: 3 });
  const el = document.createElement("div");
  document.body.append(el);
  const ends = [initialize({ model: model.model }), render({ model: model.model, el })];
  const toy = el.querySelector<HTMLButtonElement>(".law-toy");
  expect(toy?.textContent).toBe("Seed 3");
  toy?.click();
  expect(model.get("seed")).toBe(7);
  for (const end of ends) end();
});
