/** The whole matrix in small, with a frame around what is in sight; a press moves it. */

import type { Layout } from "../../draw/layout";
import { type Context, paintCells, type Scene } from "../../draw/paint";
import { createPyramid, type Pyramid } from "../../draw/pyramid";
import { element, listen, type Place } from "../../style/dom";

/** From this many rows or columns on, a zoomed matrix has a minimap. */
const MINIMAP_FROM = 200;
const SIZE = 120;

export interface Minimap {
  readonly element: HTMLElement;
  /** `fresh`: the numbers or colours changed since the last time. */
  update(scene: Scene, fresh: boolean): void;
}

export function createMinimap({ document }: Place, ratio: () => number, move: (x: number, y: number) => void): Minimap {
  const canvas = element(document, "canvas", { "aria-hidden": "true" });
  const frame = element(document, "i", {});
  const root = element(
    document,
    "div",
    { class: "law-minimap", title: "The whole matrix; press to go there" },
    canvas,
    frame,
  );
  const go = (event: PointerEvent) => {
    if (event.buttons === 0) return;
    const box = canvas.getBoundingClientRect();
    move((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
  };
  listen(root, "pointerdown", go);
  listen(root, "pointermove", go);
  const pyramid = createPyramid();
  let stale = true;
  return {
    element: root,
    update(scene, fresh) {
      const { layout } = scene;
      const shown = layout.zoom > 1.001 && Math.max(layout.rows, layout.columns) > MINIMAP_FROM;
      root.hidden = !shown;
      stale ||= fresh;
      if (!shown) return;
      const size = sizeOf(layout);
      if (stale) paint(canvas, scene, size, ratio(), () => element(document, "canvas"), pyramid);
      stale = false;
      const [width, height] = [layout.cell.width * layout.columns, layout.cell.height * layout.rows];
      frame.style.left = `${(layout.scroll.x / width) * size.width}px`;
      frame.style.top = `${(layout.scroll.y / height) * size.height}px`;
      frame.style.width = `${(layout.plot.width / width) * size.width}px`;
      frame.style.height = `${(layout.plot.height / height) * size.height}px`;
    },
  };
}

function sizeOf({ rows, columns }: Layout): { width: number; height: number } {
  const longer = Math.max(rows, columns);
  return { width: Math.max(24, (columns / longer) * SIZE), height: Math.max(24, (rows / longer) * SIZE) };
}

function paint(
  canvas: HTMLCanvasElement,
  scene: Scene,
  size: { width: number; height: number },
  ratio: number,
  make: () => HTMLCanvasElement,
  pyramid: Pyramid,
) {
  canvas.width = Math.round(size.width * ratio);
  canvas.height = Math.round(size.height * ratio);
  canvas.style.width = `${size.width}px`;
  canvas.style.height = `${size.height}px`;
  const to = canvas.getContext("2d") as Context | null;
  if (!to) return;
  const { rows, columns } = scene.layout;
  const cell = { width: size.width / columns, height: size.height / rows };
  const layout = { ...scene.layout, cell, scroll: { x: 0, y: 0 }, plot: { x: 0, y: 0, ...size } };
  to.setTransform(ratio, 0, 0, ratio, 0, 0);
  paintCells(to, { ...scene, layout }, ratio, make, pyramid);
}
