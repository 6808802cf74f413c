/** What lies over a prompt's picture: the tint, one dot per pixel of it, and outlines, as thick at any zoom. */

import { calmShades, type Line, outlines, type Picture, regionShades, type Tint, tintPixels } from "../../draw/picture";
import type { Palette } from "../../style/colours";
import { element, type Place } from "../../style/dom";

export interface Layers {
  /** Every segment in its colour: as many dots as the picture has. */
  readonly tint: HTMLCanvasElement;
  /** Grey where there is a tint, for the blend mode "saturation": a tint on a colourful picture could not be read. */
  readonly calm: HTMLCanvasElement;
  /** Takes over what has changed. marked: the features that are lit or pinned. */
  update(picture: Picture, tint: Tint | null, palette: Palette, opacity: number, marked: readonly number[]): void;
  /** Draws outlines of all segments (`all`: how strong, 0 to 1) and of the marked ones. dot: pixels of `to` per dot. */
  outline(to: CanvasRenderingContext2D, dot: number, pixel: number, all: number): void;
}

export function createLayers({ document }: Place): Layers {
  const [tint, calm] = [element(document, "canvas"), element(document, "canvas")];
  let drawn = { picture: null as Picture | null, shades: "", opacity: -1, marks: "" };
  let edges: readonly Line[] = [];
  let marks: readonly Line[] = [];
  return {
    tint,
    calm,
    update(picture, values, palette, opacity, marked) {
      const shades = values
        ? regionShades(picture, values, palette.colours)
        : new Uint8ClampedArray(4 * picture.members.length);
      const now = { picture, shades: shades.join(), opacity, marks: marked.join() };
      const fresh = picture !== drawn.picture;
      const tinted = fresh || now.shades !== drawn.shades;
      if (tinted) fill(tint, picture, (pixels) => tintPixels(picture, shades, pixels));
      if (tinted || opacity !== drawn.opacity)
        fill(calm, picture, (pixels) => tintPixels(picture, calmShades(shades, opacity), pixels));
      if (fresh) edges = outlines(picture, (region) => region + 1);
      if (fresh || now.marks !== drawn.marks)
        marks = marked.flatMap((feature) =>
          outlines(picture, (region) => Number(picture.members[region]?.includes(feature))),
        );
      drawn = now;
    },
    outline(to, dot, pixel, all) {
      // Dark within light: seen on any picture.
      if (all > 0) {
        stroke(to, edges, dot, pixel, `rgb(255 255 255 / ${0.45 * all})`);
        stroke(to, edges, dot, pixel / 2, `rgb(0 0 0 / ${0.6 * all})`);
      }
      stroke(to, marks, dot, 4 * pixel, "white");
      stroke(to, marks, dot, 2 * pixel, "#10141b");
    },
  };
}

function stroke(to: CanvasRenderingContext2D, lines: readonly Line[], dot: number, width: number, style: string): void {
  to.beginPath();
  for (const [x0, y0, x1, y1] of lines) {
    to.moveTo(x0 * dot, y0 * dot);
    to.lineTo(x1 * dot, y1 * dot);
  }
  to.lineCap = "square";
  to.lineWidth = width;
  to.strokeStyle = style;
  to.stroke();
}

/** Sets a canvas to the size of the picture and its dots to what `paint` writes. */
function fill(canvas: HTMLCanvasElement, { width, height }: Picture, paint: (pixels: Uint8ClampedArray) => void): void {
  canvas.width = width;
  canvas.height = height;
  const to = canvas.getContext("2d");
  if (!to) return;
  const image = to.createImageData(width, height);
  paint(image.data);
  to.putImageData(image, 0, 0);
}
