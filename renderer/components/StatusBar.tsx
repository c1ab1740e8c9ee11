// The line at the bottom: connection, machines, host, host key.
import { useTranslation } from "react-i18next";
import { useHost, useMachines, usePreference, useServices } from "../app/services.ts";
import { hostKeyName } from "../console/host-key.ts";
import { formatNumber } from "../i18n/format.ts";

export function StatusBar() {
  const { t, i18n } = useTranslation();
  const { isMac } = useServices();
  const info = useHost((state) => state.info);
  const connection = useHost((state) => state.connection.state);
  const count = useMachines((state) => Object.keys(state.machines).length);
  const running = useMachines((state) => Object.values(state.machines).filter((m) => m.status === "running").length);
  const hostKey = usePreference("hostKey");
  const gib = (mib: number): string => formatNumber(mib / 1024, i18n.language, 1);
  return (
    <footer className="rf-bar">
      <span data-connection={connection}>
        {t(connection === "open" ? "connection.open" : connection === "connecting" ? "connection.connecting" : "connection.lostShort")}
      </span>
      <span>{t("library.summary", { count, running })}</span>
      <span className="rf-bar-gap" />
      {info !== null && (
        <span>{t("bar.host", { count: info.hostCores, free: gib(info.hostFreeMemoryMiB), total: gib(info.hostMemoryMiB) })}</span>
      )}
      <span>{t("bar.hostKey", { key: hostKeyName(hostKey, isMac) })}</span>
    </footer>
  );
}
