// The drawing as plain boxes and lines: switches with their VLANs as areas below them, machines in the areas, gateways and bridges above, the
// internet on top, machines on several networks underneath, and a shelf for those that lead nowhere. The canvas, the picture
// file and the tests all read this. Places that the user chose win; the rest is laid out by dagre.
import type { BridgeConfig, GatewayConfig, TrunkConfig } from "../../../core/api/network.ts";
import { graphlib, layout } from "@dagrejs/dagre";
import type { DocMachine, NetworkDoc } from "./network-doc.ts";
import { berthOf, joinedNics, vlansOf } from "./network-doc.ts";

export const CARD = { width: 188, height: 54, gap: 8 } as const;
export const GATEWAY = { width: 196, height: 56 } as const;
export const INTERNET = { width: 132, height: 44 } as const;
/** Between an area's left edge and its cards: the cables run here. */
export const BUS = 26;
export const AREA = { head: 36, pad: 12, gap: 10, rows: 6 } as const;
export const SWITCH = { head: 46, pad: 10, width: 280 } as const;
const ROW_GAP = 76;
const CLEAR = 168;
const SHELF_COLUMNS = 6;

export interface Box {
  id: string;
  parent: string | null;
  /** Within the parent, if there is one. */
  x: number;
  y: number;
  width: number;
  height: number;
}

export type SceneNode = Box &
  (
    | { kind: "switch"; name: string; vlans: { vlan: number; x: number }[] }
    | { kind: "vlan"; switch: string; vlan: number; members: number; columns: number }
    | { kind: "vm"; machine: DocMachine; berth: "area" | "free" | "shelf" }
    | { kind: "gateway"; gateway: GatewayConfig }
    | { kind: "bridge"; bridge: BridgeConfig }
    | { kind: "internet" }
    | { kind: "shelf"; members: number }
  );

interface LineEnd {
  node: string;
  handle: string;
}

export interface SceneLine {
  /** The link's id; "nat:NAME" for a gateway's way out. */
  id: string;
  kind: "nic" | "gateway" | "bridge" | "trunk" | "nat";
  from: LineEnd;
  to: LineEnd;
  /** Null where it carries several. */
  vlan: number | null;
  /** Along an area's edge rather than across the drawing. */
  isInside: boolean;
  trunk?: TrunkConfig;
}

export interface Scene {
  /** Parents come before what is in them. */
  nodes: SceneNode[];
  lines: SceneLine[];
}

export interface Point {
  x: number;
  y: number;
}

const areaWidth = (columns: number): number => AREA.pad + columns * (BUS + CARD.width) + (columns - 1) * AREA.gap;
const areaHeight = (rows: number): number => AREA.head + AREA.pad + Math.max(1, rows) * CARD.height + Math.max(0, rows - 1) * CARD.gap;

/** The place of the nth card in an area. */
function seat(n: number): Point {
  const column = Math.floor(n / AREA.rows);
  return { x: BUS + column * (BUS + CARD.width + AREA.gap), y: AREA.head + (n % AREA.rows) * (CARD.height + CARD.gap) };
}

export function sceneOf(doc: NetworkDoc): Scene {
  const { topology } = doc;
  const berths = doc.machines.map((machine) => ({ machine, berth: berthOf(doc, machine) }));
  const inArea = (name: string, vlan: number): DocMachine[] =>
    berths.filter(({ berth }) => berth.kind === "area" && berth.switch === name && berth.vlan === vlan).map(({ machine }) => machine);
  const lines: SceneLine[] = [];

  // Switches with what is in them, at places of their own.
  const blocks = topology.switches.map(({ name }) => {
    const areas = vlansOf(doc, name).map((vlan) => {
      const members = inArea(name, vlan);
      return { vlan, members, columns: Math.max(1, Math.ceil(members.length / AREA.rows)) };
    });
    const rows = Math.max(...areas.map(({ members }) => Math.min(AREA.rows, members.length)));
    const inside = areas.reduce((sum, area) => sum + areaWidth(area.columns), 0) + (areas.length - 1) * AREA.gap;
    const width = Math.max(SWITCH.width, inside + 2 * SWITCH.pad);
    const height = SWITCH.head + areaHeight(rows) + SWITCH.pad;
    return { name, areas, rows, width, height };
  });
  const auto = automaticPlaces(doc, blocks);
  const nodes: SceneNode[] = [];
  const placed = new Map<string, Point & { width: number; height: number }>();
  const place = (key: string, fallback: Point): Point => topology.places[key] ?? fallback;

  for (const block of blocks) {
    const id = `switch:${block.name}`;
    const at = place(id, auto.get(block.name) ?? { x: 0, y: 0 });
    placed.set(id, { ...at, width: block.width, height: block.height });
    let x = SWITCH.pad;
    const vlans = block.areas.map((area) => {
      const left = x;
      x += areaWidth(area.columns) + AREA.gap;
      return { ...area, left };
    });
    nodes.push({
      id, parent: null, ...at, width: block.width, height: block.height, kind: "switch", name: block.name,
      vlans: vlans.map(({ vlan, left, columns }) => ({ vlan, x: left + areaWidth(columns) / 2 })),
    });
    for (const { vlan, members, columns, left } of vlans) {
      const areaId = `vlan:${block.name}/${vlan}`;
      const size = { width: areaWidth(columns), height: areaHeight(block.rows) };
      nodes.push({ id: areaId, parent: id, x: left, y: SWITCH.head, ...size, kind: "vlan", switch: block.name, vlan, members: members.length, columns });
      members.forEach((machine, n) => {
        nodes.push({ id: `vm:${machine.id}`, parent: areaId, ...seat(n), width: CARD.width, height: CARD.height, kind: "vm", machine, berth: "area" });
        const [nic] = joinedNics(machine);
        if (nic === undefined) return;
        const to = { node: areaId, handle: `in${Math.floor(n / AREA.rows)}` };
        lines.push({ id: `${machine.id}/${nic.id}`, kind: "nic", from: { node: `vm:${machine.id}`, handle: nic.id }, to, vlan, isInside: true });
      });
    }
  }

  // Gateways above their VLANs.
  for (const gateway of topology.gateways) {
    const id = `gateway:${gateway.name}`;
    const home = placed.get(`switch:${gateway.switch}`);
    const port = nodes.find((n) => n.kind === "switch" && n.name === gateway.switch);
    const x = port?.kind === "switch" ? (port.vlans.find((v) => v.vlan === gateway.vlan)?.x ?? 0) : 0;
    const at = place(id, { x: (home?.x ?? 0) + x - GATEWAY.width / 2, y: (home?.y ?? 0) - ROW_GAP - GATEWAY.height });
    placed.set(id, { ...at, ...GATEWAY });
    nodes.push({ id, parent: null, ...at, ...GATEWAY, kind: "gateway", gateway });
    lines.push({
      id, kind: "gateway", from: { node: id, handle: "down" }, to: { node: `switch:${gateway.switch}`, handle: `vlan-${gateway.vlan}` },
      vlan: gateway.vlan, isInside: false,
    });
    if (gateway.nat) {
      lines.push({ id: `nat:${gateway.name}`, kind: "nat", from: { node: "internet", handle: "down" }, to: { node: id, handle: "up" }, vlan: null, isInside: false });
    }
  }
  // Bridges, too, beside a gateway or another bridge that is there already.
  for (const bridge of topology.bridges) {
    const id = `bridge:${bridge.name}`;
    const home = placed.get(`switch:${bridge.switch}`);
    const port = nodes.find((n) => n.kind === "switch" && n.name === bridge.switch);
    const vlan = bridge.vlans.mode === "access" ? bridge.vlans.vlan : null;
    const x = vlan === null || port?.kind !== "switch" ? 24 : (port.vlans.find((v) => v.vlan === vlan)?.x ?? 0);
    const wanted = { x: (home?.x ?? 0) + x - GATEWAY.width / 2, y: (home?.y ?? 0) - ROW_GAP - GATEWAY.height };
    const overlaps = (box: Point): boolean => Math.abs(box.x - wanted.x) < GATEWAY.width && Math.abs(box.y - wanted.y) < GATEWAY.height;
    const above = topology.places[id] === undefined ? [...placed].filter(([key]) => key.startsWith("gateway:") || key.startsWith("bridge:")).map(([, box]) => box) : [];
    while (above.some(overlaps)) wanted.x += GATEWAY.width / 2;
    const at = place(id, wanted);
    placed.set(id, { ...at, ...GATEWAY });
    nodes.push({ id, parent: null, ...at, ...GATEWAY, kind: "bridge", bridge });
    lines.push({ id, kind: "bridge", from: { node: id, handle: "down" }, to: { node: `switch:${bridge.switch}`, handle: vlan === null ? "top" : `vlan-${vlan}` }, vlan, isInside: false });
  }
  if (topology.gateways.length > 0) {
    const natted = topology.gateways.filter((g) => g.nat);
    const below = (natted.length > 0 ? natted : topology.gateways).flatMap((g) => placed.get(`gateway:${g.name}`) ?? []);
    const centre = below.reduce((sum, box) => sum + box.x + box.width / 2, 0) / below.length;
    const top = Math.min(...below.map((box) => box.y));
    const at = place("internet", { x: centre - INTERNET.width / 2, y: top - ROW_GAP - INTERNET.height });
    placed.set("internet", { ...at, ...INTERNET });
    nodes.push({ id: "internet", parent: null, ...at, ...INTERNET, kind: "internet" });
  }

  for (const trunk of topology.trunks) {
    const [a, b] = trunk.ends.map((name) => placed.get(`switch:${name}`));
    if (a === undefined || b === undefined) continue;
    const [from, to] = sides(a, b);
    lines.push({
      id: `trunk:${trunk.name}`, kind: "trunk", from: { node: `switch:${trunk.ends[0]}`, handle: from }, to: { node: `switch:${trunk.ends[1]}`, handle: to },
      vlan: null, isInside: false, trunk,
    });
  }

  // Machines on several networks, underneath the middle of those.
  const free = berths.filter(({ berth }) => berth.kind === "free").map(({ machine }) => {
    const targets = joinedNics(machine).flatMap((nic) => {
      const name = nic.connection?.switch ?? "";
      const home = placed.get(`switch:${name}`);
      const port = nodes.find((n) => n.kind === "switch" && n.name === name);
      if (home === undefined || port?.kind !== "switch" || nic.connection === null) return [];
      const vlan = nic.connection.vlans.mode === "access" ? nic.connection.vlans.vlan : null;
      return [{ nic, name, vlan, x: home.x + (vlan === null ? home.width / 2 : (port.vlans.find((v) => v.vlan === vlan)?.x ?? 0)) }];
    });
    return { machine, targets, centre: targets.reduce((sum, target) => sum + target.x, 0) / Math.max(1, targets.length) };
  });
  const floor = Math.max(0, ...[...placed.entries()].filter(([id]) => id.startsWith("switch:")).map(([, box]) => box.y + box.height)) + ROW_GAP;
  let nextX = Number.NEGATIVE_INFINITY;
  for (const { machine, targets, centre } of free.sort((a, b) => a.centre - b.centre)) {
    const id = `vm:${machine.id}`;
    const x = Math.max(nextX, centre - CARD.width / 2);
    const at = place(id, { x, y: floor });
    if (topology.places[id] === undefined) nextX = x + CARD.width + 3 * AREA.gap;
    placed.set(id, { ...at, width: CARD.width, height: CARD.height });
    nodes.push({ id, parent: null, ...at, width: CARD.width, height: CARD.height, kind: "vm", machine, berth: "free" });
    for (const { nic, name, vlan } of targets) {
      const to = vlan === null ? { node: `switch:${name}`, handle: "bottom" } : { node: `vlan:${name}/${vlan}`, handle: "out" };
      lines.push({ id: `${machine.id}/${nic.id}`, kind: "nic", from: { node: id, handle: nic.id }, to, vlan, isInside: false });
    }
  }

  // The shelf, below it all and as wide.
  const loose = berths.filter(({ berth }) => berth.kind === "shelf").map(({ machine }) => machine);
  if (loose.length > 0 || topology.switches.length > 0) {
    const boxes = [...placed.values()];
    const left = Math.min(...boxes.map((box) => box.x), Number.MAX_SAFE_INTEGER);
    const right = Math.max(...boxes.map((box) => box.x + box.width), Number.MIN_SAFE_INTEGER);
    const bottom = Math.max(...boxes.map((box) => box.y + box.height), 0);
    const step = CARD.width + AREA.gap;
    const room = boxes.length === 0 ? SHELF_COLUMNS : Math.max(2, Math.floor((right - left - 2 * AREA.pad + AREA.gap) / step));
    const columns = Math.min(Math.max(room, Math.ceil(Math.sqrt(loose.length))), SHELF_COLUMNS, Math.max(2, loose.length));
    const size = { width: AREA.pad * 2 + columns * step - AREA.gap, height: areaHeight(Math.ceil(loose.length / columns)) };
    // Wider than the rest, it stands under the middle of it.
    const x = boxes.length === 0 ? 0 : left - Math.max(0, (size.width - (right - left)) / 2);
    const at = place("shelf", { x, y: bottom + ROW_GAP / 2 });
    nodes.push({ id: "shelf", parent: null, ...at, ...size, kind: "shelf", members: loose.length });
    loose.forEach((machine, n) => {
      const spot = { x: AREA.pad + (n % columns) * step, y: AREA.head + Math.floor(n / columns) * (CARD.height + CARD.gap) };
      nodes.push({ id: `vm:${machine.id}`, parent: "shelf", ...spot, width: CARD.width, height: CARD.height, kind: "vm", machine, berth: "shelf" });
    });
  }
  return { nodes, lines };
}

/** Switches from left to right along their trunks, each with room for its gateways above. */
function automaticPlaces({ topology }: NetworkDoc, blocks: readonly { name: string; width: number; height: number }[]): Map<string, Point> {
  const graph = new graphlib.Graph({ multigraph: true });
  graph.setGraph({ rankdir: "LR", ranksep: CLEAR, nodesep: CLEAR / 2 });
  graph.setDefaultEdgeLabel(() => ({}));
  const above = ROW_GAP + GATEWAY.height;
  const hasGateways = (name: string): boolean => [...topology.gateways, ...topology.bridges].some((g) => g.switch === name);
  for (const { name, width, height } of blocks) graph.setNode(name, { width, height: height + (hasGateways(name) ? above : 0) });
  const known = new Set(blocks.map((block) => block.name));
  for (const { name, ends } of topology.trunks) if (known.has(ends[0]) && known.has(ends[1])) graph.setEdge(ends[0], ends[1], {}, name);
  // What is not joined stands beside the rest, where a trunk that is drawn later finds it.
  for (const [left, right] of gaps(topology)) graph.setEdge(left, right, {}, "gap");
  layout(graph);
  const places = new Map<string, Point>();
  for (const { name, width, height } of blocks) {
    const { x, y } = graph.node(name) as unknown as Point;
    places.set(name, { x: Math.round(x - width / 2), y: Math.round(y - height / 2 + (hasGateways(name) ? above / 2 : 0)) });
  }
  // Switches side by side look best on one line; dagre centres boxes of unlike height.
  for (const [name, at] of places) {
    for (const [other, there] of places) {
      const [a, b] = [blocks.find((block) => block.name === name), blocks.find((block) => block.name === other)];
      if (name !== other && a !== undefined && b !== undefined && Math.abs(at.y - there.y) < Math.min(a.height, b.height) / 2 && at.x !== there.x) at.y = Math.max(at.y, there.y);
    }
  }
  return places;
}

/** Between groups of switches that no trunk joins: the last of one and the first of the next. */
function gaps({ switches, trunks }: NetworkDoc["topology"]): [string, string][] {
  const group = new Map(switches.map(({ name }) => [name, name]));
  for (const { ends } of trunks) {
    const [a, b] = [group.get(ends[0]), group.get(ends[1])];
    if (a !== undefined && b !== undefined) for (const [name, own] of group) if (own === b) group.set(name, a);
  }
  const groups = Map.groupBy(group.keys(), (name) => group.get(name) ?? name);
  const lines: [string, string][] = [];
  let last: string | undefined;
  for (const names of groups.values()) {
    const [first] = names;
    if (last !== undefined && first !== undefined) lines.push([last, first]);
    last = names.at(-1);
  }
  return lines;
}

interface Rectangle extends Point {
  width: number;
  height: number;
}

/** From which sides of two boxes a line between them looks shortest. */
export function sides(a: Rectangle, b: Rectangle): ["left" | "right" | "top" | "bottom", "left" | "right" | "top" | "bottom"] {
  if (a.x + a.width <= b.x) return ["right", "left"];
  if (b.x + b.width <= a.x) return ["left", "right"];
  return a.y <= b.y ? ["bottom", "top"] : ["top", "bottom"];
}

/** In the drawing's own coordinates. */
export function absolute(scene: Scene, id: string): Rectangle | null {
  const node = scene.nodes.find((n) => n.id === id);
  if (node === undefined) return null;
  const parent = node.parent === null ? null : absolute(scene, node.parent);
  return { x: node.x + (parent?.x ?? 0), y: node.y + (parent?.y ?? 0), width: node.width, height: node.height };
}

/** Where a node's handles are, from its corner. */
export function handlePoint(node: SceneNode, handle: string): Point & { side: "left" | "right" | "top" | "bottom" } {
  const middle = { x: node.width / 2, y: node.height / 2 };
  switch (node.kind) {
    case "vm": {
      if (node.berth === "area") return { x: 0, y: middle.y, side: "left" };
      const at = node.machine.nics.findIndex((nic) => nic.id === handle);
      return { x: (node.width * (at + 1)) / (node.machine.nics.length + 1), y: 0, side: "top" };
    }
    case "vlan":
      if (handle === "out") return { x: middle.x, y: node.height, side: "bottom" };
      return { x: BUS / 2 + Number(handle.slice(2)) * (BUS + CARD.width + AREA.gap), y: AREA.head - 6, side: "bottom" };
    case "switch":
      if (handle.startsWith("vlan-")) return { x: node.vlans.find((v) => `vlan-${v.vlan}` === handle)?.x ?? middle.x, y: 0, side: "top" };
      if (handle === "left") return { x: 0, y: SWITCH.head / 2, side: "left" };
      if (handle === "right") return { x: node.width, y: SWITCH.head / 2, side: "right" };
      return handle === "top" ? { x: 24, y: 0, side: "top" } : { x: middle.x, y: node.height, side: "bottom" };
    case "gateway":
      return handle === "up" ? { x: middle.x, y: 0, side: "top" } : { x: middle.x, y: node.height, side: "bottom" };
    default:
      return { x: middle.x, y: node.height, side: "bottom" };
  }
}

export function lineEnds(scene: Scene, line: SceneLine): { from: Point & { side: string }; to: Point & { side: string } } | null {
  const ends = [line.from, line.to].map(({ node, handle }) => {
    const found = scene.nodes.find((n) => n.id === node);
    const at = absolute(scene, node);
    if (found === undefined || at === null) return null;
    const point = handlePoint(found, handle);
    return { x: at.x + point.x, y: at.y + point.y, side: point.side };
  });
  const [from, to] = ends;
  return from == null || to == null ? null : { from, to };
}

/** As the data of an SVG path: along the area's edge inside it, otherwise a gentle curve. */
export function linePath(from: Point & { side: string }, to: Point & { side: string }, isInside: boolean): string {
  if (isInside) {
    const turn = 8;
    return `M${to.x} ${to.y}V${from.y - turn}Q${to.x} ${from.y} ${to.x + turn} ${from.y}H${from.x}`;
  }
  const away: Record<string, Point> = { left: { x: -1, y: 0 }, right: { x: 1, y: 0 }, top: { x: 0, y: -1 }, bottom: { x: 0, y: 1 } };
  const reach = Math.max(30, Math.min(160, Math.hypot(to.x - from.x, to.y - from.y) / 2));
  const [a, b] = [away[from.side] ?? { x: 0, y: 0 }, away[to.side] ?? { x: 0, y: 0 }];
  return `M${from.x} ${from.y}C${from.x + a.x * reach} ${from.y + a.y * reach} ${to.x + b.x * reach} ${to.y + b.y * reach} ${to.x} ${to.y}`;
}

/** The area, switch or shelf under a point: the smallest wins. */
export function nodeAt(scene: Scene, point: Point, isTarget: (node: SceneNode) => boolean): SceneNode | null {
  let best: SceneNode | null = null;
  for (const node of scene.nodes) {
    const box = absolute(scene, node.id);
    if (box === null || !isTarget(node)) continue;
    const isIn = point.x >= box.x && point.x <= box.x + box.width && point.y >= box.y && point.y <= box.y + box.height;
    if (isIn && (best === null || node.width * node.height < best.width * best.height)) best = node;
  }
  return best;
}
