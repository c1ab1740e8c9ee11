// The window: activity rail, machine list, the page in the middle, status bar; dialogs and notices above.
import { MantineProvider } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { ConnectionBanner } from "../components/ConnectionBanner.tsx";
import { NoticeCenter } from "../components/NoticeCenter.tsx";
import { StatusBar } from "../components/StatusBar.tsx";
import { ConfirmPower } from "../features/details/ConfirmPower.tsx";
import { CreateWizard } from "../features/create/CreateWizard.tsx";
import { DropTarget } from "../features/create/DropTarget.tsx";
import { DetailsPane } from "../features/details/DetailsPane.tsx";
import { EmptyLibrary } from "../features/library/EmptyLibrary.tsx";
import { MachineList } from "../features/library/MachineList.tsx";
import { NetworksPage } from "../features/network/NetworksPage.tsx";
import { SettingsPage } from "../features/settings/SettingsPage.tsx";
import { TrashPage } from "../features/trash/TrashPage.tsx";
import { shownId } from "../state/view.ts";
import { sortMachines } from "../state/machines.ts";
import { ActivityRail } from "./ActivityRail.tsx";
import { ErrorBoundary } from "./ErrorBoundary.tsx";
import { useMachines, usePreference, useServices, useView } from "./services.ts";
import { theme } from "./theme.ts";

export function App() {
  const scheme = usePreference("theme");
  return (
    <MantineProvider theme={theme} defaultColorScheme="auto" {...(scheme === "auto" ? {} : { forceColorScheme: scheme })}>
      <ErrorBoundary>
        <Shell />
      </ErrorBoundary>
    </MantineProvider>
  );
}

function Shell() {
  const { t } = useTranslation();
  const { view } = useServices();
  const page = useView((state) => state.page);
  const wizard = useView((state) => state.wizard);
  const announcement = useView((state) => state.announcement);
  return (
    <div className="rf-shell">
      <a className="rf-skip" href="#main">
        {t("nav.skip")}
      </a>
      <ConnectionBanner />
      <div className="rf-body">
        <ActivityRail />
        {page === "machines" && <MachinesPage />}
        {page === "networks" && <NetworksPage />}
        {page === "trash" && <TrashPage />}
        {page === "settings" && <SettingsPage />}
      </div>
      <StatusBar />
      <NoticeCenter />
      {wizard !== null && <CreateWizard start={wizard} onClose={() => view.setState({ wizard: null })} />}
      <DropTarget />
      <ConfirmPower />
      <div className="rf-visually-hidden" role="status" aria-live="polite" data-testid="live-region">
        {announcement}
      </div>
    </div>
  );
}

function MachinesPage() {
  const { t } = useTranslation();
  const loaded = useMachines((state) => state.loaded);
  const machines = useMachines((state) => state.machines);
  const selected = useView((state) => state.selected);
  const sorted = sortMachines(machines);
  const id = shownId(
    selected,
    sorted.map((machine) => machine.id),
  );
  const machine = id === null ? undefined : machines[id];
  if (!loaded)
    return (
      <main id="main" className="rf-main rf-center" aria-busy="true">
        {t("library.loading")}
      </main>
    );
  if (machine === undefined) return <EmptyLibrary />;
  return (
    <>
      <MachineList machines={sorted} shown={machine.id} />
      <DetailsPane key={machine.id} machine={machine} />
    </>
  );
}
