// What every transport shares: listeners hear what its inbox has taken in.
import type { CallName, CallReply, CallRequest } from "../../core/api/contract.ts";
import type { Bridge, BridgeEvent, Connection } from "./bridge.ts";
import type { Frame } from "./frame.ts";
import { Inbox } from "./inbox.ts";

export abstract class InboxBridge implements Bridge {
  protected readonly inbox = new Inbox();

  abstract call<N extends CallName>(method: N, params: CallRequest<N>): Promise<CallReply<N>>;
  abstract onConnection(listener: (connection: Connection) => void): () => void;
  abstract pathOf(file: File): string | null;
  abstract upload(file: File, onProgress: (sentBytes: number) => void, signal: AbortSignal): Promise<string>;
  abstract reconnect(): void;
  abstract close(): void;

  onEvent(listener: (event: BridgeEvent) => void): () => void {
    return this.inbox.events.add(listener);
  }

  onFrame(listener: (frame: Frame) => void): () => void {
    return this.inbox.frames.add(listener);
  }

  onResync(listener: () => void): () => void {
    return this.inbox.resyncs.add(listener);
  }
}
