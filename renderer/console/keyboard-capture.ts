// Keyboard of the guest's screen. Keys go by their physical place (KeyboardEvent.code); repeats pass, as a real keyboard
// sends them. Everything held is let go when the focus leaves, so that no key sticks in the guest. Left out: text input
// methods, which belong to the guest.
import type { HostKey } from "./host-key.ts";

export interface KeyboardSink {
  key(code: string, down: boolean): void;
  /** The host key alone: give the keyboard back. */
  release(): void;
  /** The host key held with another one. */
  shortcut(code: string): void;
}

/** What of KeyboardEvent is used. */
export interface KeyEvent {
  readonly code: string;
  readonly repeat: boolean;
  preventDefault(): void;
  stopPropagation(): void;
}

const MODIFIER = /^(Control|Shift|Alt|Meta)(Left|Right)$/;
/** Keys of Korean and Japanese keyboards that report only the press. */
const PRESS_ONLY = new Set(["Lang1", "Lang2", "Lang3", "Lang4", "Lang5"]);

export class KeyboardCapture {
  readonly #sink: KeyboardSink;
  readonly #held = new Set<string>();
  #hostKey: HostKey;
  #hostDown = false;
  #hostUsed = false;

  constructor(sink: KeyboardSink, hostKey: HostKey) {
    this.#sink = sink;
    this.#hostKey = hostKey;
  }

  setHostKey(hostKey: HostKey): void {
    this.releaseAll();
    this.#hostKey = hostKey;
  }

  keyDown(event: KeyEvent): void {
    event.preventDefault();
    event.stopPropagation();
    const { code } = event;
    if (code === "" || code === "Unidentified") return;
    if (code === this.#hostKey) {
      if (!event.repeat) this.#hostUsed = false;
      this.#hostDown = true;
      return;
    }
    if (this.#hostDown) {
      this.#hostUsed = true;
      if (!event.repeat) this.#sink.shortcut(code);
      return;
    }
    this.#held.add(code);
    this.#sink.key(code, true);
    if (PRESS_ONLY.has(code)) this.#up(code);
  }

  keyUp(event: KeyEvent): void {
    event.preventDefault();
    event.stopPropagation();
    const { code } = event;
    if (code === this.#hostKey) {
      const alone = this.#hostDown && !this.#hostUsed;
      this.#hostDown = false;
      if (alone) this.#sink.release();
      return;
    }
    this.#up(code);
    // macOS reports no release of a key that goes up while Command is held.
    if (code.startsWith("Meta")) for (const held of [...this.#held]) if (!MODIFIER.test(held)) this.#up(held);
  }

  /** The focus left: nothing is held any more. */
  releaseAll(): void {
    this.#hostDown = false;
    for (const code of [...this.#held].reverse()) this.#up(code);
  }

  #up(code: string): void {
    if (this.#held.delete(code)) this.#sink.key(code, false);
  }
}
