// Flows of the guests, bounded in all and per guest. Where a bound is met the oldest flow goes: the guest's own where it has used up its
// share, otherwise one of the guest that has most, so that a flood costs its author before anybody else.

export interface Flow {
  readonly key: string;
  readonly guest: string;
  /** Time of the last traffic, kept by the owner and used only at touch(). */
  usedNs: number;
}

export class FlowTable<F extends Flow> {
  private readonly flows = new Map<string, F>();
  private readonly guests = new Map<string, Map<string, F>>();
  private readonly limit: number;
  private readonly limitPerGuest: number;
  private readonly evicted: (flow: F) => void;

  /** `evicted` is called for a flow that has to go; it is out of the table already. */
  constructor(limit: number, limitPerGuest: number, evicted: (flow: F) => void) {
    this.limit = limit;
    this.limitPerGuest = limitPerGuest;
    this.evicted = evicted;
  }

  get size(): number {
    return this.flows.size;
  }

  get(key: string): F | undefined {
    return this.flows.get(key);
  }

  values(): IterableIterator<F> {
    return this.flows.values();
  }

  add(flow: F): void {
    const own = this.guests.get(flow.guest);
    if (own !== undefined && own.size >= this.limitPerGuest) this.evictOldest(own);
    else if (this.flows.size >= this.limit) {
      let most: Map<string, F> | undefined;
      for (const flows of this.guests.values()) if (most === undefined || flows.size > most.size) most = flows;
      if (most !== undefined) this.evictOldest(most);
    }
    this.flows.set(flow.key, flow);
    let flows = this.guests.get(flow.guest);
    if (flows === undefined) {
      flows = new Map();
      this.guests.set(flow.guest, flows);
    }
    flows.set(flow.key, flow);
  }

  /** Notes traffic. Order is kept to a second, which spares the tables for most packets. */
  touch(flow: F, nowNs: number): void {
    if (nowNs - flow.usedNs < 1e9) return;
    flow.usedNs = nowNs;
    const own = this.guests.get(flow.guest);
    if (own === undefined || own.get(flow.key) !== flow) return;
    own.delete(flow.key);
    own.set(flow.key, flow);
  }

  delete(flow: F): void {
    if (this.flows.get(flow.key) !== flow) return;
    this.flows.delete(flow.key);
    const own = this.guests.get(flow.guest);
    own?.delete(flow.key);
    if (own?.size === 0) this.guests.delete(flow.guest);
  }

  private evictOldest(flows: Map<string, F>): void {
    const oldest = flows.values().next().value;
    if (oldest === undefined) return;
    this.delete(oldest);
    this.evicted(oldest);
  }
}
