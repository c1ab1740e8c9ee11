// NAT of UDP (RFC 4787): a guest's port has one host socket whatever it talks to (endpoint-independent mapping), and hears only those
// it has sent to (address- and port-dependent filtering). Port forwards for UDP: each outside sender gets a port at the gateway.
import type { IpAddress } from "./address.ts";
import { addressKey, formatIp } from "./address.ts";
import { FlowTable } from "./flow-table.ts";
import type { HostEndpoint, HostListener, HostSockets, HostUdp } from "./host-sockets.ts";

export interface UdpLimits {
  flows: number;
  flowsPerGuest: number;
}

export interface UdpPorts {
  sockets: HostSockets;
  limits: UdpLimits;
  /** Sends a datagram to a guest. */
  toGuest(from: IpAddress, fromPort: number, guest: IpAddress, port: number, data: Uint8Array): void;
}

const REMOTES_PER_FLOW = 64;
const ONE_WAY_NS = 30e9;
/** RFC 4787 REQ-5 asks for at least two minutes. */
const TWO_WAY_NS = 300e9;
const SENDERS_PER_FORWARD = 64;

interface UdpFlow {
  readonly key: string;
  readonly guest: string;
  usedNs: number;
  answered: boolean;
  socket: HostUdp;
  /** Whom the guest has sent to: the host's endpoint to how the guest names it. The latest are last. */
  remotes: Map<string, { address: IpAddress; port: number }>;
}

export interface UdpForward {
  socket: HostUdp;
  /** Outside senders by the gateway port they appear as. */
  senders: Map<number, HostEndpoint>;
}

export class UdpFlows {
  nowNs = 0;
  private readonly ports: UdpPorts;
  private readonly table: FlowTable<UdpFlow>;
  private readonly forwards: { forward: UdpForward; target(): IpAddress | undefined; port: number }[] = [];
  private sweepNs = Infinity;
  private nextPort = 0;

  constructor(ports: UdpPorts) {
    this.ports = ports;
    this.table = new FlowTable(ports.limits.flows, ports.limits.flowsPerGuest, (flow) => flow.socket.close());
  }

  get size(): number {
    return this.table.size;
  }

  /** A datagram from a guest to `named`, which is `actual` for the host. */
  send(guest: IpAddress, port: number, named: HostEndpoint, actual: HostEndpoint, data: Uint8Array): void {
    const key = addressKey(guest) + String.fromCharCode(port, actual.address.length);
    let flow = this.table.get(key);
    if (flow === undefined) flow = this.open(key, guest.slice(), port, actual.address.length === 4 ? 4 : 6);
    this.table.touch(flow, this.nowNs);
    const remote = addressKey(actual.address) + String.fromCharCode(actual.port);
    if (!flow.remotes.has(remote)) {
      if (flow.remotes.size >= REMOTES_PER_FLOW) flow.remotes.delete(flow.remotes.keys().next().value as string);
      flow.remotes.set(remote, { address: named.address.slice(), port: named.port });
    }
    flow.socket.send({ address: actual.address.slice(), port: actual.port }, data);
  }

  private open(key: string, guest: IpAddress, port: number, family: 4 | 6): UdpFlow {
    const flow: UdpFlow = { key, guest: addressKey(guest), usedNs: this.nowNs, answered: false, socket: NO_SOCKET, remotes: new Map() };
    this.table.add(flow);
    flow.socket = this.ports.sockets.openUdp(
      family,
      undefined,
      (from, datagram) => {
        const remote = flow.remotes.get(addressKey(from.address) + String.fromCharCode(from.port));
        if (remote === undefined || this.table.get(key) !== flow) return;
        flow.answered = true;
        this.table.touch(flow, this.nowNs);
        this.ports.toGuest(remote.address, remote.port, guest, port, datagram);
      },
      () => {
        flow.socket.close();
        this.table.delete(flow);
      },
    );
    this.sweepNs = Math.min(this.sweepNs, this.nowNs + ONE_WAY_NS);
    return flow;
  }

  /** Takes datagrams at the host's endpoint to the port of whatever guest `target` names then; they appear to come from `gateway`. */
  forward(at: HostEndpoint, gateway: IpAddress, target: () => IpAddress | undefined, port: number, failed: (reason: string) => void): HostListener {
    const forward: UdpForward = { socket: NO_SOCKET, senders: new Map() };
    const take = (from: HostEndpoint, data: Uint8Array): void => {
      const guest = target();
      if (guest === undefined) return;
      let gatewayPort: number | undefined;
      for (const [candidate, sender] of forward.senders) {
        if (sender.port === from.port && formatIp(sender.address) === formatIp(from.address)) gatewayPort = candidate;
      }
      if (gatewayPort === undefined) {
        gatewayPort = 32768 + (this.nextPort++ & 0x3fff);
        if (forward.senders.size >= SENDERS_PER_FORWARD) forward.senders.delete(forward.senders.keys().next().value as number);
        forward.senders.set(gatewayPort, from);
      }
      this.ports.toGuest(gateway, gatewayPort, guest, port, data);
    };
    forward.socket = this.ports.sockets.openUdp(at.address.length === 4 ? 4 : 6, at, take, failed);
    const entry = { forward, target, port };
    this.forwards.push(entry);
    return {
      close: () => {
        const index = this.forwards.indexOf(entry);
        if (index < 0) return;
        this.forwards.splice(index, 1);
        forward.socket.close();
      },
    };
  }

  /** A datagram from a guest to a port of the gateway: an answer through a forward? */
  answer(guest: IpAddress, port: number, gatewayPort: number, data: Uint8Array): boolean {
    for (const entry of this.forwards) {
      const sender = entry.forward.senders.get(gatewayPort);
      const target = entry.target();
      if (sender === undefined || target === undefined || entry.port !== port || addressKey(target) !== addressKey(guest)) continue;
      entry.forward.socket.send(sender, data);
      return true;
    }
    return false;
  }

  nextDeadline(): number {
    return this.sweepNs;
  }

  /** Closes what has been silent for too long; looks at all flows at most every ten seconds. */
  poll(): void {
    if (this.sweepNs > this.nowNs) return;
    for (const flow of this.table.values()) {
      if (this.nowNs - flow.usedNs < (flow.answered ? TWO_WAY_NS : ONE_WAY_NS)) continue;
      flow.socket.close();
      this.table.delete(flow);
    }
    this.sweepNs = this.table.size > 0 ? this.nowNs + 10e9 : Infinity;
  }

  closeAll(): void {
    for (const flow of [...this.table.values()]) {
      flow.socket.close();
      this.table.delete(flow);
    }
    for (const { forward } of this.forwards.splice(0)) forward.socket.close();
  }
}

const NO_SOCKET: HostUdp = { send: () => {}, close: () => {} };
