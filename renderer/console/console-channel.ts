// One watch of a machine shared by the screen and the serial terminal. Keeps the serial output, so that a terminal that is
// opened later shows what came before, and the failure, if the app refused to send anything.
import type { Bridge } from "../bridge/bridge.ts";
import type { Frame } from "../bridge/frame.ts";
import { Listeners } from "../bridge/listeners.ts";
import { ConsoleFeed } from "./console-feed.ts";

/** Characters of output kept for a terminal that opens later. */
const KEPT = 1 << 20;

export type SerialOutput = { reset: boolean; data: string };

export class ConsoleChannel {
  readonly #frames = new Listeners<Frame>();
  readonly #serial = new Listeners<SerialOutput>();
  readonly #feed: ConsoleFeed;
  #text = "";

  constructor(bridge: Bridge, id: string, failed: (error: unknown) => void) {
    this.#feed = new ConsoleFeed(bridge, id, false, {
      frame: (frame) => this.#frames.emit(frame),
      serialReset: (backlog) => {
        this.#text = backlog.slice(-KEPT);
        this.#serial.emit({ reset: true, data: this.#text });
      },
      serial: (data) => {
        this.#text = (this.#text + data).slice(-KEPT);
        this.#serial.emit({ reset: false, data });
      },
      failed,
    });
  }

  onFrame(listener: (frame: Frame) => void): () => void {
    return this.#frames.add(listener);
  }

  /** Called at once with all that came so far. */
  onSerial(listener: (output: SerialOutput) => void): () => void {
    listener({ reset: true, data: this.#text });
    return this.#serial.add(listener);
  }

  restart(): void {
    this.#feed.restart();
  }

  close(): void {
    this.#feed.close();
    this.#frames.clear();
    this.#serial.clear();
  }
}
