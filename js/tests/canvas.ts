/** A real canvas (Skia) for jsdom, whose own draws nothing. */
import { type Canvas, createCanvas, type SKRSContext2D } from "@napi-rs/canvas";

/** Gives every <canvas> of the page a Skia canvas; `skiaOf` finds it. */
export function installCanvas(window: Window & typeof globalThis): (canvas: HTMLCanvasElement) => Canvas | undefined {
  const canvases = new WeakMap<HTMLCanvasElement, { canvas: Canvas; context: SKRSContext2D }>();
  const proto = window.HTMLCanvasElement.prototype;
  for (const side of ["width", "height"] as const) {
    const own = Object.getOwnPropertyDescriptor(proto, side);
    Object.defineProperty(proto, side, {
      configurable: true,
      get: own?.get ?? (() => 0),
      set(this: HTMLCanvasElement, value: number) {
        own?.set?.call(this, value);
        const skia = canvases.get(this)?.canvas;
        if (skia) skia[side] = value;
      },
    });
  }
  proto.getContext = function (this: HTMLCanvasElement, kind: string) {
    if (kind !== "2d") return null;
    const known = canvases.get(this);
    if (known) return known.context;
    const canvas = createCanvas(this.width, this.height);
    const context = canvas.getContext("2d");
    const draw = context.drawImage.bind(context) as (...args: unknown[]) => void;
    const drawImage = (source: unknown, ...rest: unknown[]) =>
      draw(source instanceof window.HTMLCanvasElement ? canvases.get(source)?.canvas : source, ...rest);
    Object.defineProperty(context, "drawImage", { value: drawImage });
    canvases.set(this, { canvas, context });
    return context;
  } as unknown as typeof proto.getContext;
  return (canvas) => canvases.get(canvas)?.canvas;
}
