/** A canvas that writes SVG: what the painters need of a 2D context where nothing is lit, so that a picture and its SVG are the same. */

import { visible } from "../style/format";

type Point = readonly [number, number];

type Settings = readonly [fill: string, alpha: number, move: string, clips: number];

export class SvgContext {
  fillStyle = "#000";
  strokeStyle = "#000";
  lineWidth = 1;
  globalAlpha = 1;
  font = "12px sans-serif";
  textAlign: "left" | "center" | "right" = "left";
  textBaseline = "alphabetic";
  imageSmoothingEnabled = true;
  readonly #out: string[] = [];
  readonly #saved: Settings[] = [];
  #path = "";
  #move = "";
  #clips = 0;
  #names = 0;

  save(): void {
    this.#saved.push([this.fillStyle, this.globalAlpha, this.#move, this.#clips]);
    this.#clips = 0;
  }

  restore(): void {
    const before = this.#saved.pop();
    this.#out.push("</g>".repeat(this.#clips));
    if (before) [this.fillStyle, this.globalAlpha, this.#move, this.#clips] = before;
  }

  translate(x: number, y: number): void {
    this.#move += `translate(${short(x)} ${short(y)})`;
  }

  rotate(angle: number): void {
    this.#move += `rotate(${short((angle * 180) / Math.PI)})`;
  }

  beginPath(): void {
    this.#path = "";
  }

  moveTo(...to: Point): void {
    this.#path += `M${to.map(short)}`;
  }

  lineTo(...to: Point): void {
    this.#path += `L${to.map(short)}`;
  }

  rect(x: number, y: number, width: number, height: number): void {
    this.#path += `M${short(x)},${short(y)}h${short(width)}v${short(height)}h${short(-width)}z`;
  }

  roundRect(x: number, y: number, width: number, height: number, radius: number): void {
    const r = Math.min(radius, width / 2, height / 2);
    const arc = (dx: number, dy: number) => `a${[r, r, 0, 0, 1, dx, dy].map(short)}`;
    this.#path += `M${short(x + r)},${short(y)}h${short(width - 2 * r)}${arc(r, r)}v${short(height - 2 * r)}${arc(-r, r)}`;
    this.#path += `h${short(2 * r - width)}${arc(-r, -r)}v${short(2 * r - height)}${arc(r, -r)}z`;
  }

  fill(): void {
    this.#out.push(`<path d="${this.#path}" fill="${xml(this.fillStyle)}"${this.#common()}/>`);
  }

  stroke(): void {
    const line = `stroke="${xml(this.strokeStyle)}" stroke-width="${this.lineWidth}"`;
    this.#out.push(`<path d="${this.#path}" fill="none" ${line}${this.#common()}/>`);
  }

  fillRect(x: number, y: number, width: number, height: number): void {
    this.beginPath();
    this.rect(x, y, width, height);
    this.fill();
  }

  clip(): void {
    const name = `law-clip-${this.#names++}`;
    this.#out.push(`<clipPath id="${name}"><path d="${this.#path}"/></clipPath><g clip-path="url(#${name})">`);
    this.#clips++;
  }

  fillText(text: string, x: number, y: number): void {
    const anchor = { left: "start", center: "middle", right: "end" }[this.textAlign];
    const [size = "", family = ""] = this.font.split("px ");
    const type = `font-size="${size}" font-family="${xml(family)}"`;
    const base = this.textBaseline === "middle" ? ' dominant-baseline="central"' : "";
    const where = `x="${short(x)}" y="${short(y)}" text-anchor="${anchor}"${base}`;
    this.#out.push(
      `<text ${where} ${type} fill="${xml(this.fillStyle)}" xml:space="preserve"${this.#common()}>${xml(text)}</text>`,
    );
  }

  drawImage(image: HTMLCanvasElement, x: number, y: number, width: number, height: number): void {
    const box = `x="${short(x)}" y="${short(y)}" width="${short(width)}" height="${short(height)}"`;
    const style = 'preserveAspectRatio="none" style="image-rendering:pixelated"';
    this.#out.push(`<image ${box} ${style} href="${image.toDataURL("image/png")}"${this.#common()}/>`);
  }

  /** The whole, on a background. */
  document(width: number, height: number, background: string, title: string): string {
    const size = `width="${short(width)}" height="${short(height)}" viewBox="0 0 ${short(width)} ${short(height)}"`;
    const ground = `<rect width="100%" height="100%" fill="${xml(background)}"/>`;
    return `<svg xmlns="http://www.w3.org/2000/svg" ${size}><title>${xml(title)}</title>${ground}${this.#out.join("")}</svg>\n`;
  }

  #common(): string {
    const alpha = this.globalAlpha < 1 ? ` opacity="${short(this.globalAlpha)}"` : "";
    return alpha + (this.#move ? ` transform="${this.#move}"` : "");
  }
}

function short(value: number): string {
  return String(Math.round(value * 100) / 100);
}

/** Text for XML: no markup; what it does not allow (XML 1.0, 2.2) has glyphs. */
function xml(text: string): string {
  const names: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  return visible(text).replace(/[&<>"]/g, (found) => names[found] as string);
}
