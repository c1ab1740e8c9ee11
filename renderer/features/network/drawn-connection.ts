// What is meant by a line that was drawn, or by a thing that was let go over another. Ends are the drawing's: a card of a
// machine, a machine as a whole, a switch, a VLAN's area, a gateway, a bridge, the internet, the shelf of machines that lead nowhere.
import type { NetworkDoc } from "./network-doc.ts";
import { Refusal } from "./network-doc.ts";
import type { Edited } from "./edits.ts";
import { addTrunk, connectNic, moveMachine, setBridge, setGateway } from "./edits.ts";

export type End =
  | { kind: "nic"; vm: string; nic: string }
  | { kind: "vm"; vm: string }
  | { kind: "switch"; name: string }
  | { kind: "vlan"; switch: string; vlan: number }
  | { kind: "gateway"; name: string }
  | { kind: "bridge"; name: string }
  | { kind: "internet" }
  | { kind: "shelf" };

/** An edit, or a question first: which VLANs the trunk lets through. */
export type Drawn = { ask: "trunk"; switches: [string, string] } | { ask: "nicTrunk"; vm: string; nic: string; switch: string } | { edited: Edited };

/** Ids of the drawing's nodes, with the handle on them. */
export function endOf(node: string, handle: string | null = null): End {
  if (node === "internet" || node === "shelf") return { kind: node };
  const [kind, rest = ""] = [node.slice(0, node.indexOf(":")), node.slice(node.indexOf(":") + 1)];
  if (kind === "vm") return handle?.startsWith("nic") ? { kind: "nic", vm: rest, nic: handle } : { kind: "vm", vm: rest };
  if (kind === "gateway" || kind === "bridge") return { kind, name: rest };
  const slash = rest.lastIndexOf("/");
  if (kind === "vlan") return { kind, switch: rest.slice(0, slash), vlan: Number(rest.slice(slash + 1)) };
  // The sockets on the front of a switch stand for its VLANs.
  return handle?.startsWith("vlan-") ? { kind: "vlan", switch: rest, vlan: Number(handle.slice(5)) } : { kind: "switch", name: rest };
}

const access = (name: string, vlan: number) => ({ switch: name, vlans: { mode: "access", vlan } }) as const;

export function drawn(doc: NetworkDoc, from: End, to: End, random: () => number): Drawn {
  const order: Record<End["kind"], number> = { nic: 0, vm: 1, bridge: 2, gateway: 3, vlan: 4, switch: 5, internet: 6, shelf: 7 };
  const [a, b] = order[from.kind] <= order[to.kind] ? [from, to] : [to, from];
  if (a.kind === "nic" || a.kind === "vm") return ofMachine(doc, a, b, random);
  if (a.kind === "bridge") return b.kind === "vlan" ? { edited: setBridge(doc, a.name, { switch: b.switch, vlans: { mode: "access", vlan: b.vlan } }) } : refuse("bridgeOnSwitch");
  if (a.kind === "gateway") return { edited: ofGateway(doc, a.name, b) };
  if (a.kind === "switch" && b.kind === "switch") {
    return a.name === b.name ? refuse("sameSwitch") : { ask: "trunk", switches: [nameOf(from), nameOf(to)] };
  }
  if (a.kind === "vlan" && b.kind === "vlan") {
    if (a.switch === b.switch) return a.vlan === b.vlan ? refuse("sameSwitch") : refuse("fencedVlans", { a: a.vlan, b: b.vlan });
    return a.vlan === b.vlan ? { edited: addTrunk(doc, nameOf(from), nameOf(to), [a.vlan]) } : refuse("fencedVlans", { a: a.vlan, b: b.vlan });
  }
  if (a.kind === "vlan" && b.kind === "switch") return a.switch === b.name ? refuse("sameSwitch") : { ask: "trunk", switches: [nameOf(from), nameOf(to)] };
  return refuse("throughGateway");
}

const nameOf = (end: End): string => (end.kind === "switch" ? end.name : end.kind === "vlan" ? end.switch : "");

const refuse = (...args: ConstructorParameters<typeof Refusal>): Drawn => ({ edited: new Refusal(...args) });

function ofMachine(doc: NetworkDoc, a: Extract<End, { kind: "nic" | "vm" }>, b: End, random: () => number): Drawn {
  const connect = (to: Parameters<typeof moveMachine>[2]): Drawn => ({
    edited: a.kind === "nic" ? connectNic(doc, a.vm, a.nic, to) : moveMachine(doc, a.vm, to, random),
  });
  switch (b.kind) {
    case "vlan":
      return connect(access(b.switch, b.vlan));
    case "gateway": {
      const gateway = doc.topology.gateways.find((g) => g.name === b.name);
      return gateway === undefined ? refuse("nothingThere") : connect(access(gateway.switch, gateway.vlan));
    }
    case "bridge": {
      const bridge = doc.topology.bridges.find((each) => each.name === b.name);
      return bridge?.vlans.mode === "access" ? connect(access(bridge.switch, bridge.vlans.vlan)) : refuse("dropOnVlan");
    }
    case "switch":
      return a.kind === "nic" ? { ask: "nicTrunk", vm: a.vm, nic: a.nic, switch: b.name } : refuse("dropOnVlan");
    case "shelf":
      return connect(null);
    case "internet":
      return refuse("throughGateway");
    default:
      return refuse("twoMachines");
  }
}

function ofGateway(doc: NetworkDoc, name: string, to: End): Edited {
  switch (to.kind) {
    case "vlan":
      return setGateway(doc, name, { switch: to.switch, vlan: to.vlan });
    case "internet":
      return setGateway(doc, name, { nat: true });
    case "gateway":
      return new Refusal("twoGateways");
    default:
      return new Refusal("gatewayOnSwitch");
  }
}
