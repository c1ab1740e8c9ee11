// Says that the app cannot be reached, above everything else, for as long as that lasts.
import { Button } from "@mantine/core";
import { WifiOff } from "lucide-react";
import { useTranslation } from "react-i18next";
import { useHost, useServices } from "../app/services.ts";

/** Attempts after which a restarted host is the likely cause. */
const MANY = 5;

export function ConnectionBanner() {
  const { t } = useTranslation();
  const { bridge } = useServices();
  const connection = useHost((state) => state.connection);
  if (connection.state !== "lost") return null;
  return (
    <div className="rf-banner" role="alert" data-testid="connection-lost">
      <WifiOff size={16} aria-hidden="true" />
      <span>{t(connection.attempt >= MANY ? "connection.lostLong" : "connection.lost")}</span>
      <Button size="compact-xs" onClick={() => bridge.reconnect()}>
        {t("common.retry")}
      </Button>
    </div>
  );
}
