// The network cards of a machine: where each leads and whether its cable is in, which change at once, and which cards there are,
// which waits for the next start of a machine that is on.
import { ActionIcon, Button, Select, Switch, Tooltip } from "@mantine/core";
import { EthernetPort, Network, Plus, RefreshCw, Trash2 } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { Nic } from "../../../core/api/network.ts";
import { NIC_MODELS, NICS_MAX } from "../../../core/api/network.ts";
import { updateMachine } from "../../app/actions.ts";
import { useMachines, useNetwork, useServices } from "../../app/services.ts";
import { Panel } from "../../components/Panel.tsx";
import { addNotice } from "../../state/notices.ts";
import { TextField } from "../network/CommitField.tsx";
import { ConnectSelect } from "../network/ConnectSelect.tsx";
import { addNic } from "../network/edits.ts";
import { edit } from "../network/network-actions.ts";
import { docOf, machineOf, newMac, Refusal } from "../network/network-doc.ts";
import type { HardwareProps } from "./HardwareTab.tsx";
import { PendingMark } from "./PendingMark.tsx";

export function NicsPanel({ machine, config }: HardwareProps) {
  const { t } = useTranslation();
  const services = useServices();
  const topology = useNetwork((state) => state.topology);
  const machines = useMachines((state) => state.machines);
  const doc = docOf(topology, machines);
  const { nics } = config;
  const save = (wanted: readonly Nic[]): void => void updateMachine(services, machine, { nics: [...wanted] });
  const change = (nic: Nic, fields: Partial<Nic>): void => save(nics.map((n) => (n.id === nic.id ? { ...n, ...fields } : n)));
  const add = (): void => {
    const first = topology.gateways.find((g) => g.nat) ?? topology.gateways[0];
    const connection = first === undefined ? null : ({ switch: first.switch, vlans: { mode: "access", vlan: first.vlan } } as const);
    const edited = addNic(doc, machine.id, connection, Math.random);
    if (edited instanceof Refusal) void edit(services, "", edited);
    else save(machineOf(edited, machine.id)?.nics ?? nics);
  };
  const remove = (nic: Nic): void => {
    save(nics.filter((n) => n.id !== nic.id));
    addNotice(services.notices, { level: "info", title: t("nic.removed", { name: nic.id }), action: { label: t("common.undo"), run: () => save(nics) } });
  };
  return (
    <Panel
      title={t("nic.panel")}
      width="full"
      aside={
        <span className="rf-panel-tools">
          <PendingMark machine={machine} part="nics" />
          <Button
            size="compact-xs"
            leftSection={<Network size={13} aria-hidden="true" />}
            onClick={() => services.view.setState({ page: "networks", networkSelected: `vm:${machine.id}` })}
          >
            {t("nic.showNetwork")}
          </Button>
          <Button size="compact-xs" leftSection={<Plus size={13} aria-hidden="true" />} disabled={nics.length >= NICS_MAX} onClick={add} aria-label={t("nic.add")} data-testid="add-nic">
            {t("nic.addShort")}
          </Button>
        </span>
      }
    >
      {nics.length === 0 && <p className="rf-dim">{t("nic.none")}</p>}
      <ul className="rf-nics">
        {nics.map((nic) => (
          <li key={nic.id} className="rf-nic" data-testid={`nic-${nic.id}`}>
            <EthernetPort size={20} aria-hidden="true" />
            <strong>{nic.id}</strong>
            <ConnectSelect isBare doc={doc} value={nic.connection} label={t("net.connectCard", { name: nic.id })} onChange={(connection) => change(nic, { connection })} testId={`nic-${nic.id}-connect`} />
            <Select
              aria-label={t("nic.modelOf", { name: nic.id })}
              data={NIC_MODELS.map((value) => ({ value, label: t(`nic.model.${value}`) }))}
              value={nic.model}
              onChange={(value) => {
                const model = NIC_MODELS.find((m) => m === value);
                if (model !== undefined && model !== nic.model) change(nic, { model });
              }}
              data-testid={`nic-${nic.id}-model`}
            />
            <span className="rf-nic-mac">
              <TextField isBare isMono label={t("nic.macOf", { name: nic.id })} value={nic.mac} maxLength={17} onCommit={(mac) => change(nic, { mac: mac.toLowerCase() })} />
              <Tooltip label={t("nic.newMacOf", { name: nic.id })}>
                <ActionIcon aria-label={t("nic.newMacOf", { name: nic.id })} onClick={() => change(nic, { mac: newMac(doc, Math.random) })}>
                  <RefreshCw size={14} aria-hidden="true" />
                </ActionIcon>
              </Tooltip>
            </span>
            <span className="rf-nic-mac">
              <Switch size="xs" label={t("nic.plugged")} checked={nic.cable} onChange={(event) => change(nic, { cable: event.currentTarget.checked })} />
              <Tooltip label={t("nic.removeNamed", { name: nic.id })}>
                <ActionIcon aria-label={t("nic.removeNamed", { name: nic.id })} onClick={() => remove(nic)}>
                  <Trash2 size={15} aria-hidden="true" />
                </ActionIcon>
              </Tooltip>
            </span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
