// Rapid spanning tree (IEEE 802.1w, as IEEE 802.1D-2004 clause 17 has it) for the trunks between switches: roles from priority vectors,
// proposal and agreement, ageing of what was heard, topology changes. All links are point to point. One tree for all VLANs, so a trunk
// that is blocked is blocked for each of them. Left out: talking down to bridges of before 2001 (their messages are understood, though),
// edge ports (ports without spanning tree are that) and changing the timers.
import { type Bpdu, compareVectors, type PriorityVector, readBpdu, writeBpdu } from "./bpdu.ts";
import { newTreePort, type PortRole, type PortState, type TreePort } from "./tree-port.ts";

const SECOND_NS = 1e9;
const HELLO_S = 2;
const MAX_AGE_S = 20;
const FORWARD_DELAY_S = 15;
/** BPDUs a port sends within a second; more wait for the next one. */
const HOLD_COUNT = 6;

export interface SpanningTreeHost {
  nowNs(): number;
  sendBpdu(port: number, frame: Uint8Array): void;
  stateChanged(port: number, state: PortState): void;
  /** Stations may have moved: forget what was learned on all ports but this one (-1: on all). */
  forgetStations(exceptPort: number): void;
}

export class SpanningTree {
  private readonly priority: number;
  private readonly mac: number;
  private readonly host: SpanningTreeHost;
  private readonly ports = new Map<number, TreePort>();
  private rootVector: PriorityVector;
  private rootPort: TreePort | undefined;

  constructor(priority: number, mac: number, host: SpanningTreeHost) {
    this.priority = priority;
    this.mac = mac;
    this.host = host;
    this.rootVector = [priority, mac, 0, priority, mac, 0];
  }

  addPort(number: number, cost: number): void {
    this.ports.set(number, newTreePort(number, cost, this.rootVector));
    this.host.stateChanged(number, "discarding");
  }

  removePort(number: number): void {
    this.setLink(number, false);
    this.ports.delete(number);
  }

  setLink(number: number, up: boolean): void {
    const port = this.ports.get(number);
    if (port === undefined || port.up === up) return;
    port.up = up;
    port.heard = false;
    port.heardUntilNs = Infinity;
    port.agreed = false;
    port.agreeing = false;
    port.proposing = false;
    port.changeUntilNs = 0;
    if (!up) {
      port.role = "disabled";
      port.forwardAtNs = Infinity;
      port.helloAtNs = Infinity;
      port.sendPending = false;
      this.setState(port, "discarding");
    } else {
      port.vector = this.designatedVector(port);
      port.helloAtNs = this.host.nowNs() + HELLO_S * SECOND_NS;
    }
    this.reselect();
  }

  receive(number: number, frame: Uint8Array): void {
    const port = this.ports.get(number);
    if (port === undefined || !port.up) return;
    const bpdu = readBpdu(frame);
    if (bpdu === undefined) return;
    if (bpdu === "notification") this.topologyChanged(port);
    else if (bpdu.role === "designated") this.hearDesignated(port, bpdu);
    else this.hearAgreement(port, bpdu);
  }

  /** Does what is due. */
  poll(): void {
    const now = this.host.nowNs();
    for (const port of this.ports.values()) {
      if (port.heardUntilNs <= now) {
        port.heard = false;
        port.heardUntilNs = Infinity;
        this.reselect();
      }
      if (port.forwardAtNs <= now) this.stepForward(port);
      if (port.helloAtNs <= now) {
        port.helloAtNs = now + HELLO_S * SECOND_NS;
        if (port.role === "designated" || port.changeUntilNs > now) this.send(port);
      }
      if (port.sendPending && now - port.secondNs >= SECOND_NS) this.send(port);
    }
  }

  nextDeadlineNs(): number {
    let next = Infinity;
    for (const port of this.ports.values()) {
      next = Math.min(next, port.heardUntilNs, port.forwardAtNs, port.helloAtNs);
      if (port.sendPending) next = Math.min(next, port.secondNs + SECOND_NS);
    }
    return next;
  }

  get isRoot(): boolean {
    return this.rootPort === undefined;
  }

  /** Address of the bridge taken for the root. */
  get root(): number {
    return this.rootVector[1];
  }

  portStatus(number: number): { role: PortRole; state: PortState } | undefined {
    const port = this.ports.get(number);
    return port && { role: port.role, state: port.state };
  }

  private hearDesignated(port: TreePort, bpdu: Bpdu): void {
    const order = compareVectors(bpdu.vector, port.vector);
    const isSameSender = port.heard && [3, 4, 5].every((i) => bpdu.vector[i] === port.vector[i]);
    if (order < 0 || isSameSender) {
      if (bpdu.messageAge >= MAX_AGE_S) return;
      const isNews = order !== 0 || !port.heard;
      port.vector = bpdu.vector;
      port.messageAge = bpdu.messageAge;
      port.heard = true;
      port.heardUntilNs = this.host.nowNs() + 3 * HELLO_S * SECOND_NS;
      if (isNews) {
        port.agreed = false;
        port.agreeing = false;
        port.proposing = false;
        this.reselect();
      }
      if (bpdu.proposal && port.heard) this.agree(port);
    } else if (port.role === "designated") {
      // The far end believes less than is known here. If it forwards all the same, it does not hear this end: stop before it loops.
      if (bpdu.learning) {
        port.agreed = false;
        this.hold(port);
      }
      this.send(port);
    }
    if (bpdu.topologyChange) this.topologyChanged(port);
  }

  private hearAgreement(port: TreePort, bpdu: Bpdu): void {
    const isSameRoot = bpdu.vector[0] === port.vector[0] && bpdu.vector[1] === port.vector[1];
    if (port.role === "designated" && bpdu.agreement && isSameRoot && bpdu.vector[2] >= port.vector[2]) {
      port.agreed = true;
      port.proposing = false;
      this.setState(port, "forwarding");
    }
    if (bpdu.topologyChange) this.topologyChanged(port);
  }

  /** Answers a proposal: first every port that might close a loop with this one stops. */
  private agree(port: TreePort): void {
    if (port.role === "designated") return;
    for (const other of this.ports.values()) if (other.role === "designated" && !other.agreed) this.hold(other);
    port.agreeing = true;
    this.send(port);
  }

  /** Stops a designated port and proposes to the far end. */
  private hold(port: TreePort): void {
    if (port.state === "discarding" && port.proposing) return;
    this.setState(port, "discarding");
    port.proposing = true;
    port.forwardAtNs = this.host.nowNs() + FORWARD_DELAY_S * SECOND_NS;
    this.send(port);
  }

  private stepForward(port: TreePort): void {
    port.forwardAtNs = Infinity;
    if (port.role !== "designated") return;
    if (port.state === "discarding") {
      this.setState(port, "learning");
      port.forwardAtNs = this.host.nowNs() + FORWARD_DELAY_S * SECOND_NS;
    } else this.setState(port, "forwarding");
  }

  private designatedVector(port: TreePort): PriorityVector {
    const [priority, root, cost] = this.rootVector;
    return [priority, root, cost, this.priority, this.mac, port.id];
  }

  /** Chooses root and roles anew from what the ports have heard. */
  private reselect(): void {
    const before = this.rootPort;
    this.rootVector = [this.priority, this.mac, 0, this.priority, this.mac, 0];
    this.rootPort = undefined;
    for (const port of this.ports.values()) {
      if (!port.heard || (port.vector[3] === this.priority && port.vector[4] === this.mac)) continue;
      const [priority, root, cost, bridgePriority, bridge, farPort] = port.vector;
      const candidate: PriorityVector = [priority, root, cost + port.cost, bridgePriority, bridge, farPort];
      if (compareVectors(candidate, this.rootVector) < 0) {
        this.rootVector = candidate;
        this.rootPort = port;
      }
    }
    const opened: TreePort[] = [];
    for (const port of this.ports.values()) {
      if (!port.up) continue;
      const mine = this.designatedVector(port);
      if (port.heard && port === this.rootPort) port.role = "root";
      else if (port.heard && compareVectors(mine, port.vector) >= 0) {
        port.role = port.vector[3] === this.priority && port.vector[4] === this.mac ? "backup" : "alternate";
      } else {
        const isNews = port.heard || port.role !== "designated" || compareVectors(mine, port.vector) !== 0;
        port.role = "designated";
        port.heard = false;
        port.heardUntilNs = Infinity;
        port.vector = mine;
        if (isNews) {
          port.agreed = false;
          port.agreeing = false;
          opened.push(port);
        }
      }
      if (port.role !== "designated") {
        port.forwardAtNs = Infinity;
        port.proposing = false;
        if (port.role !== "root") this.setState(port, "discarding");
      }
    }
    // What was the root port a moment ago leads to the same part of the network as the new one: it stops before the new one opens.
    for (const port of opened) {
      if (port === before || port.state !== "forwarding") this.hold(port);
      else this.send(port);
    }
    if (this.rootPort !== undefined) this.setState(this.rootPort, "forwarding");
  }

  private setState(port: TreePort, state: PortState): void {
    if (state === "forwarding") port.forwardAtNs = Infinity;
    if (port.state === state) return;
    port.state = state;
    this.host.stateChanged(port.number, state);
    if (state === "forwarding") this.topologyChanged(undefined);
  }

  /** Notes a change heard on a port, or one of this bridge's own, and passes it on over all others. */
  private topologyChanged(from: TreePort | undefined): void {
    const untilNs = this.host.nowNs() + (HELLO_S + 1) * SECOND_NS;
    this.host.forgetStations(from?.number ?? -1);
    for (const port of this.ports.values()) {
      if (port === from || !port.up || port.state !== "forwarding" || port.changeUntilNs > this.host.nowNs()) continue;
      port.changeUntilNs = untilNs;
      this.send(port);
    }
  }

  private send(port: TreePort): void {
    const now = this.host.nowNs();
    if (!port.up) return;
    if (now - port.secondNs >= SECOND_NS) {
      port.secondNs = now;
      port.sentInSecond = 0;
    }
    port.sendPending = port.sentInSecond >= HOLD_COUNT;
    if (port.sendPending) return;
    port.sentInSecond++;
    const bpdu: Bpdu = {
      vector: this.designatedVector(port),
      role: port.role === "root" || port.role === "designated" ? port.role : "alternate",
      topologyChange: port.changeUntilNs > now,
      proposal: port.role === "designated" && port.proposing,
      agreement: port.role !== "designated" && port.agreeing,
      learning: port.state !== "discarding",
      forwarding: port.state === "forwarding",
      messageAge: this.rootPort === undefined ? 0 : this.rootPort.messageAge + 1,
    };
    this.host.sendBpdu(port.number, writeBpdu(bpdu, this.mac, MAX_AGE_S, HELLO_S, FORWARD_DELAY_S));
  }
}
