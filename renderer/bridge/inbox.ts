// The part every transport shares: validating replies and events against the contract, and noticing a gap in the sequence.
import type { CallName, CallReply } from "../../core/api/contract.ts";
import { calls, events } from "../../core/api/contract.ts";
import { ErrorCode } from "../../core/api/vm-state.ts";
import type { BridgeEvent } from "./bridge.ts";
import { BridgeError } from "./bridge.ts";
import type { Frame } from "./frame.ts";
import { parseFrame } from "./frame.ts";
import { Listeners } from "./listeners.ts";

export class Inbox {
  readonly events = new Listeners<BridgeEvent>();
  readonly frames = new Listeners<Frame>();
  readonly resyncs = new Listeners<void>();
  #expected: number | null = null;

  /** A new connection numbers its events anew, and whatever happened in between was missed. */
  newConnection(): void {
    this.#expected = null;
    this.resyncs.emit();
  }

  receiveEvent(message: unknown): void {
    if (typeof message !== "object" || message === null || !("event" in message)) return;
    const { event, sequence, data } = message as { event: unknown; sequence?: unknown; data?: unknown };
    const gap = typeof sequence === "number" && this.#expected !== null && sequence !== this.#expected;
    if (typeof sequence === "number") this.#expected = sequence + 1;
    if (typeof event !== "string" || !Object.hasOwn(events, event)) return;
    const name = event as keyof typeof events;
    const parsed = events[name].safeParse(data);
    if (parsed.success) this.events.emit({ name, data: parsed.data } as BridgeEvent);
    // An event that we cannot read may have said something that matters.
    if (gap || !parsed.success) this.resyncs.emit();
  }

  receiveFrame(message: ArrayBuffer): void {
    const frame = parseFrame(message);
    if (frame !== null) this.frames.emit(frame);
  }

  clear(): void {
    this.events.clear();
    this.frames.clear();
    this.resyncs.clear();
  }
}

/** The result of a reply message, or its error thrown as a BridgeError. */
export function readReply<N extends CallName>(method: N, reply: unknown): CallReply<N> {
  const message = (typeof reply === "object" && reply !== null ? reply : {}) as Record<string, unknown>;
  if (message["ok"] === true) {
    const parsed = calls[method].reply.safeParse(message["result"]);
    // The cast ties the schema chosen by `method` to the type of that same row.
    if (parsed.success) return parsed.data as CallReply<N>;
    throw new BridgeError("internal", `The reply to ${method} is not as agreed`, parsed.error.message);
  }
  const code = ErrorCode.safeParse(message["code"]);
  const text = typeof message["message"] === "string" ? message["message"] : `${method} failed`;
  const detail = typeof message["detail"] === "string" ? message["detail"] : undefined;
  throw new BridgeError(code.success ? code.data : "internal", text, detail);
}
