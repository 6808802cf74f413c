/** The picture of a prompt with its segments tinted; zoomed, and as it was while a button is held. */
import { element, type Place, setAttributes, setText } from "../dom";
import { decimalsOf, featureLabel, plain, signed } from "../format";
import { clamp } from "../layout";
import type { Palette } from "../paint";
import { decodeImage, edgePixels, featureAt, type Photo, photoFeatures, type Tint, tintPixels } from "../photo";
import type { Rgb } from "../scale";
import { createLegend } from "./legend";

export interface PhotoData {
  readonly photo: Photo;
  readonly tint: Tint;
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

export interface PhotoActions {
  hover(feature: number): void;
  pin(feature: number): void;
  redraw(): void;
}

export interface PhotoView {
  readonly element: HTMLElement;
  update(data: PhotoData | null): void;
}

const MOST_ZOOM = 12;

export function createPhoto(place: Place, actions: PhotoActions): PhotoView {
  return new PhotoStage(place, actions);
}

class PhotoStage implements PhotoView {
  readonly element: HTMLElement;
  readonly #place: Place;
  readonly #actions: PhotoActions;
  readonly #canvas: HTMLCanvasElement;
  readonly #frame: HTMLElement;
  readonly #status: HTMLElement;
  readonly #legend: ReturnType<typeof createLegend>;
  readonly #opacity: HTMLInputElement;
  readonly #outlines: HTMLInputElement;
  #data: PhotoData | null = null;
  #bitmap: ImageBitmap | null = null;
  #layers: { readonly tint: HTMLCanvasElement; readonly lines: HTMLCanvasElement; readonly lit: HTMLCanvasElement };
  #drawn: readonly unknown[] = [];
  #original = false;
  #view = { zoom: 1, x: 0, y: 0 };

  constructor(place: Place, actions: PhotoActions) {
    const { document } = place;
    this.#place = place;
    this.#actions = actions;
    this.#canvas = element(document, "canvas", { "aria-hidden": "true" });
    this.#layers = {
      tint: element(document, "canvas"),
      lines: element(document, "canvas"),
      lit: element(document, "canvas"),
    };
    this.#status = element(document, "div", { class: "law-hidden", role: "status" });
    this.#frame = element(
      document,
      "div",
      {
        class: "law-photo-frame",
        tabindex: 0,
        role: "application",
        "aria-label": "Picture, with its segments tinted. Arrow keys go from segment to segment, Enter pins.",
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
    const tools = element(
      document,
      "div",
      { class: "law-photo-tools" },
      element(document, "label", {}, "tint", this.#opacity),
      element(document, "label", {}, this.#outlines, "outlines"),
      original,
      this.#button("−", "Zoom the picture out", () => this.#zoomBy(1 / 1.5)),
      this.#button("+", "Zoom the picture in", () => this.#zoomBy(1.5)),
    );
    for (const input of [this.#opacity, this.#outlines]) input.addEventListener("input", () => this.#draw());
    this.element = element(
      document,
      "div",
      { class: "law-photo" },
      element(document, "div", { class: "law-heading" }, "Picture"),
      this.#frame,
      this.#legend.element,
      tools,
      this.#status,
    );
    this.#listen();
    place.signal.addEventListener("abort", () => this.#bitmap?.close());
  }

  update(data: PhotoData | null): void {
    this.element.hidden = data === null;
    const fresh = data !== null && data.photo !== this.#data?.photo;
    this.#data = data;
    if (!data) return;
    if (fresh) void this.#load(data.photo);
    const { palette, tint, unit, fades } = data;
    this.#legend.update({ colours: palette.colours, limit: tint.limit, unit, fades, clipped: 0 });
    setAttributes(this.#frame, { "data-lit": data.lit, "data-painted": data.name, "data-limit": tint.limit });
    this.#draw();
  }

  async #load(photo: Photo): Promise<void> {
    this.#bitmap?.close();
    this.#bitmap = null;
    this.#drawn = [];
    this.#view = { zoom: 1, x: 0, y: 0 };
    const bitmap = await decodeImage(this.#place, photo);
    if (this.#place.signal.aborted || this.#data?.photo !== photo) return bitmap?.close();
    this.#bitmap = bitmap;
    this.#actions.redraw();
  }

  /** Layers of one dot per pixel of the picture: scaled up by the canvas, they cost the same at any zoom. */
  #paintLayers({ photo, tint, palette, lit, pins }: PhotoData): void {
    const key = [photo, tint.values, tint.limit, palette, lit, pins.map((pin) => pin.feature).join()];
    const changed = key.map((part, at) => part !== this.#drawn[at]);
    this.#drawn = key;
    const colour: Rgb = palette.theme === "dark" ? [255, 255, 255] : [16, 20, 27];
    if (changed[0] || changed[1] || changed[2] || changed[3])
      fill(this.#layers.tint, photo, (pixels) => tintPixels(photo, tint, palette.colours, pixels));
    if (changed[0])
      fill(this.#layers.lines, photo, (pixels) => edgePixels(photo, (region) => region, [127, 127, 127], pixels));
    if (changed[0] || changed[3] || changed[4] || changed[5])
      fill(this.#layers.lit, photo, (pixels) => {
        for (const feature of [lit, ...pins.map((pin) => pin.feature)])
          if (feature >= 0)
            edgePixels(photo, (region) => Number(photo.members[region]?.includes(feature)), colour, pixels);
      });
  }

  #draw(): void {
    const data = this.#data;
    const to = this.#canvas.getContext("2d");
    if (!data || !to) return;
    this.#paintLayers(data);
    const { photo } = data;
    const ratio = this.#place.document.defaultView?.devicePixelRatio ?? 1;
    const width = Math.min(this.#frame.clientWidth || photo.width, 420);
    const height = (width * photo.height) / photo.width;
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
    to.imageSmoothingEnabled = photo.width > 128;
    if (this.#bitmap) to.drawImage(this.#bitmap, ...whole);
    if (this.#original) return;
    to.imageSmoothingEnabled = false;
    to.globalAlpha = Number(this.#opacity.value) / 100;
    to.drawImage(this.#layers.tint, ...whole);
    to.globalAlpha = this.#outlines.checked ? 0.55 : 0;
    to.drawImage(this.#layers.lines, ...whole);
    to.globalAlpha = 1;
    to.drawImage(this.#layers.lit, ...whole);
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
    return this.#data ? featureAt(this.#data.photo, x, y) : -1;
  }

  #listen(): void {
    const frame = this.#frame;
    frame.addEventListener("pointermove", (event) => {
      if (event.buttons === 1 && this.#view.zoom > 1) {
        this.#view = { ...this.#view, x: this.#view.x - event.movementX, y: this.#view.y - event.movementY };
        this.#draw();
      } else this.#actions.hover(this.#under(event));
    });
    frame.addEventListener("pointerleave", () => this.#actions.hover(-1));
    frame.addEventListener("click", (event) => {
      const feature = this.#under(event);
      if (feature >= 0) this.#actions.pin(feature);
    });
    frame.addEventListener("dblclick", () => this.#zoomBy(1 / this.#view.zoom));
    frame.addEventListener(
      "wheel",
      (event) => {
        if (!event.ctrlKey && !event.metaKey) return;
        event.preventDefault();
        const box = this.#canvas.getBoundingClientRect();
        this.#zoomBy(2 ** (-event.deltaY / 180), event.clientX - box.left, event.clientY - box.top);
      },
      { passive: false },
    );
    frame.addEventListener("keydown", (event) => this.#key(event));
  }

  #key(event: KeyboardEvent): void {
    const data = this.#data;
    if (!data || event.altKey || event.metaKey || event.ctrlKey) return;
    const all = photoFeatures(data.photo);
    const at = all.indexOf(data.lit);
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (step !== undefined) {
      const next = all[at < 0 ? 0 : clamp(at + step, 0, all.length - 1)] ?? -1;
      this.#actions.hover(next);
      setText(this.#status, this.#told(next));
    } else if (event.key === "Enter" && data.lit >= 0) this.#actions.pin(data.lit);
    else if (event.key === "o") this.#show(!this.#original);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** A segment in words. */
  #told(feature: number): string {
    const data = this.#data;
    if (!data || feature < 0) return "";
    const value = data.tint.values[feature] ?? Number.NaN;
    const error = data.tint.errors[feature] ?? 0;
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
    const button = this.#button("Original", "Hold to see the original picture", () => undefined);
    const held = ["pointerdown", "keydown"] as const;
    const free = ["pointerup", "pointerleave", "keyup", "blur"] as const;
    for (const type of held)
      button.addEventListener(type, (event) => {
        if (event instanceof KeyboardEvent && event.key !== " " && event.key !== "Enter") return;
        this.#show(true);
      });
    for (const type of free) button.addEventListener(type, () => this.#original && this.#show(false));
    return button;
  }

  #button(text: string, label: string, act: () => void): HTMLButtonElement {
    const { document } = this.#place;
    const made = element(
      document,
      "button",
      { type: "button", class: "law-tool", "aria-label": label, title: label },
      text,
    );
    made.addEventListener("click", act);
    return made;
  }
}

/** Sets a canvas to the size of the picture and its dots to what `paint` writes. */
function fill(canvas: HTMLCanvasElement, { width, height }: Photo, paint: (pixels: Uint8ClampedArray) => void): void {
  canvas.width = width;
  canvas.height = height;
  const to = canvas.getContext("2d");
  if (!to) return;
  const image = to.createImageData(width, height);
  paint(image.data);
  to.putImageData(image, 0, 0);
}
