// The power buttons. All are always there, in the same places; those that make no sense now say why.
import { Pause, Play, Power, RotateCcw, Trash2, Zap } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { VmRecord } from "../../../core/api/vm-state.ts";
import { requestPower } from "../../app/actions.ts";
import { useServices, useView } from "../../app/services.ts";
import { BlockedButton } from "../../components/BlockedButton.tsx";
import { machineName } from "../../state/machines.ts";
import type { PowerAction } from "../../state/power.ts";
import { whyNot } from "../../state/power.ts";

const ICONS = { start: Play, pause: Pause, resume: Play, reset: RotateCcw, shutdown: Power, powerOff: Zap, delete: Trash2 } as const;

export function PowerBar({ machine }: { machine: VmRecord }) {
  const { t } = useTranslation();
  const services = useServices();
  const busy = useView((state) => state.busy[machine.id]);
  const { status } = machine;
  // Pause and Resume share a place: only one of them can ever be meant.
  const actions: PowerAction[] = ["start", status === "paused" ? "resume" : "pause", "reset", "shutdown", "powerOff", "delete"];
  const main: PowerAction = status === "paused" ? "resume" : "start";
  return (
    <fieldset className="rf-power" aria-label={t("power.label", { name: machineName(machine) })}>
      {actions.map((action) => {
        const Icon = ICONS[action];
        const reason = whyNot(action, status, busy !== undefined);
        return (
          <BlockedButton
            key={action === "resume" ? "pause" : action}
            testId={`power-${action}`}
            why={reason === null ? null : t(`why.${reason}`)}
            hint={t(`power.hint.${action}`)}
            variant={action === main && reason === null ? "filled" : "default"}
            leftSection={<Icon size={14} aria-hidden="true" />}
            {...(action === "delete" ? { className: "rf-power-delete" } : {})}
            onPress={() => requestPower(services, machine, action)}
          >
            {t(`power.${action}`)}
          </BlockedButton>
        );
      })}
    </fieldset>
  );
}
