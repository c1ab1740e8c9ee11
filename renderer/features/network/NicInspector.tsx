// One card of a machine: where it leads, whether the cable is in, what goes wrong on the link, what the port allows.
import { Button, Select, Switch } from "@mantine/core";
import { RefreshCw } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { Nic, NicConnection } from "../../../core/api/network.ts";
import { NIC_MODELS } from "../../../core/api/network.ts";
import { useMachines, useNetwork, useServices } from "../../app/services.ts";
import { PendingMark } from "../hardware/PendingMark.tsx";
import { startCapture } from "./network-actions.ts";
import { NumberField, TextField } from "./CommitField.tsx";
import { ConnectSelect } from "./ConnectSelect.tsx";
import { connectNic, parseVlans, removeNic, setCable, setFaults, setGuards, setNic, vlansText } from "./edits.ts";
import { FaultFields, GuardFields, LinkCounters } from "./LinkFields.tsx";
import type { DocMachine } from "./network-doc.ts";
import { leasesOf, newMac, Refusal } from "./network-doc.ts";
import { useNetworkUi } from "./network-ui.ts";
import { RemoveButton } from "./RemoveButton.tsx";

export function NicInspector({ machine, nic }: { machine: DocMachine; nic: Nic }) {
  const { t } = useTranslation();
  const services = useServices();
  const { doc, edit } = useNetworkUi();
  const record = useMachines((state) => state.machines[machine.id]);
  const leases = useNetwork((state) => state.leases);
  const [lease] = leasesOf(doc, leases, nic);
  const link = `${machine.id}/${nic.id}`;
  const name = t("net.cardOf", { name: machine.name, card: nic.id });
  const change = (changes: Partial<Nic>): void => edit(t("net.done.card", { name }), setNic(doc, machine.id, nic.id, changes));
  return (
    <>
      {lease !== undefined && (
        <p className="rf-net-lease">
          <span className="rf-mono">{lease.address}</span> <span className="rf-dim">{t("net.leased", { gateway: lease.gateway })}</span>
        </p>
      )}
      <ConnectSelect
        doc={doc}
        value={nic.connection}
        label={t("net.connectTo")}
        onChange={(to) => edit(t("net.done.connected", { name }), connectNic(doc, machine.id, nic.id, to))}
        testId="nic-connect"
      />
      {nic.connection?.vlans.mode === "trunk" && <NicTrunkFields connection={nic.connection} onChange={(connection) => change({ connection })} />}
      <Switch
        size="xs"
        label={t("net.cable")}
        checked={nic.cable}
        onChange={(event) => edit(t(event.currentTarget.checked ? "net.done.plugged" : "net.done.unplugged", { name }), setCable(doc, link, event.currentTarget.checked))}
        data-testid="nic-cable"
      />
      <LinkCounters link={link} />
      <Button onClick={() => void startCapture(services, link)} data-testid="capture-start">
        {t("capture.start")}
      </Button>
      <FaultFields faults={nic.faults} onChange={(faults) => edit(t("net.done.faults", { name }), setFaults(doc, link, faults))} />
      <GuardFields guards={nic.guards} onChange={(guards) => edit(t("net.done.guards", { name }), setGuards(doc, machine.id, nic.id, guards))} />
      <fieldset className="rf-net-fields">
        <legend>
          {t("nic.title")} {record !== undefined && <PendingMark machine={record} part="nics" />}
        </legend>
        <Select
          label={t("nic.model")}
          data={NIC_MODELS.map((value) => ({ value, label: t(`nic.model.${value}`) }))}
          value={nic.model}
          onChange={(value) => {
            const model = NIC_MODELS.find((m) => m === value);
            if (model !== undefined && model !== nic.model) change({ model });
          }}
        />
        <div className="rf-net-row">
          <TextField label={t("nic.mac")} value={nic.mac} isMono maxLength={17} onCommit={(mac) => change({ mac: mac.toLowerCase() })} />
          <Button leftSection={<RefreshCw size={13} aria-hidden="true" />} onClick={() => change({ mac: newMac(doc, Math.random) })}>
            {t("nic.newMac")}
          </Button>
        </div>
      </fieldset>
      <RemoveButton done={t("net.done.cardRemoved", { name })} remove={() => removeNic(doc, machine.id, nic.id)} next={`vm:${machine.id}`}>
        {t("nic.remove")}
      </RemoveButton>
    </>
  );
}

export function NicTrunkFields({ connection, onChange }: { connection: NicConnection; onChange: (connection: NicConnection) => void }) {
  const { t } = useTranslation();
  const { edit } = useNetworkUi();
  const { vlans } = connection;
  if (vlans.mode !== "trunk") return null;
  return (
    <div className="rf-net-row">
      <TextField
        label={t("net.allowed")}
        value={vlans.allowed === "all" ? "all" : vlansText(vlans.allowed)}
        placeholder="10, 20-29"
        onCommit={(text) => {
          const allowed = parseVlans(text);
          if (allowed === null) edit("", new Refusal("vlanWrong"));
          else onChange({ ...connection, vlans: { ...vlans, allowed } });
        }}
      />
      <NumberField
        label={t("net.native")}
        value={vlans.native}
        min={1}
        max={4094}
        onCommit={(native) => {
          const { native: _old, ...rest } = vlans;
          onChange({ ...connection, vlans: native === undefined ? rest : { ...rest, native } });
        }}
      />
    </div>
  );
}
