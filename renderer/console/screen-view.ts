// The guest's screen on a canvas: takes dirty rectangles, keeps the whole picture, draws it at the size that the layout asks
// for. Left out: the hardware cursor, which the display adapters that we model do not have.
import type { Frame } from "../bridge/frame.ts";
import type { ScreenLayout, ScreenScale } from "./screen-layout.ts";
import { layoutScreen } from "./screen-layout.ts";

export class ScreenView {
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;
  /** The guest's own pixels; the visible canvas may be a multiple of it. */
  readonly #picture: HTMLCanvasElement;
  readonly #pictureContext: CanvasRenderingContext2D;
  readonly #onResize: (width: number, height: number) => void;
  #scale: ScreenScale = "fit";
  #room = { width: 0, height: 0 };
  #layout: ScreenLayout | null = null;

  constructor(canvas: HTMLCanvasElement, onResize: (width: number, height: number) => void) {
    this.#canvas = canvas;
    this.#picture = document.createElement("canvas");
    const context = canvas.getContext("2d", { alpha: false });
    const pictureContext = this.#picture.getContext("2d", { alpha: false, willReadFrequently: false });
    if (context === null || pictureContext === null) throw new Error("This browser has no 2D canvas");
    this.#context = context;
    this.#pictureContext = pictureContext;
    this.#onResize = onResize;
    this.#picture.width = this.#picture.height = 0;
  }

  get width(): number {
    return this.#picture.width;
  }

  get height(): number {
    return this.#picture.height;
  }

  apply(frame: Frame): void {
    if (frame.screenWidth === 0 || frame.screenHeight === 0) return;
    if (frame.screenWidth !== this.#picture.width || frame.screenHeight !== this.#picture.height) {
      this.#picture.width = frame.screenWidth;
      this.#picture.height = frame.screenHeight;
      this.#relayout();
      this.#onResize(frame.screenWidth, frame.screenHeight);
    }
    if (frame.width === 0 || frame.height === 0) return;
    this.#pictureContext.putImageData(new ImageData(frame.pixels, frame.width, frame.height), frame.x, frame.y);
    this.#draw(frame.x, frame.y, frame.width, frame.height);
  }

  setScale(scale: ScreenScale): void {
    this.#scale = scale;
    this.#relayout();
  }

  /** The room that "fit" may use, in CSS pixels. */
  setRoom(width: number, height: number): void {
    this.#room = { width, height };
    this.#relayout();
  }

  /** The screen as a PNG at the guest's own size. */
  toPng(): Promise<Blob | null> {
    return new Promise((resolve) => this.#picture.toBlob(resolve, "image/png"));
  }

  #relayout(): void {
    const { width, height } = this.#picture;
    if (width === 0 || height === 0) return;
    const layout = layoutScreen(this.#scale, { width, height }, this.#room, window.devicePixelRatio);
    this.#canvas.style.width = `${layout.cssWidth}px`;
    this.#canvas.style.height = `${layout.cssHeight}px`;
    this.#canvas.style.imageRendering = layout.smooth ? "auto" : "pixelated";
    const [w, h] = [width * layout.multiple, height * layout.multiple];
    const sizeChanged = this.#canvas.width !== w || this.#canvas.height !== h;
    this.#layout = layout;
    if (!sizeChanged) return;
    this.#canvas.width = w;
    this.#canvas.height = h;
    // Setting the size resets the context.
    this.#context.imageSmoothingEnabled = false;
    this.#draw(0, 0, width, height);
  }

  #draw(x: number, y: number, width: number, height: number): void {
    const k = this.#layout?.multiple ?? 1;
    this.#context.drawImage(this.#picture, x, y, width, height, x * k, y * k, width * k, height * k);
  }
}
