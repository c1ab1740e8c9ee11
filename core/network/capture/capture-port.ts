// An end of a cable that shows what passes it to somebody, a pcapng writer or a ring, and is transparent otherwise.
import type { NetPort, NetPortClient } from "../port.ts";
import type { CaptureDirection } from "./pcapng.ts";

/** `frame` is borrowed for the call. */
export type FrameObserver = (frame: Uint8Array, direction: CaptureDirection) => void;

export class CapturePort implements NetPort {
  private readonly inner: NetPort;
  /** Null while nobody captures. */
  observer: FrameObserver | null = null;

  constructor(inner: NetPort) {
    this.inner = inner;
  }

  send(frame: Uint8Array): void {
    if (this.inner.linkUp) this.observer?.(frame, "out");
    this.inner.send(frame);
  }

  canSend(): boolean {
    return this.inner.canSend();
  }

  get linkUp(): boolean {
    return this.inner.linkUp;
  }

  connect(client: NetPortClient | null): void {
    if (client === null) {
      this.inner.connect(null);
      return;
    }
    this.inner.connect({
      receive: (frame) => {
        this.observer?.(frame, "in");
        client.receive(frame);
      },
      canReceive: () => client.canReceive(),
      linkChanged: (up) => client.linkChanged(up),
      sendReady: () => client.sendReady(),
    });
  }

  receiveReady(): void {
    this.inner.receiveReady();
  }
}
