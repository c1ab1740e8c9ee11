// One machine's screen and serial output while somebody looks: asks the app to send them, asks again after a lost
// connection or a restart of the watch, and stops when closed. Serial output that arrives before the reply to `vm.watch`
// is newer than the backlog in it, so it is held until then.
import type { Bridge } from "../bridge/bridge.ts";
import type { Frame } from "../bridge/frame.ts";

export interface FeedListener {
  frame?: (frame: Frame) => void;
  /** Everything shown so far: replaces what the terminal has. */
  serialReset?: (backlog: string) => void;
  serial?: (data: string) => void;
  failed?: (error: unknown) => void;
}

export class ConsoleFeed {
  readonly #bridge: Bridge;
  readonly #id: string;
  readonly #thumbnail: boolean;
  readonly #listener: FeedListener;
  readonly #unsubscribe: (() => void)[];
  #held: string[] | null = [];
  #round = 0;
  #closed = false;

  constructor(bridge: Bridge, id: string, thumbnail: boolean, listener: FeedListener) {
    this.#bridge = bridge;
    this.#id = id;
    this.#thumbnail = thumbnail;
    this.#listener = listener;
    this.#unsubscribe = [
      bridge.onFrame((frame) => {
        if (frame.id === id && frame.thumbnail === thumbnail) listener.frame?.(frame);
      }),
      bridge.onEvent((event) => {
        if (event.name !== "vm.serial" || event.data.id !== id) return;
        if (this.#held !== null) this.#held.push(event.data.data);
        else listener.serial?.(event.data.data);
      }),
      bridge.onResync(() => void this.#watch(true)),
    ];
    void this.#watch(false);
  }

  /** Asks anew, for a machine that was turned on again. */
  restart(): void {
    void this.#watch(true);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    // A connection that is gone has forgotten the watch by itself.
    this.#bridge.call("vm.unwatch", { id: this.#id, thumbnail: this.#thumbnail }).catch(() => {});
  }

  async #watch(again: boolean): Promise<void> {
    const mine = ++this.#round;
    try {
      // Output that the old watch still sends is in the new backlog as well: stop it first, then forget what came.
      if (again) await this.#bridge.call("vm.unwatch", { id: this.#id, thumbnail: this.#thumbnail });
      if (mine !== this.#round || this.#closed) return;
      this.#held = [];
      const { serialBacklog } = await this.#bridge.call("vm.watch", { id: this.#id, thumbnail: this.#thumbnail });
      if (mine !== this.#round || this.#closed) return;
      const held = this.#held ?? [];
      this.#held = null;
      this.#listener.serialReset?.(serialBacklog);
      for (const data of held) this.#listener.serial?.(data);
    } catch (error) {
      if (mine !== this.#round || this.#closed) return;
      this.#held = null;
      this.#listener.failed?.(error);
    }
  }
}
