/** The picture of a prompt with its segments tinted; zoomed, and as it was while a button is held. */

import { clamp } from "../../draw/layout";
import {
  below,
  decodeImage,
  featureAt,
  featureSpots,
  type Picture,
  pictureFeatures,
  type Spot,
  type Tint,
} from "../../draw/picture";
import type { Palette } from "../../style/colours";
import { boxOf, claim, element, listen, type Place, setAttributes, setText, toolButton } from "../../style/dom";
import { decimalsOf, featureLabel, plain, signed } from "../../style/format";
import { createLegend } from "../matrix/legend";
import { createLayers, type Layers } from "./layers";

export interface PictureData {
  readonly picture: Picture;
  /** null: there are no numbers yet. */
  readonly tint: Tint | null;
  readonly palette: Palette;
  /** Feature that is lit, or -1. */
  readonly lit: number;
  readonly pins: readonly { readonly letter: string; readonly feature: number }[];
  /** What the picture is painted for. */
  readonly name: string;
  readonly features: readonly string[];
  readonly label: string;
  readonly unit: string;
  readonly fades: boolean;
}

export interface PictureActions {
  hover(feature: number): void;
  pin(feature: number): void;
  redraw(): void;
}

export interface PictureView {
  readonly element: HTMLElement;
  update(data: PictureData | null): void;
}

const [MOST_WIDE, MOST_HIGH] = [420, 560];
const MOST_ZOOM = 12;
/** Of one press of a button or key. */
const STEP = 1.5;

export function createPicture(place: Place, actions: PictureActions): PictureView {
  return new PictureStage(place, actions);
}

class PictureStage implements PictureView {
  readonly element: HTMLElement;
  readonly #place: Place;
  readonly #actions: PictureActions;
  readonly #canvas: HTMLCanvasElement;
  readonly #frame: HTMLElement;
  readonly #status: HTMLElement;
  readonly #legend: ReturnType<typeof createLegend>;
  readonly #opacity: HTMLInputElement;
  readonly #outlines: HTMLInputElement;
  #data: PictureData | null = null;
  #bitmap: ImageBitmap | null = null;
  readonly #layers: Layers;
  /** What only makes sense where there is a tint. */
  readonly #tinting: readonly HTMLElement[];
  #spots: ReadonlyMap<number, Spot> = new Map();
  #original = false;
  /** Whether the pointer moved the picture since it went down: then its click pins nothing. */
  #moved = false;
  #view = { zoom: 1, x: 0, y: 0 };

  constructor(place: Place, actions: PictureActions) {
    const { document } = place;
    this.#place = place;
    this.#actions = actions;
    this.#canvas = element(document, "canvas", { "aria-hidden": "true" });
    this.#layers = createLayers(place);
    this.#status = element(document, "div", { class: "law-hidden", role: "status" });
    this.#frame = element(
      document,
      "div",
      {
        class: "law-picture-frame",
        tabindex: 0,
        role: "application",
        "aria-label":
          "Picture, with its segments tinted. Arrow keys go from segment to segment, Enter pins, plus, minus and 0 zoom, " +
          "O shows the original.",
      },
      this.#canvas,
    );
    this.#legend = createLegend(place);
    this.#opacity = element(document, "input", {
      type: "range",
      min: 0,
      max: 100,
      value: 70,
      "aria-label": "Opacity of the tint",
    });
    this.#outlines = element(document, "input", { type: "checkbox", checked: true });
    const original = this.#hold();
    const tint = element(document, "label", {}, "tint", this.#opacity);
    this.#tinting = [tint, original];
    const tools = boxOf(
      document,
      "picture-tools",
      tint,
      element(document, "label", {}, this.#outlines, "outlines"),
      original,
      toolButton(document, "−", "Zoom the picture out", () => this.#zoomBy(1 / STEP)),
      toolButton(document, "+", "Zoom the picture in", () => this.#zoomBy(STEP)),
    );
    for (const input of [this.#opacity, this.#outlines]) listen(input, "input", () => this.#draw());
    this.element = boxOf(
      document,
      "picture",
      boxOf(document, "heading", "Picture"),
      this.#frame,
      this.#legend.element,
      tools,
      this.#status,
    );
    this.#listen();
    place.signal.addEventListener("abort", () => this.#bitmap?.close());
  }

  update(data: PictureData | null): void {
    this.element.hidden = data === null;
    const fresh = data !== null && data.picture !== this.#data?.picture;
    this.#data = data;
    if (!data) return;
    if (fresh) void this.#load(data.picture);
    const { palette, tint, unit, fades } = data;
    // Zero is no colour at all here: the picture is seen.
    const colours = { ...palette.colours, none: palette.colours.ground };
    if (tint) this.#legend.update({ colours, limit: tint.limit, unit, fades, clipped: 0 });
    for (const part of [this.#legend.element, ...this.#tinting]) part.hidden = tint === null;
    setAttributes(this.#frame, { "data-lit": data.lit, "data-painted": data.name, "data-limit": tint?.limit ?? null });
    this.#draw();
  }

  async #load(picture: Picture): Promise<void> {
    this.#bitmap?.close();
    this.#bitmap = null;
    this.#spots = featureSpots(picture);
    this.#view = { zoom: 1, x: 0, y: 0 };
    setAttributes(this.#frame, { "data-zoom": 1 });
    const bitmap = await decodeImage(this.#place, picture);
    if (this.#place.signal.aborted || this.#data?.picture !== picture) return bitmap?.close();
    this.#bitmap = bitmap;
    this.#actions.redraw();
  }

  #draw(): void {
    const data = this.#data;
    const to = this.#canvas.getContext("2d");
    if (!data || !to) return;
    const { picture, tint, palette, lit, pins } = data;
    const marked = [lit, ...pins.map((pin) => pin.feature)].filter((feature) => feature >= 0);
    const opacity = Number(this.#opacity.value) / 100;
    this.#layers.update(picture, tint, palette, opacity, marked);
    const ratio = this.#place.document.defaultView?.devicePixelRatio ?? 1;
    const width = Math.min(
      this.#frame.clientWidth || picture.width,
      MOST_WIDE,
      (MOST_HIGH * picture.width) / picture.height,
    );
    const height = (width * picture.height) / picture.width;
    const { zoom } = this.#view;
    this.#canvas.width = Math.round(width * ratio);
    this.#canvas.height = Math.round(height * ratio);
    this.#canvas.style.width = `${width}px`;
    this.#canvas.style.height = `${height}px`;
    this.#view = {
      zoom,
      x: clamp(this.#view.x, 0, width * (zoom - 1)),
      y: clamp(this.#view.y, 0, height * (zoom - 1)),
    };
    to.setTransform(ratio * zoom, 0, 0, ratio * zoom, -this.#view.x * ratio, -this.#view.y * ratio);
    const whole = [0, 0, width, height] as const;
    to.imageSmoothingEnabled = picture.width > 128;
    if (this.#bitmap) to.drawImage(this.#bitmap, ...whole);
    if (this.#original) return;
    to.imageSmoothingEnabled = false;
    to.globalCompositeOperation = "saturation";
    to.drawImage(this.#layers.calm, ...whole);
    to.globalCompositeOperation = "source-over";
    to.globalAlpha = opacity;
    to.drawImage(this.#layers.tint, ...whole);
    to.globalAlpha = 1;
    this.#layers.outline(to, width / picture.width, 1 / zoom, Number(this.#outlines.checked));
  }

  #zoomBy(factor: number, x = this.#canvas.clientWidth / 2, y = this.#canvas.clientHeight / 2): void {
    const zoom = clamp(this.#view.zoom * factor, 1, MOST_ZOOM);
    const share = zoom / this.#view.zoom;
    this.#view = { zoom, x: (this.#view.x + x) * share - x, y: (this.#view.y + y) * share - y };
    setAttributes(this.#frame, { "data-zoom": zoom });
    this.#draw();
  }

  /** Feature under the pointer. */
  #under(event: MouseEvent): number {
    const box = this.#canvas.getBoundingClientRect();
    const at = (client: number, start: number, scroll: number, size: number) =>
      (client - start + scroll) / (size * this.#view.zoom);
    const x = at(event.clientX, box.left, this.#view.x, box.width);
    const y = at(event.clientY, box.top, this.#view.y, box.height);
    return this.#data ? featureAt(this.#data.picture, this.#spots, x, y) : -1;
  }

  #listen(): void {
    const frame = this.#frame;
    listen(frame, "pointerdown", () => {
      this.#moved = false;
    });
    listen(frame, "pointermove", (event) => {
      if (event.buttons === 1 && this.#view.zoom > 1) {
        this.#moved = true;
        this.#view = { ...this.#view, x: this.#view.x - event.movementX, y: this.#view.y - event.movementY };
        this.#draw();
      } else this.#actions.hover(this.#under(event));
    });
    listen(frame, "pointerleave", () => this.#actions.hover(-1));
    listen(frame, "click", (event) => {
      const feature = this.#under(event);
      if (feature >= 0 && !this.#moved) this.#actions.pin(feature);
    });
    listen(frame, "dblclick", () => this.#zoomBy(1 / this.#view.zoom));
    listen(
      frame,
      "wheel",
      (event) => {
        if (!event.ctrlKey && !event.metaKey) return;
        event.preventDefault();
        const box = this.#canvas.getBoundingClientRect();
        this.#zoomBy(2 ** (-event.deltaY / 180), event.clientX - box.left, event.clientY - box.top);
      },
      { passive: false },
    );
    listen(frame, "keydown", (event) => this.#key(event));
  }

  #key(event: KeyboardEvent): void {
    const data = this.#data;
    if (!data || event.altKey || event.metaKey || event.ctrlKey) return;
    const next = this.#next(event.key, data);
    const zoom = { "+": STEP, "=": STEP, "-": 1 / STEP, "0": 1 / this.#view.zoom }[event.key];
    if (next !== null) {
      this.#reveal(next);
      // A second key can come before this one is drawn.
      this.#data = { ...data, lit: next };
      this.#actions.hover(next);
      setText(this.#status, this.#told(next));
    } else if (zoom !== undefined) this.#zoomBy(zoom);
    else if (event.key === "Enter" && data.lit >= 0) this.#actions.pin(data.lit);
    else if (event.key === "o") this.#show(!this.#original);
    else return;
    claim(event);
  }

  /** Where an arrow key leads: along the order of the segments, or to the one above or below; null for other keys. */
  #next(key: string, { picture, lit }: PictureData): number | null {
    const along = { ArrowRight: 1, ArrowLeft: -1 }[key];
    const down = ({ ArrowDown: 1, ArrowUp: -1 } as const)[key as "ArrowDown" | "ArrowUp"];
    if (along === undefined && down === undefined) return null;
    const all = pictureFeatures(picture);
    const at = all.indexOf(lit);
    if (at < 0) return all[0] ?? -1;
    return down ? below(this.#spots, lit, down) : (all[clamp(at + (along ?? 0), 0, all.length - 1)] ?? -1);
  }

  /** Moves a zoomed picture so that the middle of a segment is in sight. */
  #reveal(feature: number): void {
    const middle = this.#spots.get(feature);
    if (!middle) return;
    const { zoom, x, y } = this.#view;
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    const inside = (at: number, start: number, size: number) => at > start && at < start + size;
    const [left, top] = [middle.x * width * zoom, middle.y * height * zoom];
    if (inside(left, x, width) && inside(top, y, height)) return;
    this.#view = { zoom, x: left - width / 2, y: top - height / 2 };
  }

  /** A segment in words. */
  #told(feature: number): string {
    const data = this.#data;
    if (!data?.tint || feature < 0) return "";
    const value = data.tint.values[feature] ?? Number.NaN;
    const error = data.tint.errors[feature] ?? 0;
    if (data.tint.out.has(feature)) return `${featureLabel(data.features[feature] ?? "")}: out of view`;
    const decimals = decimalsOf(value, error);
    const spread = error > 0 ? ` ± ${plain(error, decimals)}` : "";
    return `${featureLabel(data.features[feature] ?? "")} → ${data.name}: ${data.label} ${signed(value, decimals)}${spread} ${data.unit}`;
  }

  #show(original: boolean): void {
    this.#original = original;
    setAttributes(this.#frame, { "data-original": original });
    this.#draw();
  }

  /** Shows the picture as it was while it is held down, by mouse or by key. */
  #hold(): HTMLElement {
    const button = toolButton(this.#place.document, "Original", "Hold to see the original picture", () => undefined);
    const held = ["pointerdown", "keydown"] as const;
    const free = ["pointerup", "pointerleave", "keyup", "blur"] as const;
    for (const type of held)
      listen(button, type, (event) => {
        if (event instanceof KeyboardEvent && event.key !== " " && event.key !== "Enter") return;
        this.#show(true);
      });
    for (const type of free) listen(button, type, () => this.#original && this.#show(false));
    return button;
  }
}
