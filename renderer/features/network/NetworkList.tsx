// The same network as a list, for the keyboard, for screen readers, and for those who read faster than they look: switches with
// their VLANs, gateways and machines; every machine's cards with where they lead.
import { ActionIcon } from "@mantine/core";
import { Cable, Ellipsis, EthernetPort, Network, Router, Unplug, Zap } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { BridgeConfig } from "../../../core/api/network.ts";
import { useNetwork } from "../../app/services.ts";
import { StatusShape } from "../../components/StatusMark.tsx";
import { ConnectSelect } from "./ConnectSelect.tsx";
import { connectNic, moveMachine, vlansText } from "./edits.ts";
import { bridgeState, formatRate, hasFaults } from "./link-text.ts";
import type { DocMachine } from "./network-doc.ts";
import { hueOf, isOnVlan, joinedNics, leasesOf, vlanName, vlansOf } from "./network-doc.ts";
import { useNetworkUi } from "./network-ui.ts";

export function NetworkList() {
  const { t } = useTranslation();
  const { doc } = useNetworkUi();
  const { switches, trunks, gateways, bridges } = doc.topology;
  return (
    <div className="rf-net-list" data-testid="net-list">
      {switches.map(({ name }) => (
        <section key={name} className="rf-panel" aria-label={t("net.switchNamed", { name })}>
          <header>
            <Pick what={`switch:${name}`}>
              <Network size={15} aria-hidden="true" /> {name}
            </Pick>
            <MenuButton what={`switch:${name}`} name={name} />
          </header>
          <ul>
            {trunks
              .filter((trunk) => trunk.ends.includes(name))
              .map((trunk) => (
                <li key={trunk.name} className="rf-net-list-row">
                  <Pick what={`link:trunk:${trunk.name}`}>
                    <Cable size={14} aria-hidden="true" /> {t("net.trunkTo", { name: trunk.ends[0] === name ? trunk.ends[1] : trunk.ends[0] })}
                  </Pick>
                  <span className="rf-dim">{trunk.allowed === "all" ? t("net.allVlans") : vlansText(trunk.allowed)}</span>
                  <LinkMarks link={`trunk:${trunk.name}`} />
                  <MenuButton what={`link:trunk:${trunk.name}`} name={trunk.name} />
                </li>
              ))}
            {bridges.filter((bridge) => bridge.switch === name && bridge.vlans.mode === "trunk").map((bridge) => <BridgeRow key={bridge.name} bridge={bridge} />)}
            {vlansOf(doc, name).map((vlan) => {
              const title = vlanName(doc, vlan);
              const on = (connection: DocMachine["nics"][number]["connection"]): boolean =>
                connection?.switch === name && connection.vlans.mode === "access" && connection.vlans.vlan === vlan;
              return (
                <li key={vlan} className="rf-net-list-vlan" data-hue={hueOf(vlan)}>
                  <div className="rf-net-list-row">
                    <Pick what={`vlan:${name}/${vlan}`}>
                      <span className="rf-net-tag">{vlan}</span> {title === "" ? t("net.vlanNumber", { vlan }) : title}
                    </Pick>
                    <MenuButton what={`vlan:${name}/${vlan}`} name={t("net.vlanNumber", { vlan })} />
                  </div>
                  <ul>
                    {gateways
                      .filter((g) => g.switch === name && g.vlan === vlan)
                      .map((gateway) => (
                        <li key={gateway.name} className="rf-net-list-row">
                          <Pick what={`gateway:${gateway.name}`}>
                            <Router size={14} aria-hidden="true" /> {gateway.name}
                          </Pick>
                          <span className="rf-mono">{gateway.network}</span>
                          <LinkMarks link={`gateway:${gateway.name}`} />
                          <MenuButton what={`gateway:${gateway.name}`} name={gateway.name} />
                        </li>
                      ))}
                    {bridges.filter((bridge) => isOnVlan(bridge, name, vlan)).map((bridge) => <BridgeRow key={bridge.name} bridge={bridge} />)}
                    {doc.machines.flatMap((machine) =>
                      machine.nics.filter((nic) => on(nic.connection)).map((nic) => <CardRow key={`${machine.id}/${nic.id}`} machine={machine} nic={nic} />),
                    )}
                  </ul>
                </li>
              );
            })}
            {doc.machines.flatMap((machine) =>
              machine.nics
                .filter((nic) => nic.connection?.switch === name && nic.connection.vlans.mode === "trunk")
                .map((nic) => <CardRow key={`${machine.id}/${nic.id}`} machine={machine} nic={nic} />),
            )}
          </ul>
        </section>
      ))}
      <section className="rf-panel" aria-label={t("net.shelf")}>
        <header>
          <h2>{t("net.shelf")}</h2>
        </header>
        <ul>
          {doc.machines.flatMap((machine) => {
            const loose = machine.nics.filter((nic) => nic.connection === null);
            if (machine.nics.length === 0) return [<LooseRow key={machine.id} machine={machine} />];
            return loose.map((nic) => <CardRow key={`${machine.id}/${nic.id}`} machine={machine} nic={nic} />);
          })}
        </ul>
        {doc.machines.every((machine) => machine.nics.length > 0 && joinedNics(machine).length === machine.nics.length) && <p className="rf-dim">{t("net.allConnected")}</p>}
      </section>
    </div>
  );
}

function Pick({ what, children }: { what: string; children: React.ReactNode }) {
  const { selected, select } = useNetworkUi();
  return (
    <button type="button" className="rf-net-pick" aria-pressed={selected === what} onClick={() => select(what)}>
      {children}
    </button>
  );
}

function MenuButton({ what, name }: { what: string; name: string }) {
  const { t } = useTranslation();
  const { select, openMenu } = useNetworkUi();
  return (
    <ActionIcon
      size="sm"
      aria-label={t("net.menuOf", { name })}
      title={t("net.menuOf", { name })}
      onClick={(event) => {
        const box = event.currentTarget.getBoundingClientRect();
        select(what);
        openMenu(what, box.left, box.bottom);
      }}
    >
      <Ellipsis size={14} aria-hidden="true" />
    </ActionIcon>
  );
}

function BridgeRow({ bridge }: { bridge: BridgeConfig }) {
  const { t } = useTranslation();
  const bridges = useNetwork((state) => state.bridges);
  const { name } = bridge;
  return (
    <li className="rf-net-list-row" data-testid={`row-bridge-${name}`}>
      <Pick what={`bridge:${name}`}>
        <EthernetPort size={14} aria-hidden="true" /> {name}
      </Pick>
      <span className="rf-mono">{bridge.interface}</span>
      <span className="rf-dim">{t(`bridge.state.${bridgeState(bridge, bridges)}`)}</span>
      <LinkMarks link={`bridge:${name}`} />
      <MenuButton what={`bridge:${name}`} name={name} />
    </li>
  );
}

function LinkMarks({ link }: { link: string }) {
  const { t, i18n } = useTranslation();
  const rate = useNetwork((state) => state.rates[link]);
  const stats = useNetwork((state) => state.links[link]);
  const bits = (rate?.received ?? 0) + (rate?.sent ?? 0);
  return (
    <span className="rf-net-rate">
      {stats?.blocked === true ? t("net.blocked") : stats !== undefined && !stats.up ? t("net.down") : formatRate(bits, i18n.language)}
    </span>
  );
}

function CardRow({ machine, nic }: { machine: DocMachine; nic: DocMachine["nics"][number] }) {
  const { t } = useTranslation();
  const { doc, edit } = useNetworkUi();
  const leases = useNetwork((state) => state.leases);
  const [lease] = leasesOf(doc, leases, nic);
  const link = `${machine.id}/${nic.id}`;
  const name = t("net.cardOf", { name: machine.name, card: nic.id });
  return (
    <li className="rf-net-list-row" data-testid={`row-${machine.name}-${nic.id}`}>
      <Pick what={`link:${link}`}>
        <StatusShape status={machine.status} size={11} />
        <span className="rf-visually-hidden">{t(`status.${machine.status}`)}</span> {machine.name} <span className="rf-dim">{nic.id}</span>
      </Pick>
      <span className="rf-mono">{lease?.address}</span>
      {hasFaults(nic.faults) && <Zap size={13} aria-label={t("net.faulty")} className="rf-net-fault" />}
      {!nic.cable && <Unplug size={13} aria-label={t("net.unplugged")} className="rf-net-fault" />}
      <LinkMarks link={link} />
      <ConnectSelect isBare doc={doc} value={nic.connection} label={t("net.connectCard", { name })} onChange={(to) => edit(t("net.done.connected", { name }), connectNic(doc, machine.id, nic.id, to))} testId={`connect-${machine.name}-${nic.id}`} />
      <MenuButton what={`link:${link}`} name={name} />
    </li>
  );
}

/** A machine without any card gets one by being connected. */
function LooseRow({ machine }: { machine: DocMachine }) {
  const { t } = useTranslation();
  const { doc, edit } = useNetworkUi();
  return (
    <li className="rf-net-list-row">
      <Pick what={`vm:${machine.id}`}>
        <StatusShape status={machine.status} size={11} />
        <span className="rf-visually-hidden">{t(`status.${machine.status}`)}</span> {machine.name}
      </Pick>
      <span className="rf-dim">{t("net.noCard")}</span>
      <ConnectSelect isBare doc={doc} value={null} label={t("net.connectCard", { name: machine.name })} onChange={(to) => edit(t("net.done.connected", { name: machine.name }), moveMachine(doc, machine.id, to, Math.random))} />
      <MenuButton what={`vm:${machine.id}`} name={machine.name} />
    </li>
  );
}
