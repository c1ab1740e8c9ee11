// What is shown of a switch that is selected, its ports and VLANs, and of one of its VLANs.
import { ActionIcon, Button, NumberInput } from "@mantine/core";
import { Plus, X } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useNetwork } from "../../app/services.ts";
import { formatBytes, formatNumber } from "../../i18n/format.ts";
import { NumberField, TextField } from "./CommitField.tsx";
import { addBridge, addGateway, addVlan, nameVlan, removeSwitch, removeVlan, renameSwitch, renumberVlan } from "./edits.ts";
import { freeVlan, hueOf, isOnVlan, portsOf, vlanName, vlansOf } from "./network-doc.ts";
import { linkTitle } from "./link-text.ts";
import { useNetworkUi } from "./network-ui.ts";
import { RemoveButton } from "./RemoveButton.tsx";

export function SwitchInspector({ name }: { name: string }) {
  const { t } = useTranslation();
  const { doc, edit, select } = useNetworkUi();
  return (
    <>
      <TextField
        label={t("net.name")}
        value={name}
        maxLength={31}
        onCommit={(wanted) => {
          edit(t("net.done.renamed", { name: wanted }), renameSwitch(doc, name, wanted));
          select(`switch:${wanted}`);
        }}
        testId="switch-name"
      />
      <fieldset className="rf-net-fields">
        <legend>{t("net.vlans")}</legend>
        {vlansOf(doc, name).map((vlan) => (
          <div key={vlan} className="rf-net-vlan-row" data-hue={hueOf(vlan)}>
            <button type="button" className="rf-net-tag" onClick={() => select(`vlan:${name}/${vlan}`)} aria-label={t("net.showVlan", { vlan })}>
              {vlan}
            </button>
            <TextField isBare label={t("net.nameOfVlan", { vlan })} value={vlanName(doc, vlan)} placeholder={t("net.vlanNumber", { vlan })} maxLength={40} onCommit={(text) => edit(t("net.done.vlanNamed", { vlan }), nameVlan(doc, vlan, text))} />
            <ActionIcon
              aria-label={t("net.removeVlan", { vlan })}
              title={t("net.removeVlan", { vlan })}
              onClick={() => edit(t("net.done.vlanRemoved", { vlan }), removeVlan(doc, name, vlan))}
            >
              <X size={14} aria-hidden="true" />
            </ActionIcon>
          </div>
        ))}
        <AddVlan key={vlansOf(doc, name).join()} name={name} />
      </fieldset>
      <Ports name={name} />
      <RemoveButton done={t("net.done.switchRemoved", { name })} remove={() => removeSwitch(doc, name)}>
        {t("net.removeSwitch")}
      </RemoveButton>
    </>
  );
}

/** What is plugged into a switch, with what each has sent and lost. */
function Ports({ name }: { name: string }) {
  const { t, i18n } = useTranslation();
  const { doc, select } = useNetworkUi();
  const links = useNetwork((state) => state.links);
  const ports = portsOf(doc, name);
  const dropped = (link: string): number => Object.values(links[link]?.drops ?? {}).reduce((sum, count) => sum + count, 0);
  if (ports.length === 0) return null;
  return (
    <table className="rf-net-counters">
      <thead>
        <tr>
          <th scope="col">{t("net.port")}</th>
          <th scope="col">{t("net.received")}</th>
          <th scope="col">{t("net.sent")}</th>
          <th scope="col">{t("net.droppedColumn")}</th>
        </tr>
      </thead>
      <tbody>
        {ports.map((link) => (
          <tr key={link}>
            <th scope="row">
              <button type="button" className="rf-net-link" onClick={() => select(`link:${link}`)}>
                {linkTitle(doc, link)}
              </button>
            </th>
            <td>{formatBytes(links[link]?.receivedBytes ?? 0, i18n.language)}</td>
            <td>{formatBytes(links[link]?.sentBytes ?? 0, i18n.language)}</td>
            <td>{formatNumber(dropped(link), i18n.language)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function AddVlan({ name }: { name: string }) {
  const { t } = useTranslation();
  const { doc, edit } = useNetworkUi();
  const [vlan, setVlan] = useState<number | string>(freeVlan(doc, name));
  const number = typeof vlan === "number" ? vlan : 0;
  return (
    <form
      className="rf-net-row"
      onSubmit={(event) => {
        event.preventDefault();
        edit(t("net.done.vlanAdded", { vlan: number, name }), addVlan(doc, name, number));
      }}
    >
      <NumberInput aria-label={t("net.vlanField")} value={vlan} min={1} max={4094} allowDecimal={false} onChange={setVlan} />
      <Button type="submit" leftSection={<Plus size={12} aria-hidden="true" />} data-testid="add-vlan">
        {t("net.addVlan")}
      </Button>
    </form>
  );
}

export function VlanInspector({ switchName, vlan }: { switchName: string; vlan: number }) {
  const { t } = useTranslation();
  const { doc, edit, select } = useNetworkUi();
  const gateway = doc.topology.gateways.find((g) => g.switch === switchName && g.vlan === vlan);
  const bridges = doc.topology.bridges.filter((bridge) => isOnVlan(bridge, switchName, vlan));
  const members = doc.machines.filter((m) => m.nics.some((n) => n.connection?.switch === switchName && n.connection.vlans.mode === "access" && n.connection.vlans.vlan === vlan));
  return (
    <>
      <TextField label={t("net.name")} value={vlanName(doc, vlan)} placeholder={t("net.vlanNumber", { vlan })} maxLength={40} onCommit={(text) => edit(t("net.done.vlanNamed", { vlan }), nameVlan(doc, vlan, text))} testId="vlan-name" />
      <NumberField
        label={t("net.vlanField")}
        value={vlan}
        min={1}
        max={4094}
        onCommit={(wanted) => {
          if (wanted === undefined) return;
          edit(t("net.done.vlanNumbered", { vlan: wanted }), renumberVlan(doc, switchName, vlan, wanted));
          select(`vlan:${switchName}/${wanted}`);
        }}
      />
      <fieldset className="rf-net-fields">
        <legend>{t("net.gateway")}</legend>
        {gateway === undefined ? (
          <Button leftSection={<Plus size={12} aria-hidden="true" />} onClick={() => edit(t("net.done.gatewayAdded", { vlan }), addGateway(doc, switchName, vlan))} data-testid="add-gateway">
            {t("net.addGateway")}
          </Button>
        ) : (
          <Button onClick={() => select(`gateway:${gateway.name}`)}>
            {gateway.name} · {gateway.network}
          </Button>
        )}
      </fieldset>
      <fieldset className="rf-net-fields">
        <legend>{t("net.bridge")}</legend>
        {bridges.map(({ name, interface: to }) => (
          <Button key={name} onClick={() => select(`bridge:${name}`)}>
            {name} · {to}
          </Button>
        ))}
        {bridges.length === 0 && (
          <Button leftSection={<Plus size={12} aria-hidden="true" />} onClick={() => edit(t("net.done.bridgeAdded", { vlan }), addBridge(doc, switchName, vlan))}>
            {t("net.addBridge")}
          </Button>
        )}
      </fieldset>
      <fieldset className="rf-net-fields">
        <legend>{t("net.members", { count: members.length })}</legend>
        {members.map((machine) => (
          <Button key={machine.id} variant="subtle" justify="flex-start" onClick={() => select(`vm:${machine.id}`)}>
            {machine.name}
          </Button>
        ))}
      </fieldset>
      <RemoveButton done={t("net.done.vlanRemoved", { vlan })} remove={() => removeVlan(doc, switchName, vlan)} next={`switch:${switchName}`}>
        {t("net.removeVlan", { vlan })}
      </RemoveButton>
    </>
  );
}
