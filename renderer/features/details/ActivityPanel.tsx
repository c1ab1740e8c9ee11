// What the machine costs and does now: figures, the last minute as a graph, and the CPU cap that can be moved meanwhile.
import { NumberInput, Slider } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { VmRecord } from "../../../core/api/vm-state.ts";
import { useMachines, useServices } from "../../app/services.ts";
import { Panel } from "../../components/Panel.tsx";
import { formatNumber, formatPercent, formatUptime } from "../../i18n/format.ts";
import { machineName } from "../../state/machines.ts";
import { addNotice, errorNotice } from "../../state/notices.ts";
import { UsageGraph } from "./UsageGraph.tsx";

export function ActivityPanel({ machine }: { machine: VmRecord }) {
  const { t, i18n } = useTranslation();
  const stats = useMachines((state) => state.stats[machine.id]);
  const latest = stats?.latest;
  const { language } = i18n;
  // A paused machine uses nothing, whatever the last sample said.
  const idle = machine.status === "paused";
  const cpu = latest === undefined ? "–" : formatPercent(idle ? 0 : latest.hostCpuPercent, language);
  const mips = latest === undefined ? "–" : formatNumber(idle ? 0 : latest.instructionsPerSecond / 1e6, language, 1);
  return (
    <Panel title={t("details.activity")} width="wide">
      <dl className="rf-figures">
        <div data-series="cpu">
          <dt>{t("details.hostCpu")}</dt>
          <dd data-testid="host-cpu">{cpu}</dd>
        </div>
        <div data-series="mips">
          <dt>{t("details.mips")}</dt>
          <dd>{mips}</dd>
        </div>
        <div>
          <dt>{t("details.halted")}</dt>
          <dd>{latest === undefined ? "–" : formatPercent(latest.haltedPercent, language)}</dd>
        </div>
        <div>
          <dt>{t("details.uptime")}</dt>
          <dd data-testid="uptime">{latest === undefined ? "–" : formatUptime(latest.uptimeNs)}</dd>
        </div>
        <div>
          <dt>{t("details.translated")}</dt>
          <dd data-testid="translated">{latest === undefined ? "–" : translated(latest.counters, language)}</dd>
        </div>
      </dl>
      {stats === undefined ? (
        <p className="rf-graph-empty">{t("details.graphEmpty")}</p>
      ) : (
        <UsageGraph
          stats={stats}
          capPercent={machine.capPercent}
          label={t("details.graph", { cpu, mips, cap: formatPercent(machine.capPercent, language) })}
        />
      )}
      <CapControl machine={machine} />
    </Panel>
  );
}

/** Size of the code that the engine has made for what runs often. */
function translated(counters: Record<string, number>, language: string): string {
  return `${formatNumber((counters["translator.liveBytes"] ?? 0) / 2 ** 20, language, 1)} MiB`;
}

/** The slider sends while it moves, one call at a time, and always the last value. */
function CapControl({ machine }: { machine: VmRecord }) {
  const { t } = useTranslation();
  const { bridge, notices } = useServices();
  const [value, setValue] = useState(machine.capPercent);
  const wanted = useRef<number | null>(null);
  const sending = useRef(false);
  useEffect(() => {
    if (wanted.current === null) setValue(machine.capPercent);
  }, [machine.capPercent]);

  const send = async (): Promise<void> => {
    if (sending.current) return;
    sending.current = true;
    while (wanted.current !== null) {
      const capPercent = wanted.current;
      try {
        await bridge.call("vm.setCap", { id: machine.id, capPercent });
      } catch (error) {
        addNotice(notices, errorNotice(t("details.capFailed", { name: machineName(machine) }), error));
        setValue(machine.capPercent);
        wanted.current = null;
      }
      if (wanted.current === capPercent) wanted.current = null;
    }
    sending.current = false;
  };
  const change = (next: number): void => {
    const capPercent = Math.max(1, Math.min(100, Math.round(next)));
    if (!Number.isFinite(capPercent)) return;
    setValue(capPercent);
    wanted.current = capPercent;
    void send();
  };
  return (
    <div className="rf-cap">
      <span className="rf-label" id="cap-label">
        {t("details.cap")}
      </span>
      <Slider
        className="rf-cap-slider"
        min={1}
        max={100}
        value={value}
        onChange={change}
        thumbLabel={t("details.cap")}
        thumbValueText={(v) => t("common.percent", { value: v })}
        marks={[{ value: 25 }, { value: 50 }, { value: 75 }]}
        data-testid="cap-slider"
      />
      <NumberInput
        className="rf-cap-number"
        min={1}
        max={100}
        allowDecimal={false}
        clampBehavior="strict"
        suffix=" %"
        aria-label={t("details.cap")}
        value={value}
        onChange={(v) => typeof v === "number" && change(v)}
      />
      <p className="rf-hint">{t("details.capHint")}</p>
    </div>
  );
}
