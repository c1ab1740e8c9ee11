// The other end of a card's cable: keeps what comes, and may be full.
import type { NetPortClient } from "../network/port.ts";

export class NetPeer implements NetPortClient {
  readonly frames: Uint8Array[] = [];
  room = Infinity;
  ready = 0;

  receive(frame: Uint8Array): void {
    this.frames.push(frame.slice());
    this.room--;
  }

  canReceive(): boolean {
    return this.room > 0;
  }

  linkChanged(): void {}

  sendReady(): void {
    this.ready++;
  }
}
