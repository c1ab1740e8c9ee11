// The right side for one machine: name and state, power, then its tabs. A folder that cannot be read has neither.
import { Tabs } from "@mantine/core";
import { Cpu, LayoutDashboard, SquareTerminal } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { VmRecord } from "../../../core/api/vm-state.ts";
import { useServices, useView } from "../../app/services.ts";
import { StatusMark } from "../../components/StatusMark.tsx";
import { machineName } from "../../state/machines.ts";
import { TABS } from "../../state/view.ts";
import { ConsoleTab } from "../console/ConsoleTab.tsx";
import { HardwareTab } from "../hardware/HardwareTab.tsx";
import { BrokenPanel } from "./BrokenPanel.tsx";
import { FailurePanel } from "./FailurePanel.tsx";
import { OverviewTab } from "./OverviewTab.tsx";
import { PowerBar } from "./PowerBar.tsx";

export function DetailsPane({ machine }: { machine: VmRecord }) {
  const { t } = useTranslation();
  const { view } = useServices();
  const tab = useView((state) => state.tab);
  const name = machineName(machine);
  return (
    <main id="main" className="rf-main" tabIndex={-1} data-testid="details">
      <header className="rf-head">
        <div className="rf-head-name">
          <h1 title={name}>{name}</h1>
          <StatusMark status={machine.status} />
        </div>
        <PowerBar machine={machine} />
      </header>
      {machine.status !== "broken" && machine.failure !== null && <FailurePanel machine={machine} failure={machine.failure} />}
      {machine.config === null ? (
        <BrokenPanel machine={machine} />
      ) : (
        <Tabs
          className="rf-tabs"
          value={tab}
          onChange={(value) => view.setState({ tab: TABS.find((name) => name === value) ?? "overview" })}
          keepMounted={false}
        >
          <Tabs.List aria-label={t("details.tabs", { name })}>
            <Tabs.Tab value="overview" leftSection={<LayoutDashboard size={14} aria-hidden="true" />}>
              {t("details.overview")}
            </Tabs.Tab>
            <Tabs.Tab value="console" leftSection={<SquareTerminal size={14} aria-hidden="true" />}>
              {t("details.console")}
            </Tabs.Tab>
            <Tabs.Tab value="hardware" leftSection={<Cpu size={14} aria-hidden="true" />}>
              {t("details.hardware")}
            </Tabs.Tab>
          </Tabs.List>
          <Tabs.Panel value="overview" className="rf-tab-scroll">
            <OverviewTab machine={machine} config={machine.config} />
          </Tabs.Panel>
          <Tabs.Panel value="hardware" className="rf-tab-scroll">
            <HardwareTab machine={machine} config={machine.config} />
          </Tabs.Panel>
          <Tabs.Panel value="console" className="rf-tab-fill">
            <ConsoleTab machine={machine} />
          </Tabs.Panel>
        </Tabs>
      )}
    </main>
  );
}
