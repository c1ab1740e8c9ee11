// The filtering database: which port a station of a VLAN was last heard on. IEEE 802.1Q clause 8.8 with independent learning; entries
// age, and the table is bounded. It is set-associative in flat arrays, so that a look-up costs the same whatever guests send, and an
// entry for a new station takes the place of the port that holds most of its set: a flood of forged addresses displaces itself first.

const WAYS = 8;
/** No entry. */
export const NO_PORT = -1;

export class MacTable {
  private readonly sets: number;
  private readonly ageingNs: number;
  private readonly portLimit: number;
  /** First two octets of the address above the VLAN's number; 0 is a free slot. */
  private readonly high: Uint32Array;
  private readonly low: Uint32Array;
  private readonly ports: Int16Array;
  private readonly heardNs: Float64Array;
  private readonly held = new Map<number, number>();
  /** When a port at its limit is next swept for aged entries. */
  private readonly expireAfterNs = new Map<number, number>();

  /** `slots` is rounded up to a power of two. One port holds at most `portLimit` entries. */
  constructor(slots: number, ageingNs: number, portLimit: number) {
    const total = 2 ** Math.ceil(Math.log2(Math.max(slots, WAYS)));
    this.sets = total / WAYS;
    this.ageingNs = ageingNs;
    this.portLimit = portLimit;
    this.high = new Uint32Array(total);
    this.low = new Uint32Array(total);
    this.ports = new Int16Array(total);
    this.heardNs = new Float64Array(total);
  }

  /** The port of a station that has been heard within the ageing time, or NO_PORT. */
  lookup(high: number, low: number, nowNs: number): number {
    const slot = this.find(high, low);
    return slot >= 0 && nowNs - this.heardNs[slot]! <= this.ageingNs ? this.ports[slot]! : NO_PORT;
  }

  /** Notes that a station was heard on a port if it is known there already. False: it is new or has moved; see learn(). */
  refresh(high: number, low: number, port: number, nowNs: number): boolean {
    const slot = this.find(high, low);
    if (slot < 0 || this.ports[slot] !== port) return false;
    this.heardNs[slot] = nowNs;
    return true;
  }

  /** Enters a new station, or moves one. False if the port holds as many as it may; `limit` makes that fewer than for all ports. */
  learn(high: number, low: number, port: number, nowNs: number, limit: number = this.portLimit): boolean {
    let slot = this.find(high, low);
    if (slot >= 0 && this.ports[slot] === port) {
      this.heardNs[slot] = nowNs;
      return true;
    }
    const most = Math.min(limit, this.portLimit);
    if ((this.held.get(port) ?? 0) >= most && !this.expire(port, nowNs, most)) return false;
    if (slot < 0) slot = this.slotFor(this.setOf(high, low), nowNs);
    this.free(slot);
    this.high[slot] = high;
    this.low[slot] = low;
    this.ports[slot] = port;
    this.heardNs[slot] = nowNs;
    this.held.set(port, (this.held.get(port) ?? 0) + 1);
    return true;
  }

  /** Forgets the stations for which `matches` holds: those of a port, of a VLAN, all. */
  forget(matches: (port: number, vlan: number, mac: number) => boolean): void {
    for (let slot = 0; slot < this.high.length; slot++) {
      const high = this.high[slot]!;
      if (high !== 0 && matches(this.ports[slot]!, high & 0xffff, (high >>> 16) * 0x1_0000_0000 + this.low[slot]!)) this.free(slot);
    }
  }

  /** The stations heard within the ageing time, for display. */
  entries(nowNs: number): { mac: number; vlan: number; port: number; ageNs: number }[] {
    const found = [];
    for (let slot = 0; slot < this.high.length; slot++) {
      const high = this.high[slot]!;
      const ageNs = nowNs - this.heardNs[slot]!;
      if (high === 0 || ageNs > this.ageingNs) continue;
      const mac = (high >>> 16) * 0x1_0000_0000 + this.low[slot]!;
      found.push({ mac, vlan: high & 0xffff, port: this.ports[slot]!, ageNs });
    }
    return found;
  }

  private find(high: number, low: number): number {
    const first = this.setOf(high, low);
    for (let slot = first; slot < first + WAYS; slot++) if (this.low[slot] === low && this.high[slot] === high) return slot;
    return -1;
  }

  private setOf(high: number, low: number): number {
    let hash = Math.imul(low ^ Math.imul(high, 0x9e37_79b1), 0x85eb_ca6b);
    hash = Math.imul(hash ^ (hash >>> 15), 0xc2b2_ae35);
    return ((hash ^ (hash >>> 13)) & (this.sets - 1)) * WAYS;
  }

  /** A free or aged slot of a set, or else the oldest of the port that holds most of it. */
  private slotFor(first: number, nowNs: number): number {
    let victim = first;
    let victimHeld = 0;
    for (let slot = first; slot < first + WAYS; slot++) {
      if (this.high[slot] === 0 || nowNs - this.heardNs[slot]! > this.ageingNs) return slot;
      let held = 0;
      for (let other = first; other < first + WAYS; other++) if (this.ports[other] === this.ports[slot]) held++;
      if (held > victimHeld || (held === victimHeld && this.heardNs[slot]! < this.heardNs[victim]!)) {
        victim = slot;
        victimHeld = held;
      }
    }
    return victim;
  }

  /** Frees what has aged on a port that is at its limit; looks at the whole table at most once in an ageing time and port. */
  private expire(port: number, nowNs: number, most: number): boolean {
    const due = this.expireAfterNs.get(port) ?? 0;
    if (nowNs < due) return false;
    let oldest = nowNs;
    for (let slot = 0; slot < this.high.length; slot++) {
      if (this.high[slot] === 0 || this.ports[slot] !== port) continue;
      if (nowNs - this.heardNs[slot]! > this.ageingNs) this.free(slot);
      else oldest = Math.min(oldest, this.heardNs[slot]!);
    }
    // At least a sixteenth of the ageing time between two sweeps: a guest must not be able to buy one with each frame.
    this.expireAfterNs.set(port, Math.max(oldest + this.ageingNs, nowNs + this.ageingNs / 16));
    return (this.held.get(port) ?? 0) < most;
  }

  private free(slot: number): void {
    if (this.high[slot] === 0) return;
    const port = this.ports[slot]!;
    this.held.set(port, (this.held.get(port) ?? 1) - 1);
    this.high[slot] = 0;
  }
}
