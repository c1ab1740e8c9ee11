// Mouse of the guest's screen, relative as a PS/2 mouse is, so it needs the browser's pointer lock. Motion is summed until
// the sink takes it (once a frame); a change of buttons is passed at once, with the motion before it. Absolute
// pointers are in tablet-pointer.ts.
export interface PointerSink {
  pointer(motion: { dx: number; dy: number; wheel: number; buttons: number }): void;
}

/** Fields of MouseEvent and WheelEvent that are used. */
export interface PointerInput {
  readonly movementX: number;
  readonly movementY: number;
  readonly buttons: number;
}

const LIMIT = 4096;
const WHEEL_LIMIT = 127;
/** Browsers report wheels in pixels, lines or pages; about this many of each are a notch. */
const WHEEL_UNIT = [100, 3, 1];

export const wheelNotches = (event: { readonly deltaY: number; readonly deltaMode: number }): number =>
  event.deltaY / (WHEEL_UNIT[event.deltaMode] ?? 100);

const clamp = (value: number, limit: number): number => Math.max(-limit, Math.min(limit, value));

export class PointerCapture {
  readonly #sink: PointerSink;
  #dx = 0;
  #dy = 0;
  #wheel = 0;
  #buttons = 0;

  constructor(sink: PointerSink) {
    this.#sink = sink;
  }

  move(event: PointerInput): void {
    this.#dx += event.movementX;
    this.#dy += event.movementY;
  }

  buttons(event: PointerInput): void {
    // Both the DOM and the contract: bit 0 left, bit 1 right, bit 2 middle.
    const buttons = event.buttons & 7;
    if (buttons === this.#buttons) return;
    this.flush();
    this.#buttons = buttons;
    this.#sink.pointer({ dx: 0, dy: 0, wheel: 0, buttons });
  }

  wheel(event: { readonly deltaY: number; readonly deltaMode: number }): void {
    this.#wheel += wheelNotches(event);
  }

  /** Passes what has been summed; fractions stay for the next time. */
  flush(): void {
    const dx = clamp(Math.trunc(this.#dx), LIMIT);
    const dy = clamp(Math.trunc(this.#dy), LIMIT);
    const wheel = clamp(Math.trunc(this.#wheel), WHEEL_LIMIT);
    if (dx === 0 && dy === 0 && wheel === 0) return;
    this.#dx -= dx;
    this.#dy -= dy;
    this.#wheel -= wheel;
    this.#sink.pointer({ dx, dy, wheel, buttons: this.#buttons });
  }

  /** The mouse was given back: no button stays held in the guest. */
  releaseAll(): void {
    this.#dx = this.#dy = this.#wheel = 0;
    if (this.#buttons === 0) return;
    this.#buttons = 0;
    this.#sink.pointer({ dx: 0, dy: 0, wheel: 0, buttons: 0 });
  }
}
