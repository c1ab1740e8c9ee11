// The two ends of a network cable as a network card, a switch or a gateway holds them: frames in, frames out, carrier, back-pressure.
// Spec: frames as in IEEE 802.3 clause 3 from the destination address on; preamble and frame check sequence are left out, and so is the
// padding to 64 octets (a receiver accepts a short frame, as one after a paravirtual card). Nothing here keeps time.

/** Destination, source and type: less than this is no frame and is dropped by whoever receives it. */
export const FRAME_HEADER_BYTES = 14;
/** The largest frame any port carries: a jumbo payload of 9,000 octets with two tags. Longer ones are dropped and counted. */
export const FRAME_MAX_BYTES = 9022;

/** What the holder of an end is told. Called synchronously; must not throw, whatever the frame holds. */
export interface NetPortClient {
  /** A frame has arrived. `frame` is borrowed for the call: copy what is to be kept, and do not write to it. */
  receive(frame: Uint8Array): void;
  /** The last of a row of frames has been received: what the client has put together of them is to go on. From a port that `comesInRows`. */
  receiveEnd?(): void;
  /** Whether receive() would take a frame now. A sender that ignores this loses the frame, as on a real wire. */
  canReceive(): boolean;
  /** The carrier came or went; within connect() too, when that completes the link. */
  linkChanged(up: boolean): void;
  /** canSend() may be true again after having been false: resume a stopped transmit queue. */
  sendReady(): void;
}

/** One end of a cable. What is sent here arrives at the client of the other end. */
export interface NetPort {
  /** Sends a frame, borrowed for the call. Without carrier, or when canSend() is false, the frame is lost. Never throws. */
  send(frame: Uint8Array): void;
  /** Whether the far end would take a frame now: its client's canReceive(), or space in the queue between. */
  canSend(): boolean;
  /** Carrier: the cable is plugged in, and both ends are held. */
  readonly linkUp: boolean;
  /** The client hears receiveEnd() after each row of frames. */
  readonly comesInRows?: boolean;
  /** Takes hold of this end, or lets go with null. */
  connect(client: NetPortClient | null): void;
  /** Tells the far end that canReceive() is true again after having been false. */
  receiveReady(): void;
}

/** A cable with both its ends; it delivers at once, so each end has to expect receive() within its own send(). */
export class Cable {
  readonly a: NetPort;
  readonly b: NetPort;
  private readonly ends: readonly [CableEnd, CableEnd];
  private plugged = true;

  constructor() {
    const a = new CableEnd(this);
    const b = new CableEnd(this);
    a.far = b;
    b.far = a;
    this.ends = [a, b];
    this.a = a;
    this.b = b;
  }

  get isPlugged(): boolean {
    return this.plugged;
  }

  /** Pulls or plugs the cable while both ends run. */
  setPlugged(plugged: boolean): void {
    this.plugged = plugged;
    this.refresh();
  }

  /** Works out the carrier anew and tells both ends of a change. */
  refresh(): void {
    const up = this.plugged && this.ends.every((end) => end.client !== null);
    const changed = this.ends.filter((end) => end.linkUp !== up);
    for (const end of changed) end.linkUp = up;
    for (const end of changed) end.client?.linkChanged(up);
  }
}

class CableEnd implements NetPort {
  linkUp = false;
  client: NetPortClient | null = null;
  far!: CableEnd;
  private readonly cable: Cable;

  constructor(cable: Cable) {
    this.cable = cable;
  }

  send(frame: Uint8Array): void {
    if (!this.linkUp || frame.length < FRAME_HEADER_BYTES || frame.length > FRAME_MAX_BYTES) return;
    const to = this.far.client;
    if (to?.canReceive()) to.receive(frame);
  }

  canSend(): boolean {
    return this.linkUp && this.far.client?.canReceive() === true;
  }

  connect(client: NetPortClient | null): void {
    this.client = client;
    this.cable.refresh();
  }

  receiveReady(): void {
    if (this.linkUp) this.far.client?.sendReady();
  }
}
