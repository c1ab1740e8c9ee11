// Pointer of a guest that uses the tablet: its place on the picture, so nothing is captured. Motion waits for the next flush
// (once a frame); a change of buttons is passed at once, with the place it happened at.
import { TABLET_MAX } from "../../core/api/vm-state.ts";
import { wheelNotches } from "./pointer-capture.ts";

export interface TabletSink {
  tablet(place: { x: number; y: number; wheel: number; buttons: number }): void;
}

/** Fields of MouseEvent that are used. */
export interface TabletInput {
  readonly clientX: number;
  readonly clientY: number;
  readonly buttons: number;
}

/** Fields of DOMRect that are used. */
export interface PictureBox {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

const WHEEL_LIMIT = 127;

export class TabletPointer {
  readonly #sink: TabletSink;
  #x = 0;
  #y = 0;
  #wheel = 0;
  #buttons = 0;
  #isMoved = false;

  constructor(sink: TabletSink) {
    this.#sink = sink;
  }

  /** `box` is where the guest's picture lies on the page; outside of it the pointer stays at the edge. */
  move(event: TabletInput, box: PictureBox): void {
    if (box.width <= 0 || box.height <= 0) return;
    const place = (at: number, size: number): number => Math.round(Math.max(0, Math.min(1, at / size)) * TABLET_MAX);
    const x = place(event.clientX - box.left, box.width);
    const y = place(event.clientY - box.top, box.height);
    if (x !== this.#x || y !== this.#y) this.#isMoved = true;
    this.#x = x;
    this.#y = y;
    const buttons = event.buttons & 7;
    if (buttons === this.#buttons) return;
    this.#buttons = buttons;
    this.#send(0);
  }

  wheel(event: { readonly deltaY: number; readonly deltaMode: number }): void {
    this.#wheel += wheelNotches(event);
  }

  flush(): void {
    const wheel = Math.max(-WHEEL_LIMIT, Math.min(WHEEL_LIMIT, Math.trunc(this.#wheel)));
    if (!this.#isMoved && wheel === 0) return;
    this.#wheel -= wheel;
    this.#send(wheel);
  }

  /** The pointer went elsewhere: no button stays held in the guest. */
  releaseAll(): void {
    this.#wheel = 0;
    if (this.#buttons === 0) return;
    this.#buttons = 0;
    this.#send(0);
  }

  #send(wheel: number): void {
    this.#isMoved = false;
    this.#sink.tablet({ x: this.#x, y: this.#y, wheel, buttons: this.#buttons });
  }
}
