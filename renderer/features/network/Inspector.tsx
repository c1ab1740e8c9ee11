// The panel for what is selected. With nothing selected it says what can be done, and holds what belongs to no one thing: rules
// between networks, and what the network has to tell.
import { ActionIcon, Button, Select, Switch, Tooltip } from "@mantine/core";
import { Ellipsis, Plus, X } from "lucide-react";
import { useId } from "react";
import { useTranslation } from "react-i18next";
import type { TrunkConfig } from "../../../core/api/network.ts";
import { useMachines, useNetwork, useServices } from "../../app/services.ts";
import { StatusMark } from "../../components/StatusMark.tsx";
import { requestPower } from "../../app/actions.ts";
import { whyNot } from "../../state/power.ts";
import { startCapture } from "./network-actions.ts";
import { NumberField, TextField } from "./CommitField.tsx";
import { ConnectSelect } from "./ConnectSelect.tsx";
import { addNic, connectNic, parseVlans, removeTrunk, setCable, setFaults, setRules, setTrunk, vlansText } from "./edits.ts";
import { BridgeInspector } from "./BridgeInspector.tsx";
import { GatewayInspector } from "./GatewayInspector.tsx";
import { FaultFields, LinkCounters } from "./LinkFields.tsx";
import { linkTitle } from "./link-text.ts";
import type { DocMachine } from "./network-doc.ts";
import { leasesOf, machineOf, Refusal, vlanName, vlansOf } from "./network-doc.ts";
import { useNetworkUi } from "./network-ui.ts";
import { RemoveButton } from "./RemoveButton.tsx";
import { SwitchInspector, VlanInspector } from "./SwitchInspector.tsx";
import { NicInspector } from "./NicInspector.tsx";

interface Shown {
  title: string;
  kind: string;
  body: React.ReactNode;
}

export function Inspector() {
  const { t } = useTranslation();
  const { selected, select, openMenu } = useNetworkUi();
  const id = useId();
  const shown = useShown();
  return (
    <aside className="rf-net-inspector" aria-labelledby={id} data-testid="inspector">
      <header>
        <div>
          <span className="rf-dim">{shown.kind}</span>
          <h2 id={id}>{shown.title}</h2>
        </div>
        {selected !== null && (
          <span className="rf-panel-tools">
            <Tooltip label={t("net.menu")}>
              <ActionIcon
                aria-label={t("net.menu")}
                data-testid="net-menu-button"
                onClick={(event) => {
                  const box = event.currentTarget.getBoundingClientRect();
                  openMenu(selected, box.left, box.bottom);
                }}
              >
                <Ellipsis size={16} aria-hidden="true" />
              </ActionIcon>
            </Tooltip>
            <ActionIcon aria-label={t("net.deselect")} title={t("net.deselect")} onClick={() => select(null)}>
              <X size={16} aria-hidden="true" />
            </ActionIcon>
          </span>
        )}
      </header>
      <div className="rf-net-inspector-body" key={selected}>
        {shown.body}
      </div>
    </aside>
  );
}

function useShown(): Shown {
  const { t } = useTranslation();
  const { doc, selected } = useNetworkUi();
  const nothing: Shown = { title: t("net.title"), kind: t("net.overview"), body: <Overview /> };
  if (selected === null || selected === "internet" || selected === "shelf") return nothing;
  const rest = selected.slice(selected.indexOf(":") + 1);
  if (selected.startsWith("switch:")) {
    if (!doc.topology.switches.some((s) => s.name === rest)) return nothing;
    return { title: rest, kind: t("net.switch"), body: <SwitchInspector name={rest} /> };
  }
  if (selected.startsWith("vlan:")) {
    const slash = rest.lastIndexOf("/");
    const [name, vlan] = [rest.slice(0, slash), Number(rest.slice(slash + 1))];
    if (!vlansOf(doc, name).includes(vlan) || !doc.topology.switches.some((s) => s.name === name)) return nothing;
    const title = vlanName(doc, vlan);
    return { title: title === "" ? t("net.vlanNumber", { vlan }) : title, kind: t("net.onVlan", { switch: name, vlan }), body: <VlanInspector switchName={name} vlan={vlan} /> };
  }
  if (selected.startsWith("vm:")) {
    const machine = machineOf(doc, rest);
    return machine === undefined ? nothing : { title: machine.name, kind: t("net.machine"), body: <MachineInspector machine={machine} /> };
  }
  const gatewayName = selected.startsWith("gateway:") ? rest : selected.startsWith("link:gateway:") ? selected.slice(13) : null;
  if (gatewayName !== null) {
    const gateway = doc.topology.gateways.find((g) => g.name === gatewayName);
    return gateway === undefined ? nothing : { title: gateway.name, kind: t("net.gateway"), body: <GatewayInspector gateway={gateway} /> };
  }
  const bridgeName = selected.startsWith("bridge:") ? rest : selected.startsWith("link:bridge:") ? selected.slice(12) : null;
  if (bridgeName !== null) {
    const bridge = doc.topology.bridges.find((b) => b.name === bridgeName);
    return bridge === undefined ? nothing : { title: bridge.name, kind: t("net.bridge"), body: <BridgeInspector bridge={bridge} /> };
  }
  if (selected.startsWith("link:trunk:")) {
    const trunk = doc.topology.trunks.find((item) => `link:trunk:${item.name}` === selected);
    return trunk === undefined ? nothing : { title: linkTitle(doc, `trunk:${trunk.name}`), kind: t("net.trunk"), body: <TrunkInspector trunk={trunk} /> };
  }
  const [vm = "", nicId] = rest.split("/");
  const machine = machineOf(doc, vm);
  const nic = machine?.nics.find((n) => n.id === nicId);
  if (machine === undefined || nic === undefined) return nothing;
  return { title: linkTitle(doc, rest), kind: t("net.card"), body: <NicInspector machine={machine} nic={nic} /> };
}

function MachineInspector({ machine }: { machine: DocMachine }) {
  const { t } = useTranslation();
  const services = useServices();
  const { doc, edit, select } = useNetworkUi();
  const record = useMachines((state) => state.machines[machine.id]);
  const leases = useNetwork((state) => state.leases);
  return (
    <>
      {record !== undefined && (
        <div className="rf-net-row">
          <StatusMark status={record.status} />
          <span className="rf-bar-gap" />
          {whyNot("start", record.status, false) === null && (
            <Button variant="filled" onClick={() => requestPower(services, record, "start")}>
              {t("power.start")}
            </Button>
          )}
          <Button onClick={() => services.view.setState({ page: "machines", selected: machine.id, tab: "console" })}>{t("library.openConsole")}</Button>
        </div>
      )}
      {machine.nics.map((nic) => {
        const name = t("net.cardOf", { name: machine.name, card: nic.id });
        const [lease] = leasesOf(doc, leases, nic);
        return (
          <fieldset key={nic.id} className="rf-net-fields">
            <legend>
              {nic.id} {lease !== undefined && <span className="rf-mono">{lease.address}</span>}
            </legend>
            <div className="rf-net-row">
              <ConnectSelect isBare doc={doc} value={nic.connection} label={t("net.connectCard", { name })} onChange={(to) => edit(t("net.done.connected", { name }), connectNic(doc, machine.id, nic.id, to))} testId={`connect-${nic.id}`} />
              <Button onClick={() => select(`link:${machine.id}/${nic.id}`)}>{t("net.details")}</Button>
            </div>
          </fieldset>
        );
      })}
      <Button leftSection={<Plus size={12} aria-hidden="true" />} onClick={() => edit(t("net.done.cardAdded", { name: machine.name }), addNic(doc, machine.id, null, Math.random))}>
        {t("nic.add")}
      </Button>
    </>
  );
}

function TrunkInspector({ trunk }: { trunk: TrunkConfig }) {
  const { t } = useTranslation();
  const services = useServices();
  const { doc, edit } = useNetworkUi();
  const link = `trunk:${trunk.name}`;
  const stats = useNetwork((state) => state.links[link]);
  const name = linkTitle(doc, link);
  return (
    <>
      {stats?.blocked === true && <p className="rf-warning">{t("net.blockedText")}</p>}
      <TextField
        label={t("net.allowed")}
        value={trunk.allowed === "all" ? "all" : vlansText(trunk.allowed)}
        description={t("net.allowedHint")}
        placeholder="10, 20-29"
        onCommit={(text) => {
          const allowed = parseVlans(text);
          edit(t("net.done.trunk", { name }), allowed === null ? new Refusal("vlanWrong") : setTrunk(doc, trunk.name, { allowed }));
        }}
        testId="trunk-allowed"
      />
      <Switch size="xs" label={t("net.cable")} checked={trunk.cable} onChange={(event) => edit(t("net.done.trunk", { name }), setCable(doc, link, event.currentTarget.checked))} />
      <LinkCounters link={link} />
      <Button onClick={() => void startCapture(services, link)}>{t("capture.start")}</Button>
      <FaultFields faults={trunk.faults} onChange={(faults) => edit(t("net.done.faults", { name }), setFaults(doc, link, faults))} />
      <RemoveButton done={t("net.done.trunkRemoved", { name })} remove={() => removeTrunk(doc, trunk.name)}>
        {t("net.removeTrunk")}
      </RemoveButton>
    </>
  );
}

const RULE_PROTOCOLS = ["any", "icmp", "tcp", "udp"] as const;

function Overview() {
  const { t } = useTranslation();
  const { doc, edit } = useNetworkUi();
  const events = useNetwork((state) => state.events);
  const { rules, gateways } = doc.topology;
  const [a, b] = gateways;
  const names = gateways.map((g) => g.name);
  const set = (wanted: typeof rules): void => edit(t("net.done.rules"), setRules(doc, wanted));
  return (
    <>
      <p className="rf-dim">{t("net.hint")}</p>
      <fieldset className="rf-net-fields">
        <legend>{t("net.rules")}</legend>
        <p className="rf-dim rf-net-small">{t("net.rulesHint")}</p>
        {rules.map((rule, i) => {
          const change = (fields: Partial<typeof rule>): void => set(rules.map((r, at) => (at === i ? { ...r, ...fields } : r)));
          return (
            // biome-ignore lint/suspicious/noArrayIndexKey: rules have no other name.
            <div key={i} className="rf-net-rule">
              <div>
              <Select aria-label={t("net.ruleFrom")} data={names} value={rule.from} onChange={(from) => from !== null && change({ from })} />
              <span aria-hidden="true">→</span>
              <Select aria-label={t("net.ruleTo")} data={names} value={rule.to} onChange={(to) => to !== null && change({ to })} />
              </div>
              <div>
              <Select
                aria-label={t("gateway.protocol")}
                data={RULE_PROTOCOLS.map((value) => ({ value, label: value === "any" ? t("net.ruleAny") : value.toUpperCase() }))}
                value={rule.protocol}
                onChange={(value) => change({ protocol: RULE_PROTOCOLS.find((p) => p === value) ?? "any" })}
              />
              <NumberField
                isBare
                label={t("net.rulePort")}
                value={rule.port}
                min={1}
                max={65535}
                onCommit={(port) => {
                  const { port: _old, ...rest } = rule;
                  set(rules.map((r, at) => (at === i ? (port === undefined ? rest : { ...rest, port }) : r)));
                }}
              />
              <ActionIcon aria-label={t("net.removeRule")} title={t("net.removeRule")} onClick={() => set(rules.filter((_, at) => at !== i))}>
                <X size={14} aria-hidden="true" />
              </ActionIcon>
              </div>
            </div>
          );
        })}
        <Button
          size="compact-xs"
          leftSection={<Plus size={12} aria-hidden="true" />}
          disabled={a === undefined || b === undefined}
          onClick={() => a !== undefined && b !== undefined && set([...rules, { from: a.name, to: b.name, protocol: "any" }])}
          data-testid="add-rule"
        >
          {t("net.addRule")}
        </Button>
      </fieldset>
      {events.length > 0 && (
        <fieldset className="rf-net-fields">
          <legend>{t("net.events")}</legend>
          {events.slice(-20).map((event, i) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: events have no other name.
            <p key={i} className={event.level === "info" ? "rf-dim rf-net-small" : "rf-warning rf-net-small"}>
              <strong>{event.subject}</strong> {event.message}
            </p>
          ))}
        </fieldset>
      )}
    </>
  );
}
