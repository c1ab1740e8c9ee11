// An Ethernet switch as a pure state machine over ports: IEEE 802.1Q bridging with independent learning, one rapid spanning tree, and
// the guards that machines one does not trust call for. Time is the clock it is given; poll() does what is due, nextDeadlineNs() says when.
// A VLAN is a hard fence. A frame has exactly one VLAN, from its ingress port and, on a trunk only, its tag; it leaves only by ports of
// that VLAN. A tag below another tag, which a later device might take for the outer one, is dropped with its frame, and so are tags on
// access ports (but for priority tags, which are taken off), and S-tags.
import type { Clock } from "../../time/clock.ts";
import { FRAME_HEADER_BYTES } from "../port.ts";
import { readU16, readU32, readU48 } from "../wire/bytes.ts";
import { ETHERTYPE_VLAN, isLinkLocalGroup, isTagType, TAG_BYTES } from "../wire/ethernet.ts";
import { BPDU_ADDRESS } from "./bpdu.ts";
import * as count from "./counters.ts";
import { Egress } from "./egress.ts";
import { FrameQueue } from "./frame-queue.ts";
import { MacTable, NO_PORT } from "./mac-table.ts";
import { type PortConfig, portConfigFault } from "./port-config.ts";
import { SpanningTree } from "./spanning-tree.ts";
import { type PortOwner, SwitchPort } from "./switch-port.ts";

const PORTS_MAX = 1024;
/** Frames that wait because they arrived while another one was being sent. */
const QUEUE_BYTES = 1 << 20;
/** Waiting frames that are sent before control goes back to the caller; the others wait for poll(). */
const DRAIN_LIMIT = 512;
const VLAN_COUNTERS = 3;
const FORWARDED = -1;

export interface SwitchOptions {
  readonly name: string;
  /** The switch's own address: it names the bridge in the spanning tree and must differ from switch to switch. */
  readonly mac: number;
  /** Lower is nearer to being the root; a multiple of 4,096. */
  readonly priority?: number;
  readonly macTableSize?: number;
  readonly ageingSeconds?: number;
  /** Stations that may be learned on one port. */
  readonly macsPerPort?: number;
}

export class Switch {
  readonly name: string;
  private readonly clock: Clock;
  private readonly table: MacTable;
  private readonly tree: SpanningTree;
  private readonly owner: PortOwner;
  private readonly slots: (SwitchPort | undefined)[] = [undefined];
  /** Replaced, never changed: a port may come or go while a frame is being flooded. */
  private active: readonly SwitchPort[] = [];
  private readonly vlanCounters: (Float64Array | undefined)[] = [];
  /** Ports that alone may use an address. */
  private pinned = new Map<number, SwitchPort[]>();
  private readonly egress = new Egress();
  private queue: FrameQueue | undefined;
  private busy = false;

  constructor(clock: Clock, options: SwitchOptions) {
    this.name = options.name;
    this.clock = clock;
    this.table = new MacTable(options.macTableSize ?? 8192, (options.ageingSeconds ?? 300) * 1e9, options.macsPerPort ?? 1024);
    this.tree = new SpanningTree(options.priority ?? 0x8000, options.mac, {
      nowNs: () => clock.nowNs(),
      sendBpdu: (number, frame) => {
        const port = this.slots[number];
        if (port !== undefined) this.egress.transmit(port, frame);
      },
      stateChanged: (number, state) => {
        const port = this.slots[number];
        if (port === undefined) return;
        port.learns = state !== "discarding";
        port.forwards = state === "forwarding";
        if (!port.learns) this.table.forget((on) => on === number);
      },
      forgetStations: (except) => this.table.forget((on) => on !== except && this.slots[on]?.config.spanningTree === true),
    });
    this.owner = {
      receive: (port, frame) => this.receive(port, frame),
      linkChanged: (port) => this.linkChanged(port),
      roleOf: (port) => this.tree.portStatus(port.number),
    };
  }

  get ports(): readonly SwitchPort[] {
    return this.active;
  }

  get isRoot(): boolean {
    return this.tree.isRoot;
  }

  /** Adds a port, or says why its configuration cannot be. */
  addPort(config: PortConfig): SwitchPort | string {
    const fault = this.fault(config);
    if (fault !== undefined) return fault;
    let number = 1;
    while (this.slots[number] !== undefined) number++;
    if (number > PORTS_MAX) return `Switch ${this.name} has ${PORTS_MAX} ports already.`;
    const port = new SwitchPort(number, this.owner, config, this.clock.nowNs());
    this.slots[number] = port;
    this.configured(port);
    return port;
  }

  removePort(port: SwitchPort): void {
    if (this.slots[port.number] !== port) return;
    this.slots[port.number] = undefined;
    port.attach(null);
    this.undisturbed(() => this.tree.removePort(port.number));
    this.configured(undefined);
    this.table.forget((on) => on === port.number);
  }

  /** Changes a port that runs, or says why not; what was learned on it is forgotten. */
  configure(port: SwitchPort, config: PortConfig): string | undefined {
    if (this.slots[port.number] !== port) return `Switch ${this.name} has no such port.`;
    const fault = this.fault(config, port);
    if (fault !== undefined) return fault;
    if (port.config.spanningTree === true) this.undisturbed(() => this.tree.removePort(port.number));
    port.apply(config, this.clock.nowNs());
    this.configured(port);
    return undefined;
  }

  /** Does what is due: waiting frames, the spanning tree's timers. */
  poll(): void {
    this.undisturbed(() => this.tree.poll());
  }

  /** When poll() is to be called next; Infinity if nothing waits. */
  nextDeadlineNs(): number {
    return this.queue !== undefined && !this.queue.isEmpty ? this.clock.nowNs() : this.tree.nextDeadlineNs();
  }

  /** The stations known, for display. */
  stations(): { mac: number; vlan: number; port: string; ageNs: number }[] {
    return this.table.entries(this.clock.nowNs()).map((entry) => ({ ...entry, port: this.slots[entry.port]?.config.name ?? "" }));
  }

  vlanCounts(vlan: number): count.VlanCounts {
    const counters = this.vlanCounters[vlan];
    return { frames: counters?.[0] ?? 0, bytes: counters?.[1] ?? 0, flooded: counters?.[2] ?? 0 };
  }

  private fault(config: PortConfig, self?: SwitchPort): string | undefined {
    if (this.active.some((port) => port !== self && port.config.name === config.name)) {
      return `Switch ${this.name} has a port ${config.name} already.`;
    }
    return portConfigFault(config);
  }

  /** Brings what is derived from all configurations up to date. */
  private configured(changed: SwitchPort | undefined): void {
    this.active = this.slots.filter((port) => port !== undefined);
    this.pinned = new Map();
    for (const port of this.active) for (const mac of port.allowedMacs ?? []) this.pinned.set(mac, [...(this.pinned.get(mac) ?? []), port]);
    for (const port of this.active) {
      port.mirrors = this.active.filter((mirror) => {
        const of = mirror.config.mirrorOf;
        return of !== undefined && port.config.mirrorOf === undefined && (of === "all" || of.includes(port.config.name));
      });
    }
    if (changed === undefined) return;
    this.table.forget((on, _vlan, mac) => on === changed.number || changed.allowedMacs?.has(mac) === true);
    changed.learns = true;
    changed.forwards = true;
    if (changed.config.spanningTree === true) {
      this.undisturbed(() => {
        this.tree.addPort(changed.number, changed.config.pathCost ?? 20_000);
        this.tree.setLink(changed.number, changed.linkUp);
      });
    }
  }

  private linkChanged(port: SwitchPort): void {
    if (this.slots[port.number] !== port) return;
    this.undisturbed(() => this.tree.setLink(port.number, port.linkUp));
    if (!port.linkUp) this.table.forget((on) => on === port.number);
  }

  private receive(port: SwitchPort, frame: Uint8Array): void {
    if (this.slots[port.number] !== port) return;
    if (this.busy) {
      this.queue ??= new FrameQueue(QUEUE_BYTES);
      if (!this.queue.push(port.number, frame)) port.counters[count.DROP_OVERRUN]!++;
      return;
    }
    this.busy = true;
    try {
      this.forward(port, frame);
    } finally {
      // A receiver that breaks its word and throws must not stop the switch for all others.
      this.busy = false;
    }
    if (this.queue !== undefined) this.drain();
  }

  /** Runs a step of the spanning tree; what other switches answer meanwhile waits until it is complete. */
  private undisturbed(step: () => void): void {
    if (this.busy) {
      step();
      return;
    }
    this.busy = true;
    try {
      step();
    } finally {
      this.busy = false;
    }
    this.drain();
  }

  private drain(): void {
    const { queue } = this;
    if (queue === undefined) return;
    this.busy = true;
    try {
      for (let n = 0; n < DRAIN_LIMIT && !queue.isEmpty; n++) queue.shift(this.forwardWaiting);
    } finally {
      this.busy = false;
    }
  }

  private readonly forwardWaiting = (number: number, frame: Uint8Array): void => {
    const port = this.slots[number];
    if (port !== undefined) this.forward(port, frame);
  };

  private forward(port: SwitchPort, frame: Uint8Array): void {
    const dropped = this.admit(port, frame);
    if (dropped !== FORWARDED) port.counters[dropped]!++;
  }

  /** Takes a frame in. Returns why it was dropped, as the number of a counter, or FORWARDED. */
  private admit(port: SwitchPort, frame: Uint8Array): number {
    const { counters } = port;
    counters[count.RECEIVED_FRAMES]!++;
    counters[count.RECEIVED_BYTES]! += frame.length;
    if (frame.length < FRAME_HEADER_BYTES) return count.DROP_RUNT;
    let type = readU16(frame, 12);
    const isTagged = type === ETHERTYPE_VLAN;
    if (frame.length > port.maxFrame + (isTagged ? TAG_BYTES : 0)) return count.DROP_OVERSIZED;
    if (port.mirrors.length > 0) this.egress.mirror(port, frame);
    const now = this.clock.nowNs();
    if (port.rate !== null && !port.rate.take(frame.length * 8, now)) return count.DROP_RATE;
    const isGroup = (frame[0]! & 1) !== 0;
    if (isGroup && isLinkLocalGroup(frame, 0)) {
      if (port.config.spanningTree !== true || readU48(frame, 0) !== BPDU_ADDRESS) return count.DROP_FILTERED;
      this.tree.receive(port.number, frame);
      return FORWARDED;
    }
    if (port.isMirror) return count.DROP_FILTERED;
    if (!port.learns) return count.DROP_NOT_FORWARDING;

    let vlan = port.untaggedVlan;
    let control = 0;
    let payload = FRAME_HEADER_BYTES;
    if (isTagged) {
      if (frame.length < FRAME_HEADER_BYTES + TAG_BYTES) return count.DROP_RUNT;
      control = readU16(frame, 14);
      type = readU16(frame, 16);
      payload += TAG_BYTES;
      const tag = control & 0xfff;
      if (tag !== 0) vlan = port.isTrunk ? tag : 0;
    }
    if (isTagType(type) || vlan === 0 || port.members[vlan] === 0) return count.DROP_WRONG_VLAN;

    const sourceHigh = readU16(frame, 6);
    const sourceLow = readU32(frame, 8);
    if ((sourceHigh & 0x100) !== 0 || (sourceHigh === 0 && sourceLow === 0)) return count.DROP_FORGED;
    if ((port.allowedMacs !== null || port.allowedIpv4 !== null) && !port.mayBeFrom(frame, type, payload)) {
      return count.DROP_FORGED;
    }
    if (port.blockedMacs !== null && port.isBlocked(frame)) return count.DROP_FILTERED;
    const source = ((sourceHigh << 16) | vlan) >>> 0;
    if (!this.table.refresh(source, sourceLow, port.number, now)) {
      if (this.isPinnedElsewhere(sourceHigh * 0x1_0000_0000 + sourceLow, vlan, port)) return count.DROP_FORGED;
      const isLearned = this.table.learn(source, sourceLow, port.number, now, port.macLimit);
      if (!isLearned && port.macLimit !== Infinity) return count.DROP_FORGED;
    }
    if (!port.forwards) return count.DROP_NOT_FORWARDING;

    const inVlan = this.countersOf(vlan);
    inVlan[0]!++;
    inVlan[1]! += frame.length;
    const known = isGroup ? NO_PORT : this.table.lookup(((readU16(frame, 0) << 16) | vlan) >>> 0, readU32(frame, 2), now);
    const to = known === NO_PORT ? undefined : this.slots[known];
    if (to !== undefined) {
      if (to === port || !this.maySend(port, to, vlan)) return count.DROP_FILTERED;
      this.egress.emit(to, frame, vlan, isTagged, control, undefined);
      return FORWARDED;
    }
    if (port.storm !== null && !port.storm.take(1, now)) return count.DROP_STORM;
    inVlan[2]!++;
    this.flood(port, frame, vlan, isTagged, control);
    return FORWARDED;
  }

  private countersOf(vlan: number): Float64Array {
    let counters = this.vlanCounters[vlan];
    if (counters === undefined) {
      counters = new Float64Array(VLAN_COUNTERS);
      this.vlanCounters[vlan] = counters;
    }
    return counters;
  }

  private flood(from: SwitchPort, frame: Uint8Array, vlan: number, isTagged: boolean, control: number): void {
    const ports = this.active;
    let rewritten: Uint8Array | undefined;
    for (let i = 0; i < ports.length; i++) {
      const to = ports[i]!;
      if (to !== from && this.maySend(from, to, vlan)) rewritten = this.egress.emit(to, frame, vlan, isTagged, control, rewritten);
    }
  }

  /** The fence: whether a frame of a VLAN may go from one port to another. */
  private maySend(from: SwitchPort, to: SwitchPort, vlan: number): boolean {
    return to.members[vlan] === 1 && to.forwards && !to.isMirror && !(from.isIsolated && to.isIsolated);
  }

  private isPinnedElsewhere(mac: number, vlan: number, port: SwitchPort): boolean {
    const owners = this.pinned.get(mac);
    return owners !== undefined && !owners.includes(port) && owners.some((owner) => owner.members[vlan] === 1);
  }
}
