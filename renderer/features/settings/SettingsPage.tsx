// Choices about this window, and facts about the app.
import { SegmentedControl, Select, Switch } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useHost, usePreference, useServices } from "../../app/services.ts";
import { CopyIcon } from "../../components/CopyIcon.tsx";
import { Fact, Facts, Panel } from "../../components/Panel.tsx";
import { HOST_KEYS, hostKeyName } from "../../console/host-key.ts";
import { formatNumber } from "../../i18n/format.ts";
import { LANGUAGES, THEMES } from "../../state/preferences.ts";

/** Languages name themselves, so that a reader finds theirs in any language. */
const OWN_NAMES = { en: "English", ko: "한국어" } as const;
const THEME_KEYS = { auto: "settings.themeAuto", light: "settings.themeLight", dark: "settings.themeDark" } as const;
const LICENCE = "Apache-2.0";

export function SettingsPage() {
  const { t, i18n } = useTranslation();
  const { preferences, isMac } = useServices();
  const info = useHost((state) => state.info);
  const language = usePreference("language");
  const theme = usePreference("theme");
  const hostKey = usePreference("hostKey");
  const screenReader = usePreference("screenReader");
  const gib = (mib: number): string => `${formatNumber(mib / 1024, i18n.language, 1)} GiB`;
  return (
    <main id="main" className="rf-main rf-page" tabIndex={-1} data-testid="settings">
      <h1>{t("settings.title")}</h1>
      <div className="rf-settings">
        <Panel title={t("settings.appearance")}>
          <Select
            label={t("settings.language")}
            data={LANGUAGES.map((value) => ({ value, label: value === "auto" ? t("settings.languageAuto") : OWN_NAMES[value] }))}
            value={language}
            onChange={(value) => preferences.setState({ language: LANGUAGES.find((l) => l === value) ?? "auto" })}
            data-testid="language"
          />
          <div>
            <span className="rf-label" id="theme-label">
              {t("settings.theme")}
            </span>
            <SegmentedControl
              aria-labelledby="theme-label"
              data={THEMES.map((value) => ({ value, label: t(THEME_KEYS[value]) }))}
              value={theme}
              onChange={(value) => preferences.setState({ theme: THEMES.find((s) => s === value) ?? "auto" })}
              data-testid="theme"
            />
          </div>
        </Panel>
        <Panel title={t("settings.input")}>
          <Select
            label={t("settings.hostKey")}
            description={t("settings.hostKeyHint")}
            data={HOST_KEYS.map((value) => ({ value, label: hostKeyName(value, isMac) }))}
            value={hostKey}
            onChange={(value) => preferences.setState((old) => ({ hostKey: HOST_KEYS.find((k) => k === value) ?? old.hostKey }))}
          />
          <Switch
            size="xs"
            label={t("settings.screenReader")}
            description={t("settings.screenReaderHint")}
            checked={screenReader}
            onChange={(event) => preferences.setState({ screenReader: event.currentTarget.checked })}
          />
        </Panel>
        <Panel title={t("settings.about")}>
          <p className="rf-dim">{t("app.tagline")}</p>
          {info !== null && (
            <Facts>
              <Fact name={t("settings.version")}>{info.version}</Fact>
              <Fact name={t("settings.host")}>{t(`settings.host.${info.host}`)}</Fact>
              <Fact name={t("settings.platform")}>{info.platform}</Fact>
              <Fact name={t("settings.cores")}>{info.hostCores}</Fact>
              <Fact name={t("settings.hostMemory")}>{gib(info.hostMemoryMiB)}</Fact>
              <Fact name={t("settings.library")}>
                <span className="rf-mono">{info.libraryPath}</span> <CopyIcon text={info.libraryPath} label={t("common.copy")} />
              </Fact>
              <Fact name={t("settings.licence")}>{LICENCE}</Fact>
            </Facts>
          )}
        </Panel>
      </div>
    </main>
  );
}
