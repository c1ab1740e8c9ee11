// Electron's transport: the preload script puts `window.ringfenceBridge` into the page. Always connected; if the main
// process goes, so does the window.
import type { CallName, CallReply, CallRequest } from "../../core/api/contract.ts";
import type { Connection } from "./bridge.ts";
import { BridgeError } from "./bridge.ts";
import { readReply } from "./inbox.ts";
import { InboxBridge } from "./inbox-bridge.ts";

export interface PreloadApi {
  call(method: string, params: unknown): Promise<unknown>;
  onEvent(listener: (message: unknown) => void): () => void;
  onFrame(listener: (message: ArrayBuffer) => void): () => void;
  pathOf(file: File): string;
}

declare global {
  interface Window {
    ringfenceBridge?: PreloadApi;
  }
}

export class PreloadBridge extends InboxBridge {
  readonly #api: PreloadApi;
  readonly #unsubscribe: (() => void)[];

  constructor(api: PreloadApi) {
    super();
    this.#api = api;
    this.#unsubscribe = [
      api.onEvent((message) => this.inbox.receiveEvent(message)),
      api.onFrame((message) => this.inbox.receiveFrame(message)),
    ];
  }

  override async call<N extends CallName>(method: N, params: CallRequest<N>): Promise<CallReply<N>> {
    let reply: unknown;
    try {
      reply = await this.#api.call(method, params);
    } catch (error) {
      throw new BridgeError("internal", error instanceof Error ? error.message : String(error));
    }
    return readReply(method, reply);
  }

  override onConnection(listener: (connection: Connection) => void): () => void {
    listener({ state: "open" });
    return () => {};
  }

  override pathOf(file: File): string | null {
    return this.#api.pathOf(file) || null;
  }

  /** Files here have paths; what has none (a picture dragged from a page) is no file that could be copied. */
  override async upload(file: File): Promise<string> {
    throw new BridgeError("unsupported", `${file.name} is not a file on a disk`);
  }

  override reconnect(): void {}

  override close(): void {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.inbox.clear();
  }
}
