// Sends input events in order, one call at a time: what comes while a call is on its way goes together in the next one.
import type { InputEvent } from "../../core/api/vm-state.ts";

/** Most events that one `vm.input` may carry. */
const BATCH = 64;
/** More than this unsent means that the machine does not take input; the oldest are of no use by then. */
const MOST_WAITING = 1024;

export class InputSender {
  readonly #send: (events: InputEvent[]) => Promise<unknown>;
  readonly #onError: (error: unknown) => void;
  #waiting: InputEvent[] = [];
  #busy = false;

  constructor(send: (events: InputEvent[]) => Promise<unknown>, onError: (error: unknown) => void) {
    this.#send = send;
    this.#onError = onError;
  }

  push(event: InputEvent): void {
    this.#waiting.push(event);
    if (this.#waiting.length > MOST_WAITING) this.#waiting.splice(0, this.#waiting.length - MOST_WAITING);
    if (!this.#busy) void this.#drain();
  }

  async #drain(): Promise<void> {
    this.#busy = true;
    while (this.#waiting.length > 0) {
      try {
        await this.#send(this.#waiting.splice(0, BATCH));
      } catch (error) {
        this.#waiting = [];
        this.#onError(error);
      }
    }
    this.#busy = false;
  }
}
