// The fence through changes: random networks that are redrawn, bridges to the host's network, cards that come, go and move, and frames of
// all kinds, against a simple model of who may hear what. FABRIC_FENCE_STEPS and FABRIC_FENCE_SEED lengthen and vary the run.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { NicConnection, Topology, TrunkConfig } from "../../api/network.ts";
import { Cable, type NetPort, type NetPortClient } from "../port.ts";
import { readU16, writeU16, writeU32 } from "../wire/bytes.ts";
import { writeEthernet } from "../wire/ethernet.ts";
import { FakeSockets, seededRandom } from "../stack/testbed.ts";
import { FLAP_NS } from "./cards.ts";
import { FakeInterfaces, type FakeJoint } from "../../testkit/fake-interfaces.ts";
import { NetworkFabric } from "./network-fabric.ts";

const STEPS = Number(process.env["FABRIC_FENCE_STEPS"] ?? 4000);
const SEED = Number(process.env["FABRIC_FENCE_SEED"] ?? 1);
const SWITCHES = ["s1", "s2", "s3", "s4"];
const VLANS = [10, 20, 30];
const MARK_TYPE = 0x88b5;

interface Card {
  readonly link: string;
  readonly mac: number;
  readonly port: NetPort;
  connection: NicConnection | null;
  heard: { mark: number; tag: number | null }[];
}

test(`no frame leaves its VLAN, however the network is redrawn (${STEPS} steps, seed ${SEED})`, () => {
  const random = seededRandom(SEED);
  const below = (limit: number): number => Math.floor(random() * limit);
  const pick = <T>(from: readonly T[]): T => from[below(from.length)] as T;
  const some = <T>(from: readonly T[]): T[] => from.filter(() => random() < 0.6);
  const clock = { now: 1e9, nowNs: () => clock.now };
  const interfaces = new FakeInterfaces();
  const fabric = new NetworkFabric({
    clock, sockets: new FakeSockets(), interfaces, tftpFiles: () => ({ open: (_, opened) => opened("not-found") }), seed: SEED,
    random32: () => Math.floor(random() * 2 ** 32), event: (level, subject, message) => assert.equal(level, "info", `${subject}: ${message}`), wake: () => undefined,
  });
  let topology: Topology = { version: 1, switches: [], trunks: [], gateways: [], bridges: [], rules: [], vlanNames: {}, places: {} };
  const cards: Card[] = [];
  /** Far ends of bridges: what the host's network hears and says. */
  let bridged: (Card & { joint: FakeJoint })[] = [];
  let cardCount = 0;
  let delivered = 0;
  let outside = 0;

  const pass = (ns: number): void => {
    for (const end = clock.now + ns; clock.now < end; ) {
      clock.now = Math.max(clock.now, Math.min(end, fabric.nextDeadlineNs()));
      fabric.poll();
      if (fabric.nextDeadlineNs() > end) clock.now = end;
    }
  };
  const redraw = (): void => {
    const switches = some(SWITCHES).map((name) => ({ name }));
    const names = switches.map(({ name }) => name);
    const trunks: TrunkConfig[] = names.length < 2 ? [] : Array.from({ length: below(5) }, (_, i) => ({
      name: `t${i}`, ends: [pick(names), pick(names)], allowed: random() < 0.3 ? ("all" as const) : some(VLANS), cable: random() < 0.9,
    }));
    const gateways = names.length === 0 || random() < 0.5 ? [] : [{
      name: "gw", switch: pick(names), vlan: pick(VLANS), network: "10.0.10.0/24", nat: false, forwards: [], hostServices: [], reservations: [], domain: "lab",
    }];
    topology = { ...topology, switches, trunks, gateways, bridges: [] };
    const bridges = Array.from({ length: below(3) }, (_, i) => ({ name: `b${i}`, connection: connection(), interface: `vmtap${i}`, enabled: random() < 0.8 }))
      .flatMap(({ connection: at, ...bridge }) => (at === null || names.length === 0 ? [] : [{ ...bridge, ...at }]));
    // What is refused has changed nothing.
    if (fabric.apply({ ...topology, bridges }) === undefined) topology = { ...topology, bridges };
    else assert.equal(fabric.apply(topology), undefined);
    bridged = topology.bridges.flatMap(({ name, switch: at, vlans, interface: to }, i) => {
      const joint = interfaces.joined.get(to);
      if (joint === undefined) return [];
      const before = bridged.find((each) => each.joint === joint);
      const bridge = before ?? { link: `bridge:${name}`, mac: 0x5254_0001_0000 + i, port: joint.end, connection: null, heard: [], joint };
      bridge.connection = { switch: at, vlans };
      if (before === undefined) joint.end.connect(listener(bridge));
      return [bridge];
    });
  };
  const listener = (card: Card): NetPortClient => ({
    receive: (frame) => {
      const isTagged = readU16(frame, 12) === 0x8100;
      if (readU16(frame, isTagged ? 16 : 12) === MARK_TYPE) card.heard.push({ mark: readU16(frame, isTagged ? 18 : 14), tag: isTagged ? readU16(frame, 14) & 0xfff : null });
    },
    canReceive: () => true, linkChanged: () => undefined, sendReady: () => undefined,
  });
  const connection = (): NicConnection | null => {
    if (random() < 0.1) return null;
    const native = random() < 0.5 ? { native: pick(VLANS) } : {};
    const vlans = random() < 0.6 ? { mode: "access" as const, vlan: pick(VLANS) } : { mode: "trunk" as const, allowed: random() < 0.2 ? ("all" as const) : some(VLANS), ...native };
    return { switch: pick(topology.switches.length > 0 ? topology.switches.map(({ name }) => name) : SWITCHES), vlans };
  };
  const attach = (): void => {
    const number = ++cardCount;
    const cable = new Cable();
    const card: Card = { link: `m${number}/nic0`, mac: 0x5254_0000_0000 + number, port: cable.a, connection: connection(), heard: [] };
    cable.a.connect(listener(card));
    const mac = card.mac.toString(16).padStart(12, "0").replace(/..(?!$)/g, "$&:");
    assert.equal(fabric.attach({ link: card.link, machine: `m${number}`, mac, wiring: { connection: card.connection, cable: true }, end: cable.b }), undefined);
    cards.push(card);
  };
  const move = (): void => {
    const card = pick(cards);
    const next = connection();
    const refused = fabric.wire(card.link, { connection: next, cable: true });
    if (refused === undefined) card.connection = next;
    else assert.match(refused, /There is no switch/);
  };

  // ---- the model ----
  const vlanOf = ({ connection: at }: Card, tags: readonly number[]): number | undefined => {
    if (at === null || tags.length > 1) return undefined;
    const [tag = 0] = tags;
    if (at.vlans.mode === "access") return tag === 0 ? at.vlans.vlan : undefined;
    const { allowed, native } = at.vlans;
    if (tag === 0) return native;
    return allowed === "all" || allowed.includes(tag) || tag === native ? tag : undefined;
  };
  const mayHear = (card: Card, vlan: number): boolean => {
    if (card.connection === null) return false;
    const { vlans } = card.connection;
    if (vlans.mode === "access") return vlans.vlan === vlan;
    return vlans.allowed === "all" || vlans.allowed.includes(vlan) || vlans.native === vlan;
  };
  const reach = (from: string, vlan: number): Set<string> => {
    const reached = new Set([from]);
    for (let size = 0; size < reached.size; ) {
      size = reached.size;
      for (const { ends, allowed, cable } of topology.trunks) {
        if (!cable || (allowed !== "all" && !allowed.includes(vlan)) || !ends.some((end) => reached.has(end))) continue;
        for (const end of ends) reached.add(end);
      }
    }
    return reached;
  };

  const send = (): void => {
    const all: Card[] = [...cards, ...bridged];
    const card = pick(all);
    const tags = Array.from({ length: pick([0, 0, 0, 1, 1, 2]) }, () => pick([0, 10, 20, 30, 99]));
    const mark = below(0x1_0000);
    const frame = new Uint8Array(80);
    const to = random() < 0.5 ? 0xffff_ffff_ffff : pick(all).mac;
    writeEthernet(frame, 0, to, random() < 0.8 ? card.mac : pick(all).mac, MARK_TYPE);
    for (const [i, tag] of tags.entries()) writeU32(frame, 12 + 4 * i, ((pick([0x8100, 0x8100, 0x88a8]) << 16) | tag) >>> 0);
    writeU16(frame, 12 + 4 * tags.length, MARK_TYPE);
    writeU16(frame, 14 + 4 * tags.length, mark);
    for (const each of all) each.heard = [];
    card.port.send(frame);
    const isForeign = tags.length === 1 && readU16(frame, 12) !== 0x8100;
    const vlan = isForeign ? undefined : vlanOf(card, tags);
    const switches = vlan === undefined || card.connection === null ? new Set<string>() : reach(card.connection.switch, vlan);
    for (const each of all) {
      for (const { mark: heard, tag } of each.heard) {
        const say = `${each.link} ${JSON.stringify(each.connection)} heard ${heard} with tag ${tag} from ${card.link} ${JSON.stringify(card.connection)} tags ${tags.join(",")} in ${JSON.stringify(topology.trunks)}`;
        assert.equal(heard, mark, say);
        assert.ok(vlan !== undefined && each !== card && mayHear(each, vlan) && switches.has(each.connection?.switch ?? ""), say);
        const plain = each.connection?.vlans.mode === "access" ? vlan : each.connection?.vlans.native;
        assert.equal(tag, plain === vlan ? null : vlan, say);
        delivered++;
        if (each.link.startsWith("bridge:")) outside++;
      }
    }
  };

  redraw();
  for (let n = 0; n < 6; n++) attach();
  for (let step = 0; step < STEPS; step++) {
    const chance = random();
    if (chance < 0.02) redraw();
    else if (chance < 0.06) move();
    else if (chance < 0.07 && cards.length < 12) attach();
    else if (chance < 0.08 && cards.length > 3) fabric.detach(cards.splice(below(cards.length), 1)[0]?.link ?? "");
    else if (chance < 0.2) pass(pick([1e6, 1e8, FLAP_NS, 5e9]));
    else send();
  }
  assert.ok(delivered > STEPS / 10, `only ${delivered} frames were heard`);
  assert.ok(outside > STEPS / 100, `only ${outside} frames went to the host's network`);
});
