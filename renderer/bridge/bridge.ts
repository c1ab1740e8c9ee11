// What the user interface asks of a transport. Calls and events are those of core/api's contract; a transport adds only
// whether it is connected. Nothing here knows which transport it is.
import type { CallName, CallReply, CallRequest, EventData, EventName } from "../../core/api/contract.ts";
import type { ErrorCode } from "../../core/api/vm-state.ts";
import type { Frame } from "./frame.ts";

/** `disconnected` is ours: the call was never answered because the transport went away. */
export type BridgeErrorCode = ErrorCode | "disconnected";

export class BridgeError extends Error {
  readonly code: BridgeErrorCode;
  readonly detail: string | undefined;
  constructor(code: BridgeErrorCode, message: string, detail?: string) {
    super(message);
    this.name = "BridgeError";
    this.code = code;
    this.detail = detail;
  }
}

/** `retryAt` is when the next attempt starts (milliseconds since the epoch). */
export type Connection = { state: "connecting" } | { state: "open" } | { state: "lost"; attempt: number; retryAt: number };

export type BridgeEvent = { [N in EventName]: { name: N; data: EventData<N> } }[EventName];

export interface Bridge {
  /** Rejects with a BridgeError, never with anything else. */
  call<N extends CallName>(method: N, params: CallRequest<N>): Promise<CallReply<N>>;
  onEvent(listener: (event: BridgeEvent) => void): () => void;
  onFrame(listener: (frame: Frame) => void): () => void;
  /** Called at once with the present state, then at each change. */
  onConnection(listener: (connection: Connection) => void): () => void;
  /** Events may have been missed (a gap in the sequence, or a new connection): read everything anew. */
  onResync(listener: () => void): () => void;
  /** Where a file that was dropped on the window is on the app's host; null where a browser does not tell. */
  pathOf(file: File): string | null;
  /** Copies a file into the app's media folder and settles with its path there. Rejects with a BridgeError, or the signal's reason. */
  upload(file: File, onProgress: (sentBytes: number) => void, signal: AbortSignal): Promise<string>;
  /** Tries to connect now rather than at `retryAt`. */
  reconnect(): void;
  close(): void;
}
