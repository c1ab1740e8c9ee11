// The way from a switch to the host's own network: through which interface, whether it is joined, and what there is to do where it cannot be.
import { Button, Switch } from "@mantine/core";
import { useId } from "react";
import { useTranslation } from "react-i18next";
import type { BridgeConfig } from "../../../core/api/network.ts";
import { useNetwork, useServices } from "../../app/services.ts";
import { TextField } from "./CommitField.tsx";
import { ConnectSelect } from "./ConnectSelect.tsx";
import { removeBridge, setBridge } from "./edits.ts";
import { LinkCounters } from "./LinkFields.tsx";
import { bridgeState } from "./link-text.ts";
import { NicTrunkFields } from "./NicInspector.tsx";
import { startCapture } from "./network-actions.ts";
import { useNetworkUi } from "./network-ui.ts";
import { RemoveButton } from "./RemoveButton.tsx";

export function BridgeInspector({ bridge }: { bridge: BridgeConfig }) {
  const { t } = useTranslation();
  const services = useServices();
  const { doc, edit, select } = useNetworkUi();
  const { name, vlans, switch: at, interface: to } = bridge;
  const change = (changes: Partial<BridgeConfig>): void => edit(t("net.done.bridge", { name }), setBridge(doc, name, changes));
  return (
    <>
      <TextField
        label={t("net.name")}
        value={name}
        maxLength={31}
        onCommit={(wanted) => {
          change({ name: wanted });
          select(`bridge:${wanted}`);
        }}
      />
      <TextField label={t("bridge.interface")} description={t("bridge.interfaceHint")} value={to} isMono maxLength={15} onCommit={(wanted) => change({ interface: wanted })} testId="bridge-interface" />
      <Switch
        size="xs"
        label={t("bridge.enabled")}
        description={t("bridge.enabledHint")}
        checked={bridge.enabled}
        onChange={(event) => change({ enabled: event.currentTarget.checked })}
        data-testid="bridge-enabled"
      />
      <State bridge={bridge} />
      <ConnectSelect
        doc={doc}
        value={{ switch: at, vlans }}
        label={t("bridge.joins")}
        isJoined
        onChange={(connection) => connection !== null && change({ switch: connection.switch, vlans: connection.vlans })}
        testId="bridge-connect"
      />
      {vlans.mode === "trunk" && <NicTrunkFields connection={{ switch: at, vlans }} onChange={(connection) => change({ vlans: connection.vlans })} />}
      <LinkCounters link={`bridge:${name}`} />
      <Button onClick={() => void startCapture(services, `bridge:${name}`)}>{t("capture.start")}</Button>
      <RemoveButton done={t("net.done.bridgeRemoved", { name })} remove={() => removeBridge(doc, name)}>
        {t("bridge.remove")}
      </RemoveButton>
    </>
  );
}

/** How it stands; what is wrong, and what an administrator does about it. */
function State({ bridge }: { bridge: BridgeConfig }) {
  const { t } = useTranslation();
  const id = useId();
  const bridges = useNetwork((state) => state.bridges);
  const info = bridges.find((each) => each.bridge === bridge.name);
  const state = bridgeState(bridge, bridges);
  const fault = state === "failed" ? (info?.fault ?? null) : null;
  return (
    <div role="status" data-testid="bridge-state" data-state={state}>
      <p className={fault === null ? "rf-dim rf-net-small" : "rf-warning rf-net-small"}>
        {fault === null ? t(`bridge.state.${state}`) : t(`bridge.fault.${fault}`, { interface: bridge.interface })}
      </p>
      {fault !== null && info !== undefined && info.remedy.length > 0 && (
        <>
          <p id={id} className="rf-dim rf-net-small">
            {t("bridge.remedy")}
          </p>
          <ul className="rf-net-remedy rf-mono rf-net-small" aria-labelledby={id}>
            {info.remedy.map((command) => (
              <li key={command}>{command}</li>
            ))}
          </ul>
        </>
      )}
    </div>
  );
}
