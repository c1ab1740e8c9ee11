// All that the wizard is about to make, on one page.
import { Checkbox } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { Fact, Facts } from "../../components/Panel.tsx";
import { useNetwork } from "../../app/services.ts";
import { formatBytes, formatNumber } from "../../i18n/format.ts";
import { connectionOf, defaultNetwork } from "./network-choice.ts";
import type { Change, Draft, Surroundings } from "./wizard-state.ts";
import { bootOrder, drivesOf, systemOf } from "./wizard-state.ts";

interface Props {
  draft: Draft;
  change: (change: Change) => void;
  systems: Surroundings["systems"];
}

export function WizardSummary({ draft, change, systems }: Props) {
  const { t, i18n } = useTranslation();
  const { kind, paths } = draft;
  const topology = useNetwork((state) => state.topology);
  const loaded = useNetwork((state) => state.loaded);
  const network = draft.network ?? defaultNetwork(topology, loaded);
  const connection = connectionOf(network);
  return (
    <div className="rf-fields" data-testid="summary">
      <Facts>
        <Fact name={t("create.name")}>{draft.name.trim()}</Fact>
        {kind === "medium" ? (
          <MediumFacts draft={draft} systems={systems} />
        ) : (
          <Fact name={t("details.boot")}>{t(kind === "demo" ? "details.bootDemo" : "create.kernel")}</Fact>
        )}
        {kind === "kernel" && (
          <>
            <Fact name={t("details.kernel")}>
              <span className="rf-mono">{paths.kernel.trim()}</span>
            </Fact>
            <Fact name={t("details.initrd")}>
              <span className="rf-mono">{paths.initrd.trim() === "" ? t("common.none") : paths.initrd.trim()}</span>
            </Fact>
            <Fact name={t("details.append")}>
              <span className="rf-mono">{draft.append.trim() === "" ? t("common.none") : draft.append.trim()}</span>
            </Fact>
          </>
        )}
        <Fact name={t("details.memory")}>
          {formatNumber(draft.memoryMiB, i18n.language)} {t("common.mib")}
        </Fact>
        <Fact name={t("details.cap")}>{t("common.percent", { value: draft.capPercent })}</Fact>
        {loaded && (
          <Fact name={t("create.network")}>
            {connection?.vlans.mode === "access"
              ? t("net.onVlan", { switch: connection.switch, vlan: connection.vlans.vlan })
              : t(network === "nat" ? "create.network.nat" : "create.network.none")}
          </Fact>
        )}
      </Facts>
      <Checkbox
        size="xs"
        data-first
        label={t("create.startNow")}
        checked={draft.startNow}
        onChange={(event) => change({ type: "startNow", startNow: event.currentTarget.checked })}
      />
    </div>
  );
}

function MediumFacts({ draft, systems }: Omit<Props, "change">) {
  const { t, i18n } = useTranslation();
  const system = systemOf(systems, draft.system);
  const { drives, newDisks } = drivesOf(draft, system);
  return (
    <>
      <Fact name={t("create.system")}>{system?.name ?? t("create.systemUnknown")}</Fact>
      {drives.map((drive) => {
        const made = newDisks.find((disk) => disk.name === drive.path);
        return (
          <Fact key={drive.id} name={t(`drive.${drive.kind}`)}>
            {made === undefined ? (
              <span className="rf-mono">{drive.path ?? t("tray.empty")}</span>
            ) : (
              t("create.newDisk", { size: formatBytes(made.sizeBytes, i18n.language) })
            )}{" "}
            <span className="rf-dim">{t(`controller.${drive.controller}`)}</span>
          </Fact>
        );
      })}
      <Fact name={t("settings.bootOrder")}>{bootOrder(draft).map((device) => t(`drive.${device}`)).join(" → ")}</Fact>
    </>
  );
}
