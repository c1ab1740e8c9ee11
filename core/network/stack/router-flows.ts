// The router's memory of what it has let through, so that answers pass and nothing else does: one flow per pair of endpoints, and per
// identifier of echo requests. TCP is followed as far as needed to forget it in time (compare RFC 5382 and RFC 4787 for the times).
import type { IpAddress } from "./address.ts";
import { addressKey } from "./address.ts";
import { FlowTable } from "./flow-table.ts";

export interface RoutedFlow {
  readonly key: string;
  /** Of the side that began, in `guest`. */
  readonly guest: string;
  usedNs: number;
  /** Names of the networks. */
  readonly from: string;
  readonly to: string;
  readonly protocol: number;
  readonly port: number;
  isAnswered: boolean;
  /** TCP: one side has sent FIN or RST. */
  isEnding: boolean;
}

const FLOWS = 16384;
const FLOWS_PER_GUEST = 4096;
const ONE_WAY_NS = 30e9;
const TWO_WAY_NS = 300e9;
/** TCP that has been answered. */
const CONNECTED_NS = 7500e9;
const ENDING_NS = 60e9;
const TCP = 6;

/** Of a packet from `a` to `b`; a flow is found under the key of its first packet, or by the swapped key of an answer. */
export function flowKey(protocol: number, a: IpAddress, aPort: number, b: IpAddress, bPort: number): string {
  return addressKey(a) + addressKey(b) + String.fromCharCode(protocol, aPort, bPort);
}

export class RouterFlows {
  private readonly table = new FlowTable<RoutedFlow>(FLOWS, FLOWS_PER_GUEST, () => {});
  private sweepNs = 0;

  get size(): number {
    return this.table.size;
  }

  /** A flow that is still alive; with traffic, its life begins anew. */
  use(key: string, nowNs: number): RoutedFlow | undefined {
    const flow = this.table.get(key);
    if (flow === undefined) return undefined;
    if (nowNs - flow.usedNs > lifetime(flow)) {
      this.table.delete(flow);
      return undefined;
    }
    this.table.touch(flow, nowNs);
    return flow;
  }

  add(flow: RoutedFlow, nowNs: number): void {
    if (nowNs >= this.sweepNs) {
      this.sweepNs = nowNs + 10e9;
      this.forget((old) => nowNs - old.usedNs > lifetime(old));
    }
    this.table.add(flow);
  }

  forget(which: (flow: RoutedFlow) => boolean): void {
    for (const flow of this.table.values()) if (which(flow)) this.table.delete(flow);
  }
}

function lifetime(flow: RoutedFlow): number {
  if (flow.isEnding) return ENDING_NS;
  if (!flow.isAnswered) return ONE_WAY_NS;
  return flow.protocol === TCP ? CONNECTED_NS : TWO_WAY_NS;
}
