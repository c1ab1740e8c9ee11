// The headless host's transport: JSON text for calls, replies and events, binary messages for frames, on one WebSocket.
// A lost connection is tried again with growing pauses; unanswered calls fail at once, so that no button hangs.
import type { CallName, CallReply, CallRequest } from "../../core/api/contract.ts";
import type { Connection } from "./bridge.ts";
import { BridgeError } from "./bridge.ts";
import { readReply } from "./inbox.ts";
import { InboxBridge } from "./inbox-bridge.ts";
import { Listeners } from "./listeners.ts";
import { uploadFile } from "./upload.ts";

const RETRY_MS = [250, 500, 1000, 2000, 5000];

/** What of WebSocket is used, so that a test can stand in. */
export interface Socket {
  binaryType: string;
  readyState: number;
  onopen: (() => void) | null;
  onclose: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  send(data: string): void;
  close(): void;
}

export interface Timers {
  set(callback: () => void, ms: number): unknown;
  clear(timer: unknown): void;
  now(): number;
}

const browserTimers: Timers = {
  set: (callback, ms) => setTimeout(callback, ms),
  clear: (timer) => clearTimeout(timer as number),
  now: () => Date.now(),
};

interface Pending {
  method: CallName;
  resolve: (value: never) => void;
  reject: (error: BridgeError) => void;
}

export class WebSocketBridge extends InboxBridge {
  readonly #open: () => Socket;
  readonly #timers: Timers;
  readonly #connections = new Listeners<Connection>();
  readonly #pending = new Map<number, Pending>();
  #connection: Connection = { state: "connecting" };
  #socket: Socket | null = null;
  #retry: unknown = null;
  #attempt = 0;
  #nextId = 1;
  #closed = false;

  constructor(open: () => Socket, timers: Timers = browserTimers) {
    super();
    this.#open = open;
    this.#timers = timers;
    this.#connect();
  }

  override call<N extends CallName>(method: N, params: CallRequest<N>): Promise<CallReply<N>> {
    return new Promise((resolve, reject) => {
      if (this.#connection.state === "lost" || this.#closed) {
        reject(new BridgeError("disconnected", "Not connected to the app"));
        return;
      }
      const id = this.#nextId++;
      // Each entry's resolve is called only with readReply's value for its own method.
      this.#pending.set(id, { method, resolve: resolve as (value: never) => void, reject });
      const text = JSON.stringify({ id, method, params });
      if (this.#connection.state === "open") this.#socket?.send(text);
      else this.#backlog.push(text);
    });
  }

  /** Calls made before the first connection is open. */
  #backlog: string[] = [];

  override onConnection(listener: (connection: Connection) => void): () => void {
    listener(this.#connection);
    return this.#connections.add(listener);
  }

  override pathOf(): null {
    return null;
  }

  override upload(file: File, onProgress: (sentBytes: number) => void, signal: AbortSignal): Promise<string> {
    return uploadFile(file, onProgress, signal);
  }

  override reconnect(): void {
    if (this.#connection.state !== "lost" || this.#closed) return;
    this.#timers.clear(this.#retry);
    this.#connect();
  }

  override close(): void {
    this.#closed = true;
    this.#timers.clear(this.#retry);
    this.#socket?.close();
    this.#failPending();
    this.inbox.clear();
    this.#connections.clear();
  }

  #connect(): void {
    const socket = this.#open();
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      const first = this.#attempt === 0 && this.#connection.state === "connecting";
      this.#attempt = 0;
      this.#setConnection({ state: "open" });
      for (const text of this.#backlog.splice(0)) socket.send(text);
      if (!first) this.inbox.newConnection();
    };
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onclose = () => {
      if (this.#socket === socket) this.#lost();
    };
  }

  #lost(): void {
    this.#socket = null;
    this.#failPending();
    if (this.#closed) return;
    const pause = RETRY_MS[Math.min(this.#attempt, RETRY_MS.length - 1)] ?? 5000;
    this.#attempt++;
    this.#retry = this.#timers.set(() => this.#connect(), pause);
    this.#setConnection({ state: "lost", attempt: this.#attempt, retryAt: this.#timers.now() + pause });
  }

  #failPending(): void {
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    this.#backlog = [];
    for (const call of pending) call.reject(new BridgeError("disconnected", "The connection to the app was lost"));
  }

  #receive(data: unknown): void {
    if (data instanceof ArrayBuffer) {
      this.inbox.receiveFrame(data);
      return;
    }
    let message: unknown;
    try {
      message = JSON.parse(String(data));
    } catch {
      return;
    }
    if (typeof message !== "object" || message === null) return;
    if (!("id" in message)) {
      this.inbox.receiveEvent(message);
      return;
    }
    const pending = this.#pending.get(message.id as number);
    if (pending === undefined) return;
    this.#pending.delete(message.id as number);
    try {
      pending.resolve(readReply(pending.method, message) as never);
    } catch (error) {
      pending.reject(error as BridgeError);
    }
  }

  #setConnection(connection: Connection): void {
    this.#connection = connection;
    this.#connections.emit(connection);
  }
}
