// The switch against a simple model: random topologies, VLANs, reconfigurations, cut trunks and hostile frames. The model knows no
// hashing, queues or spanning tree; it says for each frame which stations must get it, which may, and in which bytes.
// SWITCH_FENCE_STEPS and SWITCH_FENCE_SEED lengthen and vary the run.
import assert from "node:assert/strict";
import test from "node:test";
import { SeededRandom } from "../../testkit/seeded-random.ts";
import { Cable } from "../port.ts";
import { LONGEST_FRAME, type PortConfig, type PortVlans } from "./port-config.ts";
import type { Switch } from "./switch.ts";
import { SwitchFabric, type Trunk } from "./switch-fabric.ts";
import type { SwitchPort } from "./switch-port.ts";

const STEPS = Number(process.env["SWITCH_FENCE_STEPS"] ?? 10_000);
const SEED = Number(process.env["SWITCH_FENCE_SEED"] ?? 1);
const STEPS_PER_TOPOLOGY = 400;
const VLANS = [1, 10, 4094];
const MACS = Array.from({ length: 10 }, (_, i) => [2, 0, 0, 0, i % 3, i]);
const TAG_TYPES = [0x8100, 0x88a8, 0x9100, 0x9200];

interface Station {
  readonly at: number;
  readonly port: SwitchPort;
  readonly cable: Cable;
  readonly got: Uint8Array[];
}

const number = (mac: Iterable<number>): number => [...mac].reduce((sum, octet) => sum * 256 + octet, 0);
const u16 = (bytes: Uint8Array, at: number): number => bytes[at]! * 256 + bytes[at + 1]!;

class Network {
  private readonly random: SeededRandom;
  private readonly clock = { now: 1e9, nowNs: () => this.clock.now };
  private readonly fabric = new SwitchFabric(this.clock);
  private readonly switches: Switch[] = [];
  private readonly stations: Station[] = [];
  private readonly trunks: { a: number; b: number; allowed: readonly number[] | "all"; trunk: Trunk }[] = [];
  private readonly hasLoop: boolean;
  /** The model's filtering database, used where there is one switch. */
  private readonly learned = new Map<string, Station>();
  delivered = 0;
  dropped = 0;

  constructor(random: SeededRandom) {
    this.random = random;
    const size = 1 + random.below(4);
    this.hasLoop = size > 1 && random.below(2) === 0;
    for (let i = 0; i < size; i++) this.switches.push(this.fabric.addSwitch({ name: `s${i}`, mac: 0x0200_0000_ff00 + i }));
    for (let i = 1; i < size; i++) this.join(i, random.below(i));
    if (this.hasLoop) for (let n = 1 + random.below(4); n > 0; n--) this.join(random.below(size), random.below(size));
    for (let n = 2 + random.below(8); n > 0; n--) this.addStation(random.below(size));
    this.settle();
  }

  private get isSingle(): boolean {
    return this.switches.length === 1;
  }

  private join(a: number, b: number): void {
    // With loops every trunk carries every VLAN: one tree for all cannot respect a trunk that only some may use.
    const allowed = this.hasLoop || this.random.below(2) === 0 ? "all" : this.someVlans();
    const trunk = this.fabric.addTrunk(this.switches[a]!, this.switches[b]!, { name: `t${this.trunks.length}`, allowed });
    assert.ok(typeof trunk !== "string");
    this.trunks.push({ a, b, allowed, trunk });
  }

  private addStation(at: number): void {
    const port = this.switches[at]!.addPort(this.portConfig(`p${this.stations.length}`));
    assert.ok(typeof port !== "string");
    const cable = new Cable();
    const station: Station = { at, port, cable, got: [] };
    cable.a.connect({ receive: (frame) => station.got.push(frame.slice()), canReceive: () => true, linkChanged() {}, sendReady() {} });
    port.attach(cable.b);
    this.stations.push(station);
  }

  private someVlans(): number[] {
    return VLANS.filter(() => this.random.below(2) === 0);
  }

  private portConfig(name: string): PortConfig {
    const { random } = this;
    const native = random.below(2) === 0 ? { native: random.pick(VLANS) } : {};
    const vlans: PortVlans =
      random.below(3) > 0
        ? { mode: "access", vlan: random.pick(VLANS) }
        : { mode: "trunk", allowed: random.below(4) === 0 ? "all" : this.someVlans(), ...native };
    return {
      name,
      vlans,
      isolated: random.below(4) === 0,
      maxFrame: random.pick([200, 1514, LONGEST_FRAME]),
      ...(this.isSingle && random.below(4) === 0 ? { macs: [number(random.pick(MACS))] } : {}),
      ...(random.below(12) === 0 ? { mirrorOf: "all" } : {}),
    };
  }

  private settle(): void {
    const end = this.clock.now + 60e9;
    for (let next = this.fabric.nextDeadlineNs(); next <= end; next = this.fabric.nextDeadlineNs()) {
      this.clock.now = Math.max(this.clock.now, next);
      this.fabric.poll();
    }
    this.clock.now = end;
    for (const { got } of this.stations) got.length = 0;
  }

  step(): void {
    const action = this.random.below(100);
    if (action === 0) {
      const station = this.random.pick(this.stations);
      assert.equal(this.switches[station.at]!.configure(station.port, this.portConfig(station.port.config.name)), undefined);
      const macs = station.port.config.macs ?? [];
      for (const [key, on] of this.learned) if (on === station || macs.includes(Number(key.split("/")[1]))) this.learned.delete(key);
    } else if (action === 1 && this.trunks.length > 0) {
      const { cable } = this.random.pick(this.trunks).trunk;
      cable.setPlugged(!cable.isPlugged);
      this.sendUnsettled();
      this.settle();
    } else this.sendOne();
  }

  /** While the spanning tree is at work frames may be lost, but never come twice or cross into another VLAN. */
  private sendUnsettled(): void {
    const sent = this.frame();
    const from = this.random.pick(this.stations);
    from.cable.a.send(sent);
    const vlan = this.vlanOf(from.port.config, sent);
    for (const { got, port } of this.stations) {
      if (port.config.mirrorOf === undefined) assert.ok(got.length <= (isMember(port.config.vlans, vlan) ? 1 : 0), `${got.length} copies`);
      got.length = 0;
    }
    if (vlan !== 0 && this.isSingle) this.learned.set(`${vlan}/${number(sent.subarray(6, 12))}`, from);
  }

  private frame(): Uint8Array {
    const { random } = this;
    const length = random.pick([0, 5, 13, 14, 15, 17, 18, 19, 60, 61, 62, 63, 64, 65, 66, 67, 68, 69, 70, 71, 72, 201, 204, 205, 1514, 1518, 1519, LONGEST_FRAME, LONGEST_FRAME + 4]);
    const bytes: number[] = [];
    const tag = (): void => {
      const vlan = random.pick([0, 0, 4095, 3, ...VLANS, ...VLANS]);
      const type = random.below(8) === 0 ? random.pick(TAG_TYPES) : 0x8100;
      bytes.push(type >>> 8, type & 255, (random.below(16) << 4) | (vlan >>> 8), vlan & 255);
    };
    bytes.push(...random.pick([...Array.from({ length: 6 }, () => [255, 255, 255, 255, 255, 255]), [1, 0, 94, 0, 0, 1], [1, 0x80, 0xc2, 0, 0, random.below(20)], ...MACS]));
    bytes.push(...(random.below(30) === 0 ? random.pick([[1, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0], [255, 255, 255, 255, 255, 255]]) : random.pick(MACS)));
    for (let tags = random.pick([0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 3]); tags > 0; tags--) tag();
    bytes.push(8, random.below(2) === 0 ? 0 : 6);
    const frame = new Uint8Array(length).fill(random.below(256));
    frame.set(bytes.slice(0, length));
    return frame;
  }

  private sendOne(): void {
    const from = this.random.pick(this.stations);
    const frame = this.frame();
    const sent = frame.slice();
    from.cable.a.send(frame);
    assert.deepEqual(frame, sent, "the sender's buffer is not written to");
    const vlan = this.vlanOf(from.port.config, sent);
    const isGroup = (sent[0]! & 1) === 1;
    const source = `${vlan}/${number(sent.subarray(6, 12))}`;
    if (vlan !== 0 && this.isSingle) this.learned.set(source, from);
    const known = vlan === 0 || isGroup ? undefined : this.learned.get(`${vlan}/${number(sent.subarray(0, 6))}`);
    const reach = vlan === 0 ? new Set<number>() : this.reachable(from.at, vlan);
    for (const station of this.stations) {
      if (station.port.config.mirrorOf !== undefined) {
        station.got.length = 0;
        continue;
      }
      const { config } = station.port;
      const may =
        station !== from &&
        reach.has(station.at) &&
        isMember(config.vlans, vlan) &&
        !(station.at === from.at && config.isolated === true && from.port.config.isolated === true) &&
        plain(sent).length <= config.maxFrame!;
      const must = may && (isGroup || (this.isSingle && (known === undefined || known === station)));
      const mayNot = !may || (this.isSingle && known !== undefined && known !== station);
      const context = (): string => `VLAN ${vlan}, ${from.port.config.name} to ${config.name}: ${Buffer.from(sent.subarray(0, 24)).toString("hex")}`;
      assert.ok(station.got.length <= 1, `more than one copy; ${context()}`);
      if (mayNot) assert.equal(station.got.length, 0, `must not arrive; ${context()}`);
      if (must) assert.equal(station.got.length, 1, `must arrive; ${context()}`);
      const [got] = station.got;
      if (got !== undefined) {
        assert.deepEqual(got, asSeenBy(config.vlans, sent, vlan), `bytes; ${context()}`);
        this.delivered++;
      } else this.dropped++;
      station.got.length = 0;
    }
  }

  /** The VLAN that a frame belongs to at its ingress port, or 0 if it must be dropped. */
  private vlanOf(config: PortConfig, frame: Uint8Array): number {
    if (frame.length < 14 || config.mirrorOf !== undefined || plain(frame).length > config.maxFrame!) return 0;
    if (number(frame.subarray(0, 5)) === 0x01_80c2_0000 && frame[5]! < 16) return 0;
    if ((frame[6]! & 1) === 1 || number(frame.subarray(6, 12)) === 0) return 0;
    const source = number(frame.subarray(6, 12));
    if (config.macs !== undefined && !config.macs.includes(source)) return 0;
    const { vlans } = config;
    let vlan = vlans.mode === "access" ? vlans.vlan : (vlans.native ?? 0);
    let type = u16(frame, 12);
    if (type === 0x8100) {
      if (frame.length < 18) return 0;
      const tag = u16(frame, 14) % 4096;
      if (tag !== 0) vlan = vlans.mode === "access" ? 0 : tag;
      type = u16(frame, 16);
    }
    if (TAG_TYPES.includes(type) || !isMember(vlans, vlan)) return 0;
    const isPinnedElsewhere = this.stations.some(
      ({ port }) => port.config !== config && port.config.macs?.includes(source) === true && isMember(port.config.vlans, vlan),
    );
    return isPinnedElsewhere && config.macs === undefined ? 0 : vlan;
  }

  /** The switches that a VLAN's frames get to from one of them. */
  private reachable(from: number, vlan: number): Set<number> {
    const reach = new Set([from]);
    for (let grown = true; grown; ) {
      grown = false;
      for (const { a, b, allowed, trunk } of this.trunks) {
        if (!trunk.cable.isPlugged || reach.has(a) === reach.has(b) || !(allowed === "all" || allowed.includes(vlan))) continue;
        reach.add(a).add(b);
        grown = true;
      }
    }
    return reach;
  }
}

function isMember(vlans: PortVlans, vlan: number): boolean {
  if (vlan < 1 || vlan > 4094) return false;
  return vlans.mode === "access" ? vlans.vlan === vlan : vlans.native === vlan || vlans.allowed === "all" || vlans.allowed.includes(vlan);
}

/** The frame without its tag. */
function plain(frame: Uint8Array): Uint8Array {
  if (frame.length < 14 || u16(frame, 12) !== 0x8100) return frame;
  return Uint8Array.from([...frame.subarray(0, 12), ...frame.subarray(16)]);
}

function asSeenBy(vlans: PortVlans, frame: Uint8Array, vlan: number): Uint8Array {
  const bare = plain(frame);
  if (vlan === (vlans.mode === "access" ? vlans.vlan : vlans.native)) return bare;
  const isTagged = u16(frame, 12) === 0x8100;
  // A tag with this VLAN goes through as it came; one that the switch makes keeps the priority.
  const control = isTagged ? u16(frame, 14) & 0xf000 : 0;
  return Uint8Array.from([...bare.subarray(0, 12), 0x81, 0, (control >>> 8) | (vlan >>> 8), vlan & 255, ...bare.subarray(12)]);
}

test(`no frame leaves its VLAN, and each gets where it belongs (${STEPS} steps, seed ${SEED})`, () => {
  const random = new SeededRandom(SEED);
  let delivered = 0;
  let dropped = 0;
  let network = new Network(random);
  for (let step = 0; step < STEPS; step++) {
    if (step % STEPS_PER_TOPOLOGY === 0) network = new Network(random);
    network.step();
    delivered += network.delivered;
    dropped += network.dropped;
    network.delivered = 0;
    network.dropped = 0;
  }
  assert.ok(delivered > STEPS / 10 && dropped > STEPS, `the run tried too little: ${delivered} delivered, ${dropped} kept out`);
});
