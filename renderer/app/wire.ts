// Joins the bridge to the stores, once, for the life of the page: machines, notices from the app, host facts, language, and
// what the live region says.
import i18next from "i18next";
import { detectLanguage } from "../i18n/i18n.ts";
import { followMachines, machineName } from "../state/machines.ts";
import { followNetwork } from "../state/network.ts";
import { addNotice, errorNotice } from "../state/notices.ts";
import type { Services } from "./services.ts";

export function wire({ bridge, machines, network, notices, preferences, view, host }: Services): void {
  const readHost = async (): Promise<void> => {
    try {
      host.setState({ info: await bridge.call("app.info", {}) });
    } catch {
      // Read again with the next connection; the wizard does without until then.
    }
  };
  bridge.onConnection((connection) => host.setState({ connection }));
  bridge.onResync(() => void readHost());
  void readHost();
  followMachines(machines, bridge, (error) => {
    // A lost connection has its own banner.
    if (host.getState().connection.state !== "lost") addNotice(notices, errorNotice(i18next.t("notice.list"), error));
  });
  followNetwork(network, bridge);
  bridge.onEvent((event) => {
    if (event.name !== "app.notice") return;
    const { level, code, message, vmId } = event.data;
    const machine = vmId === undefined ? undefined : machines.getState().machines[vmId];
    addNotice(notices, { level, title: machine === undefined ? i18next.t("notice.app") : machineName(machine), code, message });
  });
  machines.subscribe((state, before) => {
    if (!before.loaded || state.machines === before.machines) return;
    for (const machine of Object.values(state.machines)) {
      const old = before.machines[machine.id];
      if (old === undefined || old.status === machine.status) continue;
      const status = i18next.t(`status.${machine.status}`);
      view.setState({ announcement: i18next.t("status.announce", { name: machineName(machine), status }) });
    }
  });
  const applyLanguage = (): void => {
    document.documentElement.lang = i18next.language;
  };
  applyLanguage();
  i18next.on("languageChanged", applyLanguage);
  preferences.subscribe(({ language }) => {
    const wanted = language === "auto" ? detectLanguage(navigator.languages) : language;
    if (wanted !== i18next.language) void i18next.changeLanguage(wanted);
  });
}
