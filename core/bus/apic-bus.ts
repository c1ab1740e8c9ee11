// The message bus between I/O APICs, message-signalled devices and local APICs (SDM vol. 3, 11.5.2, 11.6.2, 11.11). It decides who a
// message is for; what it does there is the local APIC's matter. Plain arguments, no message objects: nothing is allocated.

/** Delivery modes as both ends encode them. */
export const FIXED = 0, LOWEST_PRIORITY = 1, SMI = 2, NMI = 4, INIT = 5, STARTUP = 6, EXT_INT = 7;

/** A local APIC as the bus sees it. */
export interface LocalApicPort {
  /** True if a message to that destination is for this APIC. */
  isAddressed(destination: number, logical: boolean): boolean;
  /** Takes a message; false if it cannot now (disabled). */
  receive(mode: number, vector: number, level: boolean): boolean;
  /** The lower, the readier for a lowest-priority message. */
  priority(): number;
}

/** An I/O APIC as the bus sees it: it hears which level-triggered vector is done. */
export interface IoApicPort {
  endOfInterrupt(vector: number): void;
}

/** What I/O APICs and local APICs need of the bus. */
export interface ApicMessages {
  /** Gives a message to all it is addressed to. False if nobody took it. */
  send(destination: number, logical: boolean, mode: number, vector: number, level: boolean): boolean;
  /** To every local APIC but `except`. */
  sendToAll(except: LocalApicPort | undefined, mode: number, vector: number): void;
  endOfInterrupt(vector: number): void;
}

export class ApicBus implements ApicMessages {
  private readonly locals: LocalApicPort[] = [];
  private readonly ios: IoApicPort[] = [];

  attachLocal(local: LocalApicPort): void {
    this.locals.push(local);
  }

  attachIo(io: IoApicPort): void {
    this.ios.push(io);
  }

  send(destination: number, logical: boolean, mode: number, vector: number, level: boolean): boolean {
    if (mode === LOWEST_PRIORITY) return this.sendToLowest(destination, logical, vector, level);
    let taken = false;
    for (const local of this.locals) {
      if (local.isAddressed(destination, logical) && local.receive(mode, vector, level)) taken = true;
    }
    return taken;
  }

  private sendToLowest(destination: number, logical: boolean, vector: number, level: boolean): boolean {
    let best: LocalApicPort | undefined;
    for (const local of this.locals) {
      if (local.isAddressed(destination, logical) && (!best || local.priority() < best.priority())) best = local;
    }
    return best?.receive(LOWEST_PRIORITY, vector, level) ?? false;
  }

  sendToAll(except: LocalApicPort | undefined, mode: number, vector: number): void {
    for (const local of this.locals) if (local !== except) local.receive(mode, vector, false);
  }

  endOfInterrupt(vector: number): void {
    for (const io of this.ios) io.endOfInterrupt(vector);
  }

  /** A message-signalled interrupt: a write of `data` to FEExxxxxh. */
  sendMsi(address: number, data: number): boolean {
    const mode = (data >> 8) & 7;
    return this.send((address >> 12) & 0xff, (address & 4) !== 0, mode, data & 0xff, (data & 0x8000) !== 0);
  }
}
