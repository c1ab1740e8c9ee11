// Electron's transport: the preload script puts `window.ringfenceBridge` into the page. Always connected; if the main
// process goes, so does the window.
import type { CallName, CallReply, CallRequest } from "../../core/api/contract.ts";
import type { Bridge, BridgeEvent, Connection } from "./bridge.ts";
import { BridgeError } from "./bridge.ts";
import type { Frame } from "./frame.ts";
import { Inbox, readReply } from "./inbox.ts";

export interface PreloadApi {
  call(method: string, params: unknown): Promise<unknown>;
  onEvent(listener: (message: unknown) => void): () => void;
  onFrame(listener: (message: ArrayBuffer) => void): () => void;
}

declare global {
  interface Window {
    ringfenceBridge?: PreloadApi;
  }
}

export class PreloadBridge implements Bridge {
  readonly #api: PreloadApi;
  readonly #inbox = new Inbox();
  readonly #unsubscribe: (() => void)[];

  constructor(api: PreloadApi) {
    this.#api = api;
    this.#unsubscribe = [
      api.onEvent((message) => this.#inbox.receiveEvent(message)),
      api.onFrame((message) => this.#inbox.receiveFrame(message)),
    ];
  }

  async call<N extends CallName>(method: N, params: CallRequest<N>): Promise<CallReply<N>> {
    let reply: unknown;
    try {
      reply = await this.#api.call(method, params);
    } catch (error) {
      throw new BridgeError("internal", error instanceof Error ? error.message : String(error));
    }
    return readReply(method, reply);
  }

  onEvent(listener: (event: BridgeEvent) => void): () => void {
    return this.#inbox.events.add(listener);
  }

  onFrame(listener: (frame: Frame) => void): () => void {
    return this.#inbox.frames.add(listener);
  }

  onResync(listener: () => void): () => void {
    return this.#inbox.resyncs.add(listener);
  }

  onConnection(listener: (connection: Connection) => void): () => void {
    listener({ state: "open" });
    return () => {};
  }

  reconnect(): void {}

  close(): void {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#inbox.clear();
  }
}
