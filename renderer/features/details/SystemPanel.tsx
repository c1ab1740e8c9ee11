// What the machine is made of, at a glance.
import { Button } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { VmConfig } from "../../../core/api/vm-config.ts";
import type { VmRecord } from "../../../core/api/vm-state.ts";
import { useServices } from "../../app/services.ts";
import { Fact, Facts, Panel } from "../../components/Panel.tsx";
import { formatNumber } from "../../i18n/format.ts";
import { fileName } from "../../state/paths.ts";
import { PendingMark } from "../hardware/PendingMark.tsx";

export function SystemPanel({ machine, config }: { machine: VmRecord; config: VmConfig }) {
  const { t, i18n } = useTranslation();
  const { view } = useServices();
  const { boot, cpu, drives } = config;
  return (
    <Panel
      title={t("details.system")}
      aside={
        <Button size="compact-xs" onClick={() => view.setState({ tab: "hardware" })}>
          {t("hardware.change")}
        </Button>
      }
    >
      <Facts>
        <Fact name={t("details.memory")}>
          {formatNumber(config.memoryMiB, i18n.language)} {t("common.mib")} <PendingMark machine={machine} part="memoryMiB" />
        </Fact>
        <Fact name={t("details.cpu")}>
          {t("details.cpuValue", { model: cpu.model })} <PendingMark machine={machine} part="cpuModel" />
        </Fact>
        <Fact name={t("details.engine")}>
          {t(`details.engine.${cpu.engine}`)} <PendingMark machine={machine} part="engine" />
        </Fact>
        <Fact name={t("details.boot")}>
          {boot.kind === "firmware"
            ? boot.order.map((device) => t(`drive.${device}`)).join(" → ")
            : t(boot.kind === "demo" ? "details.bootDemo" : "create.kernel")}{" "}
          <PendingMark machine={machine} part="boot" />
        </Fact>
        {boot.kind === "kernel" && (
          <Fact name={t("details.kernel")}>
            <span className="rf-mono">{boot.kernel}</span>
          </Fact>
        )}
        {drives.map((drive) => (
          <Fact key={drive.id} name={t(`drive.${drive.kind}`)}>
            <span className={drive.path === null ? "rf-dim" : "rf-mono"}>{drive.path === null ? t("tray.empty") : fileName(drive.path)}</span>{" "}
            <span className="rf-dim">{t(`controller.${drive.controller}`)}</span>
          </Fact>
        ))}
      </Facts>
    </Panel>
  );
}
