// One connected user interface: its events in order and numbered, and which machines it watches.
import { type EventData, type EventMessage, type EventName, events } from "../../core/api/contract.ts";

/** What a host offers for one connection. Neither call may throw for long: a peer that is gone is closed soon. */
export interface PeerPort {
  sendEvent(message: EventMessage): void;
  /** False: the connection is full, the frame was not sent and may be offered again later. */
  sendFrame(frame: Uint8Array<ArrayBuffer>): boolean;
}

export class Peer {
  readonly port: PeerPort;
  /** Machines whose screen and serial port it wants. */
  readonly watched = new Set<string>();
  /** Machines whose text screen it wants. */
  readonly texts = new Set<string>();
  /** Machines whose thumbnail it wants. */
  readonly thumbnails = new Set<string>();
  /** Whether it wants to know how the network's links fare. */
  watchesNetwork = false;
  private sequence = 0;

  constructor(port: PeerPort) {
    this.port = port;
  }

  /** `data` is what the contract says; a fault of ours becomes a notice, never bad data on the other side. */
  send<N extends EventName>(event: N, data: EventData<N>): void {
    const checked = events[event].safeParse(data);
    if (checked.success) this.port.sendEvent({ event, sequence: this.sequence++, data: checked.data });
    else this.send("app.notice", { level: "error", code: "internal", message: `The event ${event} was not fit to send: ${checked.error.message}` });
  }
}
