// The router of a VLAN: its network, whether it leads outside, ports of the host that lead in, fixed addresses, network boot,
// services of the host that guests may reach.
import { ActionIcon, Button, Select, Switch } from "@mantine/core";
import { Plus, X } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { ReactNode } from "react";
import type { GatewayConfig } from "../../../core/api/network.ts";
import { useNetwork, useServices } from "../../app/services.ts";
import { NumberField, TextField } from "./CommitField.tsx";
import { removeGateway, setGateway } from "./edits.ts";
import { LinkCounters } from "./LinkFields.tsx";
import { gatewayAddress, parseNetwork } from "./network-doc.ts";
import { startCapture } from "./network-actions.ts";
import { useNetworkUi } from "./network-ui.ts";
import { RemoveButton } from "./RemoveButton.tsx";

const EXAMPLES = { network6: "fd00:10::/64", folder: "/srv/tftp", bootFile: "ipxe.pxe" };

const PROTOCOLS = [
  { value: "tcp", label: "TCP" },
  { value: "udp", label: "UDP" },
];

export function GatewayInspector({ gateway }: { gateway: GatewayConfig }) {
  const { t } = useTranslation();
  const services = useServices();
  const { doc, edit, select } = useNetworkUi();
  const leases = useNetwork((state) => state.leases);
  const mine = leases.filter((lease) => lease.gateway === gateway.name);
  const { name } = gateway;
  const change = (changes: Partial<GatewayConfig>): void => edit(t("net.done.gateway", { name }), setGateway(doc, name, changes));
  /** Optional fields are left out rather than emptied. */
  const changeText = (field: "network6" | "tftpFolder" | "bootFile", text: string): void => {
    const { [field]: _old, ...rest } = gateway;
    const wanted: GatewayConfig = text === "" ? rest : { ...rest, [field]: text };
    const edited = setGateway({ ...doc, topology: { ...doc.topology, gateways: doc.topology.gateways.map((g) => (g.name === name ? rest : g)) } }, name, wanted);
    edit(t("net.done.gateway", { name }), edited);
  };
  const { forwards, hostServices, reservations } = gateway;
  const without = <T,>(list: readonly T[], at: number): T[] => list.filter((_, i) => i !== at);
  const replaced = <T,>(list: readonly T[], at: number, fields: Partial<T>): T[] => list.map((item, i) => (i === at ? { ...item, ...fields } : item));
  return (
    <>
      <TextField
        label={t("net.name")}
        value={name}
        maxLength={31}
        onCommit={(wanted) => {
          change({ name: wanted });
          select(`gateway:${wanted}`);
        }}
      />
      <TextField label={t("gateway.network")} value={gateway.network} isMono description={t("gateway.address", { address: gatewayAddress(gateway.network) })} onCommit={(network) => change({ network })} testId="gateway-network" />
      <TextField label={t("gateway.network6")} value={gateway.network6 ?? ""} isMono placeholder={EXAMPLES.network6} onCommit={(text) => changeText("network6", text)} />
      <Switch size="xs" label={t("gateway.nat")} description={t("gateway.natHint")} checked={gateway.nat} onChange={(event) => change({ nat: event.currentTarget.checked })} data-testid="gateway-nat" />
      <LinkCounters link={`gateway:${name}`} />
      <Button onClick={() => void startCapture(services, `gateway:${name}`)}>{t("capture.start")}</Button>

      <Group title={t("gateway.leases")}>
        {mine.length === 0 && <p className="rf-dim">{t("gateway.noLeases")}</p>}
        {mine.map((lease) => (
          <div key={lease.mac + lease.address} className="rf-net-lease">
            <span className="rf-mono">{lease.address}</span> {lease.name}
            {!reservations.some((r) => r.mac === lease.mac) && (
              <Button size="compact-xs" onClick={() => change({ reservations: [...reservations, { mac: lease.mac, address: lease.address }] })}>
                {t("gateway.reserve")}
              </Button>
            )}
          </div>
        ))}
      </Group>

      <Group
        title={t("gateway.reservations")}
        addLabel={t("gateway.addReservation")}
        onAdd={() => change({ reservations: [...reservations, { mac: "52:54:00:00:00:00", address: nextAddress(gateway) }] })}
      >
        {reservations.map((reservation, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: rows have no other name.
          <Row key={i} onRemove={() => change({ reservations: without(reservations, i) })} removeLabel={t("gateway.removeRow", { row: reservation.address })}>
            <TextField isBare isMono label={t("nic.mac")} value={reservation.mac} onCommit={(mac) => change({ reservations: replaced(reservations, i, { mac: mac.toLowerCase() }) })} />
            <TextField isBare isMono label={t("gateway.addressField")} value={reservation.address} onCommit={(address) => change({ reservations: replaced(reservations, i, { address }) })} />
          </Row>
        ))}
      </Group>

      <Group
        title={t("gateway.forwards")}
        addLabel={t("gateway.addForward")}
        onAdd={() => change({ forwards: [...forwards, { protocol: "tcp", hostAddress: "127.0.0.1", hostPort: freePort(gateway), guest: mine[0]?.name ?? nextAddress(gateway), guestPort: 22 }] })}
      >
        {forwards.map((forward, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: rows have no other name.
          <Row key={i} onRemove={() => change({ forwards: without(forwards, i) })} removeLabel={t("gateway.removeRow", { row: String(forward.hostPort) })}>
            <Protocol value={forward.protocol} onChange={(protocol) => change({ forwards: replaced(forwards, i, { protocol }) })} />
            <NumberField isBare label={t("gateway.hostPort")} value={forward.hostPort} min={1} max={65535} onCommit={(hostPort) => hostPort !== undefined && change({ forwards: replaced(forwards, i, { hostPort }) })} />
            <TextField isBare isMono label={t("gateway.guest")} value={forward.guest} onCommit={(guest) => guest !== "" && change({ forwards: replaced(forwards, i, { guest }) })} />
            <NumberField isBare label={t("gateway.guestPort")} value={forward.guestPort} min={1} max={65535} onCommit={(guestPort) => guestPort !== undefined && change({ forwards: replaced(forwards, i, { guestPort }) })} />
          </Row>
        ))}
      </Group>

      <Group
        title={t("gateway.services")}
        addLabel={t("gateway.addService")}
        onAdd={() => change({ hostServices: [...hostServices, { protocol: "tcp", port: 8080, hostAddress: "127.0.0.1", hostPort: 8080 }] })}
      >
        {hostServices.map((service, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: rows have no other name.
          <Row key={i} onRemove={() => change({ hostServices: without(hostServices, i) })} removeLabel={t("gateway.removeRow", { row: String(service.port) })}>
            <Protocol value={service.protocol} onChange={(protocol) => change({ hostServices: replaced(hostServices, i, { protocol }) })} />
            <NumberField isBare label={t("gateway.servicePort")} value={service.port} min={1} max={65535} onCommit={(port) => port !== undefined && change({ hostServices: replaced(hostServices, i, { port }) })} />
            <NumberField isBare label={t("gateway.hostPort")} value={service.hostPort} min={1} max={65535} onCommit={(hostPort) => hostPort !== undefined && change({ hostServices: replaced(hostServices, i, { hostPort }) })} />
          </Row>
        ))}
      </Group>

      <Group title={t("gateway.boot")}>
        <TextField label={t("gateway.tftpFolder")} value={gateway.tftpFolder ?? ""} isMono placeholder={EXAMPLES.folder} onCommit={(text) => changeText("tftpFolder", text)} />
        <TextField label={t("gateway.bootFile")} value={gateway.bootFile ?? ""} isMono placeholder={EXAMPLES.bootFile} onCommit={(text) => changeText("bootFile", text)} />
        <TextField label={t("gateway.domain")} value={gateway.domain} isMono onCommit={(domain) => domain !== "" && change({ domain })} />
      </Group>
      <RemoveButton done={t("net.done.gatewayRemoved", { name })} remove={() => removeGateway(doc, name)}>
        {t("gateway.remove")}
      </RemoveButton>
    </>
  );
}

function Group({ title, addLabel, onAdd, children }: { title: string; addLabel?: string; onAdd?: () => void; children?: ReactNode }) {
  return (
    <fieldset className="rf-net-fields">
      <legend>{title}</legend>
      {children}
      {onAdd !== undefined && (
        <Button size="compact-xs" leftSection={<Plus size={12} aria-hidden="true" />} onClick={onAdd}>
          {addLabel}
        </Button>
      )}
    </fieldset>
  );
}

function Row({ onRemove, removeLabel, children }: { onRemove: () => void; removeLabel: string; children: ReactNode }) {
  return (
    <div className="rf-net-table-row">
      {children}
      <ActionIcon aria-label={removeLabel} title={removeLabel} onClick={onRemove}>
        <X size={14} aria-hidden="true" />
      </ActionIcon>
    </div>
  );
}

function Protocol({ value, onChange }: { value: "tcp" | "udp"; onChange: (value: "tcp" | "udp") => void }) {
  const { t } = useTranslation();
  return <Select aria-label={t("gateway.protocol")} data={PROTOCOLS} value={value} w={72} onChange={(v) => onChange(v === "udp" ? "udp" : "tcp")} />;
}

/** An address in the upper half of the network that is not reserved yet. */
function nextAddress({ network, reservations }: GatewayConfig): string {
  const parsed = parseNetwork(network);
  if (parsed === null) return network;
  for (let n = 200; ; n++) {
    const address = gatewayAddress(network).replace(/\d+$/, String(n % 254));
    if (n > 254 || !reservations.some((r) => r.address === address)) return address;
  }
}

function freePort({ forwards }: GatewayConfig): number {
  for (let port = 2222; ; port++) if (!forwards.some((f) => f.hostPort === port)) return port;
}
