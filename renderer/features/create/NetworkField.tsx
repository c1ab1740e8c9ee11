// The network of a new machine.
import { Select } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useNetwork } from "../../app/services.ts";
import { defaultNetwork, optionsOf } from "./network-choice.ts";
import type { Change, Draft } from "./wizard-state.ts";

export function NetworkField({ draft, change }: { draft: Draft; change: (change: Change) => void }) {
  const { t } = useTranslation();
  const topology = useNetwork((state) => state.topology);
  const loaded = useNetwork((state) => state.loaded);
  const value = draft.network ?? defaultNetwork(topology, loaded);
  if (!loaded) return null;
  const named = (vlan: number): string => topology.vlanNames[String(vlan)] ?? "";
  return (
    <Select
      label={t("create.network")}
      {...(value === "nat" ? { description: t("create.network.natHint") } : {})}
      data={[
        ...optionsOf(topology).map((option) => ({
          value: option.value,
          label: [t("net.onVlan", { switch: option.switch, vlan: option.vlan }), named(option.vlan), option.hasNat ? t("net.nat") : t("net.closed")].filter((part) => part !== "").join(" · "),
        })),
        { value: "nat", label: t("create.network.nat") },
        { value: "none", label: t("create.network.none") },
      ]}
      value={value}
      onChange={(network) => network !== null && change({ type: "network", network })}
      data-testid="create-network"
    />
  );
}
