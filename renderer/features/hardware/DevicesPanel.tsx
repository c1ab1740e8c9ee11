// Devices that a machine may do without.
import { Switch } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { updateMachine } from "../../app/actions.ts";
import { useServices } from "../../app/services.ts";
import { Panel } from "../../components/Panel.tsx";
import type { HardwareProps } from "./HardwareTab.tsx";
import { PendingMark } from "./PendingMark.tsx";

const DEVICES = ["tablet", "paravirtual", "balloon", "entropy"] as const;

export function DevicesPanel({ machine, config }: HardwareProps) {
  const { t } = useTranslation();
  const services = useServices();
  return (
    <Panel title={t("hardware.devices")} width="full" aside={<PendingMark machine={machine} part="devices" />}>
      <div className="rf-devices">
        {DEVICES.map((device) => (
          <Switch
            key={device}
            size="xs"
            label={t(`device.${device}`)}
            description={t(`device.${device}.hint`)}
            checked={config.devices[device]}
            onChange={(event) => void updateMachine(services, machine, { devices: { ...config.devices, [device]: event.currentTarget.checked } })}
            data-testid={`device-${device}`}
          />
        ))}
      </div>
    </Panel>
  );
}
