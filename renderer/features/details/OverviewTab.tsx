// Everything about one machine on one page.
import { useTranslation } from "react-i18next";
import type { VmConfig } from "../../../core/api/vm-config.ts";
import type { VmRecord } from "../../../core/api/vm-state.ts";
import { useServices } from "../../app/services.ts";
import { Panel } from "../../components/Panel.tsx";
import { isOn } from "../../state/power.ts";
import { machineName } from "../../state/machines.ts";
import { Thumbnail } from "../library/Thumbnail.tsx";
import { ActivityPanel } from "./ActivityPanel.tsx";
import { GeneralPanel } from "./GeneralPanel.tsx";
import { SystemPanel } from "./SystemPanel.tsx";

export function OverviewTab({ machine, config }: { machine: VmRecord; config: VmConfig }) {
  const { t } = useTranslation();
  const { view } = useServices();
  const name = machineName(machine);
  return (
    <div className="rf-overview">
      <ActivityPanel machine={machine} />
      <Panel title={t("details.screen")} width="narrow">
        <div className="rf-preview">
          <button type="button" onClick={() => view.setState({ tab: "console" })} aria-label={t("details.screenOpen", { name })}>
            <Thumbnail machine={machine} className="rf-preview-picture" />
          </button>
          {!isOn(machine.status) && <span className="rf-preview-off">{t("details.screenOff")}</span>}
        </div>
      </Panel>
      <SystemPanel machine={machine} config={config} />
      <GeneralPanel machine={machine} config={config} />
    </div>
  );
}
