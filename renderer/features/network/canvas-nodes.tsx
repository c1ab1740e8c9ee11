// What the drawing's boxes look like. Each has a word for everything that colour or shape says.
import type { NodeProps } from "@xyflow/react";
import { Handle, Position } from "@xyflow/react";
import { CircleDot, EthernetPort, Globe, Network, Plus, Router, Unplug, Zap } from "lucide-react";
import { useTranslation } from "react-i18next";
import { useNetwork } from "../../app/services.ts";
import { StatusShape } from "../../components/StatusMark.tsx";
import { addVlan } from "./edits.ts";
import { bridgeState, formatRate, hasFaults } from "./link-text.ts";
import { freeVlan, gatewayAddress, hueOf, joinedNics, leasesOf, vlanName } from "./network-doc.ts";
import { useNetworkUi } from "./network-ui.ts";
import type { SceneNode } from "./scene.ts";
import { handlePoint } from "./scene.ts";

const SIDES = { left: Position.Left, right: Position.Right, top: Position.Top, bottom: Position.Bottom } as const;

export const HANDLE_SIZE = 12;

/** As React Flow wants to be told, so that it need not measure. */
export const handlesOf = (node: SceneNode) =>
  handleIds(node).map((id) => {
    const { x, y, side } = handlePoint(node, id);
    const half = HANDLE_SIZE / 2;
    return { id, type: "source" as const, position: SIDES[side], x: x - half, y: y - half, width: HANDLE_SIZE, height: HANDLE_SIZE };
  });

function handleIds(node: SceneNode): string[] {
  switch (node.kind) {
    case "vm":
      return node.machine.nics.map((nic) => nic.id);
    case "vlan":
      return ["out", ...Array.from({ length: node.columns }, (_, n) => `in${n}`)];
    case "switch":
      return ["left", "right", "bottom", "top", ...node.vlans.map(({ vlan }) => `vlan-${vlan}`)];
    case "gateway":
      return ["up", "down"];
    case "internet":
    case "bridge":
      return ["down"];
    case "shelf":
      return [];
  }
}

export interface NodeData extends Record<string, unknown> {
  node: SceneNode;
  /** Something is held over it that would be let go here. */
  isOver: boolean;
}
type Props = NodeProps & { data: NodeData };

function Handles({ node, named }: { node: SceneNode; named?: (id: string) => string }) {
  return handleIds(node).map((id) => {
    const { x, y, side } = handlePoint(node, id);
    return (
      <Handle
        key={id}
        id={id}
        type="source"
        position={SIDES[side]}
        className="rf-net-handle"
        data-handle={id}
        data-hue={id.startsWith("vlan-") ? hueOf(Number(id.slice(5))) : undefined}
        title={named?.(id)}
        style={{ left: x, top: y, right: "auto", bottom: "auto", transform: "translate(-50%, -50%)" }}
      />
    );
  });
}

export function SwitchNode({ data: { node } }: Props) {
  const { t, i18n } = useTranslation();
  const { doc, edit } = useNetworkUi();
  const rates = useNetwork((state) => state.rates);
  if (node.kind !== "switch") return null;
  const through = doc.machines.reduce(
    (sum, machine) => sum + machine.nics.reduce((all, nic) => (nic.connection?.switch === node.name ? all + (rates[`${machine.id}/${nic.id}`]?.received ?? 0) : all), 0),
    0,
  );
  return (
    <div className="rf-net-switch" data-testid={`switch-${node.name}`}>
      <header className="rf-net-chassis">
        <Network size={16} aria-hidden="true" />
        <strong>{node.name}</strong>
        <span className="rf-net-kind">{t("net.switch")}</span>
        <span className="rf-bar-gap" />
        <span className="rf-net-rate">{formatRate(through, i18n.language)}</span>
        <span
          className="rf-net-add nodrag nopan"
          title={t("net.addVlanTo", { name: node.name })}
          aria-hidden="true"
          data-testid={`add-vlan-${node.name}`}
          onClick={(event) => {
            event.stopPropagation();
            edit(t("net.done.vlanAdded", { vlan: freeVlan(doc, node.name), name: node.name }), addVlan(doc, node.name));
          }}
        >
          <Plus size={12} aria-hidden="true" /> {t("net.vlan")}
        </span>
      </header>
      <Handles node={node} named={(id) => (id.startsWith("vlan-") ? t("net.vlanSocket", { vlan: id.slice(5) }) : t("net.trunkSocket"))} />
    </div>
  );
}

export function VlanNode({ data: { node, isOver } }: Props) {
  const { t } = useTranslation();
  const { doc } = useNetworkUi();
  if (node.kind !== "vlan") return null;
  const name = vlanName(doc, node.vlan);
  return (
    <div className="rf-net-vlan" data-hue={hueOf(node.vlan)} data-over={isOver} data-testid={`vlan-${node.switch}-${node.vlan}`}>
      <header>
        <span className="rf-net-tag">{node.vlan}</span>
        <strong>{name === "" ? t("net.vlanNumber", { vlan: node.vlan }) : name}</strong>
      </header>
      {node.members === 0 && <p>{t("net.dropHere")}</p>}
      <Handles node={node} named={() => t("net.vlanSocket", { vlan: node.vlan })} />
    </div>
  );
}

export function MachineNode({ data: { node, isOver } }: Props) {
  const { t, i18n } = useTranslation();
  const { doc } = useNetworkUi();
  const leases = useNetwork((state) => state.leases);
  const rates = useNetwork((state) => state.rates);
  const captures = useNetwork((state) => state.captures);
  if (node.kind !== "vm") return null;
  const { machine } = node;
  const joined = joinedNics(machine);
  const addresses = machine.nics.flatMap((nic) => leasesOf(doc, leases, nic).map((lease) => lease.address));
  const bits = machine.nics.reduce((sum, nic) => sum + (rates[`${machine.id}/${nic.id}`]?.received ?? 0) + (rates[`${machine.id}/${nic.id}`]?.sent ?? 0), 0);
  const isUnplugged = joined.length > 0 && joined.every((nic) => !nic.cable);
  const isCaptured = Object.values(captures).some(({ info }) => info.isRunning && info.link.startsWith(`${machine.id}/`));
  const first = joined[0]?.connection?.vlans;
  const below =
    addresses.length > 0 ? addresses.join(", ") : machine.nics.length === 0 ? t("net.noCard") : node.berth === "shelf" ? t("net.notConnected") : t(`status.${machine.status}`);
  return (
    <div
      className="rf-net-card"
      data-status={machine.status}
      data-over={isOver}
      data-hue={first?.mode === "access" && node.berth === "area" ? hueOf(first.vlan) : undefined}
      data-place={node.berth === "area" && joined[0]?.connection != null && first?.mode === "access" ? `${joined[0].connection.switch}/${first.vlan}` : node.berth}
      data-testid={`card-${machine.name}`}
    >
      <StatusShape status={machine.status} size={13} />
      <div>
        <div className="rf-net-line-of">
          <strong title={machine.name}>{machine.name}</strong>
          <span className="rf-net-icons">
            {isCaptured && <CircleDot size={13} aria-label={t("net.capturing")} className="rf-net-live" />}
            {machine.nics.some((nic) => hasFaults(nic.faults)) && <Zap size={13} aria-label={t("net.faulty")} className="rf-net-fault" />}
            {isUnplugged && <Unplug size={13} aria-label={t("net.unplugged")} className="rf-net-fault" />}
          </span>
        </div>
        <div className="rf-net-line-of">
          <span className={addresses.length > 0 ? "rf-mono" : "rf-dim"}>{below}</span>
          {bits > 0 && <span className="rf-net-rate">{formatRate(bits, i18n.language)}</span>}
        </div>
      </div>
      <Handles node={node} />
    </div>
  );
}

export function GatewayNode({ data: { node, isOver } }: Props) {
  const { t } = useTranslation();
  if (node.kind !== "gateway") return null;
  const { gateway } = node;
  return (
    <div className="rf-net-card rf-net-gateway" data-over={isOver} data-hue={hueOf(gateway.vlan)} data-testid={`gateway-${gateway.name}`}>
      <Router size={18} aria-hidden="true" />
      <div>
        <strong title={gateway.name}>{gateway.name}</strong>
        <span className="rf-mono">
          {gatewayAddress(gateway.network)}/{gateway.network.split("/")[1]}
        </span>
      </div>
      <div className="rf-net-marks">
        <span className="rf-net-tag">{gateway.vlan}</span>
        <span className="rf-net-rate">{t(gateway.nat ? "net.nat" : "net.closed")}</span>
      </div>
      <Handles node={node} />
    </div>
  );
}

export function BridgeNode({ data: { node, isOver } }: Props) {
  const { t } = useTranslation();
  const bridges = useNetwork((state) => state.bridges);
  if (node.kind !== "bridge") return null;
  const { bridge } = node;
  const { vlans } = bridge;
  return (
    <div className="rf-net-card rf-net-gateway" data-over={isOver} data-hue={vlans.mode === "access" ? hueOf(vlans.vlan) : undefined} data-testid={`bridge-${bridge.name}`}>
      <EthernetPort size={18} aria-hidden="true" />
      <div>
        <div className="rf-net-line-of">
          <strong title={bridge.name}>{bridge.name}</strong>
          <span className="rf-net-tag">{vlans.mode === "access" ? vlans.vlan : t("net.trunk")}</span>
        </div>
        <div className="rf-net-line-of">
          <span className="rf-mono">{bridge.interface}</span>
          <span className="rf-net-rate">{t(`bridge.state.${bridgeState(bridge, bridges)}`)}</span>
        </div>
      </div>
      <Handles node={node} />
    </div>
  );
}

export function InternetNode({ data: { node, isOver } }: Props) {
  const { t } = useTranslation();
  return (
    <div className="rf-net-card rf-net-internet" data-over={isOver}>
      <Globe size={17} aria-hidden="true" />
      <strong>{t("net.internet")}</strong>
      <Handles node={node} />
    </div>
  );
}

export function ShelfNode({ data: { node, isOver } }: Props) {
  const { t } = useTranslation();
  if (node.kind !== "shelf") return null;
  return (
    <div className="rf-net-vlan rf-net-shelf" data-over={isOver} data-testid="shelf">
      <header>
        <Unplug size={14} aria-hidden="true" />
        <strong>{t("net.shelf")}</strong>
      </header>
      {node.members === 0 && <p>{t("net.shelfHint")}</p>}
    </div>
  );
}

export const NODE_TYPES = { switch: SwitchNode, vlan: VlanNode, vm: MachineNode, gateway: GatewayNode, bridge: BridgeNode, internet: InternetNode, shelf: ShelfNode };
