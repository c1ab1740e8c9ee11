// A connected user interface that keeps what it was sent.
import type { EventMessage, EventName } from "../../core/api/contract.ts";
import type { App, Connection } from "../app/create-app.ts";

export interface RecordingPeer extends Connection {
  readonly events: EventMessage[];
  readonly frames: Uint8Array<ArrayBuffer>[];
  /** While true it takes no frames. */
  isFull: boolean;
  named(event: EventName): unknown[];
  /** The result of a call; an Error with the code of a refusal. */
  call(method: string, params?: unknown): Promise<Record<string, unknown>>;
}

export function connectPeer(app: App): RecordingPeer {
  const events: EventMessage[] = [];
  const frames: Uint8Array<ArrayBuffer>[] = [];
  const peer = {
    events,
    frames,
    isFull: false,
    named: (name: EventName) => events.filter((e) => e.event === name).map((e) => e.data),
    async call(method: string, params: unknown = {}) {
      const reply = await connection.dispatch({ id: 1, method, params });
      // What the schemas have accepted is an object.
      if (reply.ok) return reply.result as Record<string, unknown>;
      throw Object.assign(new Error(reply.message), { code: reply.code });
    },
  };
  const connection = app.connect({
    sendEvent: (message) => events.push(message),
    sendFrame: (frame) => (peer.isFull ? false : frames.push(frame) > 0),
  });
  return Object.assign(peer, { dispatch: connection.dispatch, close: connection.close });
}
