// The narrow bar at the left edge: one button for each page.
import { UnstyledButton } from "@mantine/core";
import { Monitor, Network, Settings, Trash2 } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Logo } from "../components/Logo.tsx";
import type { ViewState } from "../state/view.ts";
import { useServices, useView } from "./services.ts";

const PAGES = [
  { page: "machines", icon: Monitor },
  { page: "networks", icon: Network },
  { page: "trash", icon: Trash2 },
  { page: "settings", icon: Settings },
] as const satisfies readonly { page: ViewState["page"]; icon: unknown }[];

export function ActivityRail() {
  const { t } = useTranslation();
  const { view } = useServices();
  const page = useView((state) => state.page);
  return (
    <nav className="rf-rail" aria-label={t("nav.label")}>
      <div className="rf-rail-logo" title={t("app.name")}>
        <Logo size={28} />
      </div>
      {PAGES.map((entry) => (
        <UnstyledButton
          key={entry.page}
          className="rf-rail-button"
          data-page={entry.page}
          aria-current={page === entry.page ? "page" : undefined}
          onClick={() => view.setState({ page: entry.page })}
        >
          <entry.icon size={20} aria-hidden="true" />
          <span>{t(`nav.${entry.page}`)}</span>
        </UnstyledButton>
      ))}
    </nav>
  );
}
