// What can be done to the thing under the pointer, or with the keyboard to the thing that has the focus.
import { Menu } from "@mantine/core";
import { Check } from "lucide-react";
import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import { requestPower } from "../../app/actions.ts";
import { useMachines, useServices } from "../../app/services.ts";
import type { PowerAction } from "../../state/power.ts";
import { whyNot } from "../../state/power.ts";
import {
  addBridge, addGateway, addNic, addVlan, connectNic, moveMachine, removeBridge, removeGateway, removeSwitch, removeTrunk, removeVlan, setBridge, setCable, setFaults, setGateway, setGuards,
} from "./edits.ts";
import { FAULT_PRESETS, hasFaults, linkTitle, PRESET_NAMES } from "./link-text.ts";
import { startCapture } from "./network-actions.ts";
import { freeVlan, joinedNics, machineOf, nicOf, vlanName, vlansOf } from "./network-doc.ts";
import { useNetworkUi } from "./network-ui.ts";

export interface MenuAt {
  what: string;
  x: number;
  y: number;
}

export function NetworkMenu({ at, onClose }: { at: MenuAt; onClose: () => void }) {
  const { t } = useTranslation();
  const dropdown = useRef<HTMLDivElement>(null);
  const opener = useRef(document.activeElement);
  useEffect(() => {
    const timer = setTimeout(() => dropdown.current?.querySelector<HTMLElement>("[role=menuitem]:not([data-disabled])")?.focus(), 30);
    const back = opener.current;
    return () => {
      clearTimeout(timer);
      if (back instanceof HTMLElement || back instanceof SVGElement) back.focus();
    };
  }, []);
  return (
    <Menu opened onClose={onClose} position="bottom-start" trapFocus={false} withinPortal={false} floatingStrategy="fixed" zIndex={300}>
      <Menu.Target>
        <button type="button" tabIndex={-1} aria-label={t("net.menu")} className="rf-net-menu-point" style={{ left: at.x, top: at.y }} />
      </Menu.Target>
      <Menu.Dropdown ref={dropdown} aria-label={t("net.menu")} data-testid="net-menu" mah="70dvh" style={{ overflowY: "auto" }}>
        <Items what={at.what} />
      </Menu.Dropdown>
    </Menu>
  );
}

function Items({ what }: { what: string }) {
  const rest = what.slice(what.indexOf(":") + 1);
  if (what.startsWith("link:gateway:")) return <GatewayItems name={what.slice(13)} />;
  if (what.startsWith("link:bridge:")) return <BridgeItems name={what.slice(12)} />;
  if (what.startsWith("link:")) return <LinkItems link={rest} />;
  if (what.startsWith("vm:")) return <MachineItems id={rest} />;
  if (what.startsWith("gateway:")) return <GatewayItems name={rest} />;
  if (what.startsWith("bridge:")) return <BridgeItems name={rest} />;
  if (what.startsWith("switch:")) return <SwitchItems name={rest} />;
  const slash = rest.lastIndexOf("/");
  if (what.startsWith("vlan:")) return <VlanItems name={rest.slice(0, slash)} vlan={Number(rest.slice(slash + 1))} />;
  return null;
}

function LinkItems({ link }: { link: string }) {
  const { t } = useTranslation();
  const services = useServices();
  const { doc, edit, select } = useNetworkUi();
  const [vm = "", card = ""] = link.split("/");
  const trunk = doc.topology.trunks.find((item) => `trunk:${item.name}` === link);
  const own = trunk ?? nicOf(doc, vm, card);
  if (own === undefined) return null;
  const name = linkTitle(doc, link);
  return (
    <>
      <Menu.Item onClick={() => select(`link:${link}`)}>{t("net.details")}</Menu.Item>
      <Menu.Item onClick={() => void startCapture(services, link)} data-testid="menu-capture">
        {t("capture.start")}
      </Menu.Item>
      <Menu.Item
        onClick={() => edit(t(own.cable ? "net.done.unplugged" : "net.done.plugged", { name }), setCable(doc, link, !own.cable))}
        data-testid="menu-cable"
      >
        {t(own.cable ? "net.unplug" : "net.plug")}
      </Menu.Item>
      <Menu.Divider />
      <Menu.Label>{t("fault.title")}</Menu.Label>
      {PRESET_NAMES.map((preset) => (
        <Menu.Item key={preset} onClick={() => edit(t("net.done.faults", { name }), setFaults(doc, link, { ...own.faults, ...FAULT_PRESETS[preset] }))} data-testid={`menu-fault-${preset}`}>
          {t(`fault.preset.${preset}`)}
        </Menu.Item>
      ))}
      <Menu.Item disabled={!hasFaults(own.faults)} onClick={() => edit(t("net.done.faults", { name }), setFaults(doc, link, {}))} data-testid="menu-fault-none">
        {t("fault.none")}
      </Menu.Item>
      {trunk === undefined && (
        <>
          <Menu.Divider />
          <Menu.Label>{t("guard.title")}</Menu.Label>
          {GUARDS.map((guard) => {
            const guards = nicOf(doc, vm, card)?.guards ?? {};
            const isSet = guards[guard] === true;
            return (
              <Menu.Item
                key={guard}
                leftSection={isSet ? <Check size={14} aria-label={t("net.isOn")} /> : <span className="rf-net-unchecked" />}
                onClick={() => edit(t("net.done.guards", { name }), setGuards(doc, vm, card, { ...guards, [guard]: !isSet }))}
              >
                {t(`guard.${guard}`)}
              </Menu.Item>
            );
          })}
        </>
      )}
      <Menu.Divider />
      {trunk === undefined ? (
        <Menu.Item onClick={() => edit(t("net.done.disconnected", { name }), connectNic(doc, vm, card, null))}>{t("net.disconnect")}</Menu.Item>
      ) : (
        <Menu.Item
          color="red"
          onClick={() => {
            select(null);
            edit(t("net.done.trunkRemoved", { name }), removeTrunk(doc, trunk.name));
          }}
        >
          {t("net.removeTrunk")}
        </Menu.Item>
      )}
    </>
  );
}

const GUARDS = ["antiSpoofing", "isolated"] as const;
const POWER: readonly PowerAction[] = ["start", "pause", "resume", "shutdown", "powerOff"];

function MachineItems({ id }: { id: string }) {
  const { t } = useTranslation();
  const services = useServices();
  const { doc, edit, select } = useNetworkUi();
  const record = useMachines((state) => state.machines[id]);
  const machine = machineOf(doc, id);
  if (machine === undefined || record === undefined) return null;
  const joined = joinedNics(machine);
  const name = machine.name;
  return (
    <>
      {joined.length <= 1 && (
        <>
          <Menu.Label>{t("net.connectTo")}</Menu.Label>
          {doc.topology.switches.flatMap((s) =>
            vlansOf(doc, s.name).map((vlan) => (
              <Menu.Item
                key={`${s.name}/${vlan}`}
                onClick={() => edit(t("net.done.connected", { name }), moveMachine(doc, id, { switch: s.name, vlans: { mode: "access", vlan } }, Math.random))}
                data-testid={`menu-connect-${s.name}-${vlan}`}
              >
                {t("net.onVlan", { switch: s.name, vlan })} {vlanName(doc, vlan)}
              </Menu.Item>
            )),
          )}
        </>
      )}
      <Menu.Item disabled={joined.length === 0} onClick={() => edit(t("net.done.disconnected", { name }), moveMachine(doc, id, null, Math.random))} data-testid="menu-disconnect">
        {t("net.disconnect")}
      </Menu.Item>
      <Menu.Divider />
      {machine.nics.map((nic) => (
        <Menu.Item key={nic.id} onClick={() => select(`link:${id}/${nic.id}`)}>
          {t("net.cardDetails", { card: nic.id })}
        </Menu.Item>
      ))}
      {joined.map((nic) => (
        <Menu.Item key={nic.id} onClick={() => void startCapture(services, `${id}/${nic.id}`)}>
          {t("net.captureCard", { card: nic.id })}
        </Menu.Item>
      ))}
      <Menu.Item onClick={() => edit(t("net.done.cardAdded", { name }), addNic(doc, id, null, Math.random))}>{t("nic.add")}</Menu.Item>
      <Menu.Divider />
      <Menu.Item onClick={() => services.view.setState({ page: "machines", selected: id, tab: "console" })}>{t("library.openConsole")}</Menu.Item>
      {POWER.map((action) =>
        whyNot(action, record.status, false) !== null ? null : (
          <Menu.Item key={action} onClick={() => requestPower(services, record, action)}>
            {t(`power.${action}`)}
          </Menu.Item>
        ),
      )}
    </>
  );
}

function GatewayItems({ name }: { name: string }) {
  const { t } = useTranslation();
  const services = useServices();
  const { doc, edit, select } = useNetworkUi();
  const gateway = doc.topology.gateways.find((g) => g.name === name);
  if (gateway === undefined) return null;
  return (
    <>
      <Menu.Item onClick={() => select(`gateway:${name}`)}>{t("net.details")}</Menu.Item>
      <Menu.Item onClick={() => void startCapture(services, `gateway:${name}`)}>{t("capture.start")}</Menu.Item>
      <Menu.Item onClick={() => edit(t("net.done.gateway", { name }), setGateway(doc, name, { nat: !gateway.nat }))}>{t(gateway.nat ? "net.natOff" : "net.natOn")}</Menu.Item>
      <Menu.Divider />
      <Menu.Item
        color="red"
        onClick={() => {
          select(null);
          edit(t("net.done.gatewayRemoved", { name }), removeGateway(doc, name));
        }}
      >
        {t("gateway.remove")}
      </Menu.Item>
    </>
  );
}

function BridgeItems({ name }: { name: string }) {
  const { t } = useTranslation();
  const services = useServices();
  const { doc, edit, select } = useNetworkUi();
  const bridge = doc.topology.bridges.find((b) => b.name === name);
  if (bridge === undefined) return null;
  return (
    <>
      <Menu.Item onClick={() => select(`bridge:${name}`)}>{t("net.details")}</Menu.Item>
      <Menu.Item onClick={() => void startCapture(services, `bridge:${name}`)}>{t("capture.start")}</Menu.Item>
      {bridge.enabled && <Menu.Item onClick={() => edit(t("net.done.bridge", { name }), setBridge(doc, name, { enabled: false }))}>{t("bridge.turnOff")}</Menu.Item>}
      <Menu.Divider />
      <Menu.Item
        color="red"
        onClick={() => {
          select(null);
          edit(t("net.done.bridgeRemoved", { name }), removeBridge(doc, name));
        }}
      >
        {t("bridge.remove")}
      </Menu.Item>
    </>
  );
}

function SwitchItems({ name }: { name: string }) {
  const { t } = useTranslation();
  const { doc, edit, select } = useNetworkUi();
  return (
    <>
      <Menu.Item onClick={() => select(`switch:${name}`)}>{t("net.details")}</Menu.Item>
      <Menu.Item onClick={() => edit(t("net.done.vlanAdded", { vlan: freeVlan(doc, name), name }), addVlan(doc, name))}>{t("net.addVlan")}</Menu.Item>
      <Menu.Divider />
      <Menu.Item
        color="red"
        onClick={() => {
          select(null);
          edit(t("net.done.switchRemoved", { name }), removeSwitch(doc, name));
        }}
      >
        {t("net.removeSwitch")}
      </Menu.Item>
    </>
  );
}

function VlanItems({ name, vlan }: { name: string; vlan: number }) {
  const { t } = useTranslation();
  const { doc, edit, select } = useNetworkUi();
  const hasGateway = doc.topology.gateways.some((g) => g.switch === name && g.vlan === vlan);
  return (
    <>
      <Menu.Item onClick={() => select(`vlan:${name}/${vlan}`)}>{t("net.details")}</Menu.Item>
      <Menu.Item disabled={hasGateway} onClick={() => edit(t("net.done.gatewayAdded", { vlan }), addGateway(doc, name, vlan))}>
        {t("net.addGateway")}
      </Menu.Item>
      <Menu.Item onClick={() => edit(t("net.done.bridgeAdded", { vlan }), addBridge(doc, name, vlan))} data-testid="menu-bridge">
        {t("net.addBridge")}
      </Menu.Item>
      <Menu.Divider />
      <Menu.Item
        color="red"
        onClick={() => {
          select(`switch:${name}`);
          edit(t("net.done.vlanRemoved", { vlan }), removeVlan(doc, name, vlan));
        }}
      >
        {t("net.removeVlan", { vlan })}
      </Menu.Item>
    </>
  );
}
