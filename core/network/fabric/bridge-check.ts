// What is wrong with the bridges of a drawn network. Spanning tree messages do not pass a bridge, so nothing that runs would see a loop
// through the host's network: what could make one, or would speak for the host's network, is refused before it runs. A bridge that is
// off is a drawing only.
import type { BridgeConfig, PortVlans, Topology } from "../../api/network.ts";
import { VLAN_MAX, VLAN_MIN } from "../wire/ethernet.ts";

export function bridgeFault({ bridges: drawn, switches, gateways, trunks }: Topology): string | undefined {
  const names = new Set(switches.map((each) => each.name));
  const interfaces = new Map<string, BridgeConfig>();
  for (const bridge of drawn) if (!names.has(bridge.switch)) return `Bridge ${bridge.name} is at the switch ${bridge.switch}, which does not exist.`;
  const bridges = drawn.filter(({ enabled }) => enabled);
  if (bridges.length === 0) return undefined;
  for (const bridge of bridges) {
    const other = interfaces.get(bridge.interface);
    if (other !== undefined) return `Bridges ${other.name} and ${bridge.name} both lead to the host's interface ${bridge.interface}.`;
    interfaces.set(bridge.interface, bridge);
  }
  const carried = trunks.map(({ ends, allowed }) => ({ ends, carries: membership({ mode: "trunk", allowed }) }));
  const joined = bridges.map((bridge) => ({ bridge, carries: membership(bridge.vlans) }));
  for (let vlan = VLAN_MIN; vlan <= VLAN_MAX; vlan++) {
    const here = joined.filter(({ carries }) => carries(vlan));
    if (here.length === 0) continue;
    const groupOf = groups(names, carried.filter(({ carries }) => carries(vlan)));
    const met = new Map<string, BridgeConfig>();
    for (const { bridge } of here) {
      const group = groupOf(bridge.switch);
      const other = met.get(group);
      if (other !== undefined) return `Bridges ${other.name} and ${bridge.name} meet in VLAN ${vlan}: frames could go round through the host's network for ever. One of the two has to go.`;
      met.set(group, bridge);
    }
    for (const gateway of gateways) {
      const bridge = gateway.vlan === vlan ? met.get(groupOf(gateway.switch)) : undefined;
      if (bridge !== undefined) {
        return `Gateway ${gateway.name} is in VLAN ${vlan}, which bridge ${bridge.name} joins to the host's network: it would give addresses to machines there. One of the two has to be in another VLAN.`;
      }
    }
  }
  return undefined;
}

function membership(vlans: PortVlans): (vlan: number) => boolean {
  if (vlans.mode === "access") return (vlan) => vlan === vlans.vlan;
  if (vlans.allowed === "all") return () => true;
  const allowed = new Set([...vlans.allowed, vlans.native]);
  return (vlan) => allowed.has(vlan);
}

/** Switches that trunks join have one representative. */
function groups(names: Iterable<string>, trunks: readonly { ends: readonly [string, string] }[]): (name: string) => string {
  const parents = new Map([...names].map((name) => [name, name]));
  const find = (name: string): string => {
    let root = name;
    for (let next = parents.get(root) ?? root; next !== root; next = parents.get(root) ?? root) root = next;
    return root;
  };
  for (const { ends } of trunks) parents.set(find(ends[0]), find(ends[1]));
  return find;
}
