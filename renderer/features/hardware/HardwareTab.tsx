// What a machine is made of, to be changed at any time; a machine that is on takes most changes at its next start.
import { Info } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { VmConfig } from "../../../core/api/vm-config.ts";
import type { VmRecord } from "../../../core/api/vm-state.ts";
import { isOn } from "../../state/power.ts";
import { DevicesPanel } from "./DevicesPanel.tsx";
import { DrivesPanel } from "./DrivesPanel.tsx";
import { NicsPanel } from "./NicsPanel.tsx";
import { ProcessorPanel } from "./ProcessorPanel.tsx";
import { StartPanel } from "./StartPanel.tsx";

export interface HardwareProps {
  machine: VmRecord;
  config: VmConfig;
}

export function HardwareTab({ machine, config }: HardwareProps) {
  const { t } = useTranslation();
  return (
    <div className="rf-overview" data-testid="hardware">
      {isOn(machine.status) && (
        <p className="rf-hardware-note">
          <Info size={14} aria-hidden="true" /> {t("hardware.on")}
        </p>
      )}
      <DrivesPanel machine={machine} config={config} />
      <NicsPanel machine={machine} config={config} />
      <StartPanel machine={machine} config={config} />
      <ProcessorPanel machine={machine} config={config} />
      <DevicesPanel machine={machine} config={config} />
    </div>
  );
}
