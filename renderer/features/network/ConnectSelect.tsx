// Where a card leads, chosen from a list: every VLAN of every switch, a trunk to a switch, or nowhere. The drag's twin for the
// keyboard; machine settings and the wizard have it too.
import { Select } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { NicConnection } from "../../../core/api/network.ts";
import type { NetworkDoc } from "./network-doc.ts";
import { vlanName, vlansOf } from "./network-doc.ts";

interface Props {
  doc: NetworkDoc;
  value: NicConnection | null;
  onChange: (connection: NicConnection | null) => void;
  label: string;
  /** The label is for screen readers only. */
  isBare?: boolean;
  /** It leads somewhere in any case. */
  isJoined?: boolean;
  testId?: string;
}

/** Of a connection, as the value of an option. */
export const connectionValue = (connection: NicConnection | null): string =>
  connection === null ? "none" : connection.vlans.mode === "access" ? `${connection.switch}/${connection.vlans.vlan}` : `${connection.switch}/trunk`;

export function ConnectSelect({ doc, value, onChange, label, isBare = false, isJoined = false, testId }: Props) {
  const { t } = useTranslation();
  const choose = (chosen: string | null): void => {
    if (chosen === null || chosen === connectionValue(value)) return;
    if (chosen === "none") onChange(null);
    else {
      const slash = chosen.lastIndexOf("/");
      const [name, vlan] = [chosen.slice(0, slash), chosen.slice(slash + 1)];
      onChange({ switch: name, vlans: vlan === "trunk" ? { mode: "trunk", allowed: "all" } : { mode: "access", vlan: Number(vlan) } });
    }
  };
  return (
    <Select
      {...(isBare ? { "aria-label": label } : { label })}
      data={[
        ...(isJoined ? [] : [{ value: "none", label: t("net.nowhere") }]),
        ...doc.topology.switches.map(({ name }) => ({
          group: name,
          items: [
            ...vlansWith(doc, name, value).map((vlan) => ({ value: `${name}/${vlan}`, label: vlanLabel(vlanName(doc, vlan), t("net.onVlan", { switch: name, vlan })) })),
            { value: `${name}/trunk`, label: t("net.onTrunk", { switch: name }) },
          ],
        })),
      ]}
      value={connectionValue(value)}
      onChange={choose}
      maxDropdownHeight={320}
      {...(testId === undefined ? {} : { "data-testid": testId })}
    />
  );
}

const vlanLabel = (name: string, place: string): string => (name === "" ? place : `${place} · ${name}`);

/** A switch that has gone may still be what the card is set to. */
function vlansWith(doc: NetworkDoc, name: string, value: NicConnection | null): number[] {
  const vlans = vlansOf(doc, name);
  if (value?.switch !== name || value.vlans.mode !== "access" || vlans.includes(value.vlans.vlan)) return vlans;
  return [...vlans, value.vlans.vlan].sort((a, b) => a - b);
}
