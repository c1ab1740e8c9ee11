// What goes wrong on a link, and what its port allows.
import { Switch } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { LinkFaults, LinkStats, PortGuards } from "../../../core/api/network.ts";
import { useNetwork } from "../../app/services.ts";
import { formatBytes, formatNumber } from "../../i18n/format.ts";
import { NumberField } from "./CommitField.tsx";
import { formatRate } from "./link-text.ts";

const percent = (share: number | undefined): number | undefined => (share === undefined ? undefined : Math.round(share * 1e4) / 100);
const share = (value: number | undefined): number | undefined => (value === undefined ? undefined : value / 100);
/** Without a field that is undefined. */
const defined = <T extends object>(fields: T): T => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;

export function FaultFields({ faults, onChange }: { faults: LinkFaults | undefined; onChange: (faults: LinkFaults) => void }) {
  const { t } = useTranslation();
  const now = faults ?? {};
  const set = (fields: { [K in keyof LinkFaults]?: LinkFaults[K] | undefined }): void => onChange(defined({ ...now, ...fields }) as LinkFaults);
  const shares = ["loss", "duplication", "reordering"] as const;
  return (
    <fieldset className="rf-net-fields">
      <legend>{t("fault.title")}</legend>
      {shares.map((field) => (
        <NumberField key={field} label={t(`fault.${field}`)} value={percent(now[field])} max={100} decimals={2} suffix=" %" onCommit={(v) => set({ [field]: share(v) })} testId={`fault-${field}`} />
      ))}
      <NumberField label={t("fault.delayMs")} value={now.delayMs} max={3_600_000} decimals={1} suffix=" ms" onCommit={(delayMs) => set({ delayMs })} testId="fault-delay" />
      <NumberField label={t("fault.jitterMs")} value={now.jitterMs} max={3_600_000} decimals={1} suffix=" ms" onCommit={(jitterMs) => set({ jitterMs })} />
      <NumberField
        label={t("fault.bitsPerSecond")}
        value={now.bitsPerSecond === undefined ? undefined : now.bitsPerSecond / 1e6}
        min={0.000_001}
        max={1e6}
        decimals={3}
        suffix=" Mb/s"
        onCommit={(v) => set({ bitsPerSecond: v === undefined ? undefined : v * 1e6 })}
      />
      <NumberField label={t("fault.seed")} value={now.seed} max={0xffff_ffff} onCommit={(seed) => set({ seed })} />
      <Switch size="xs" label={t("fault.cut")} checked={now.cut === true} onChange={(event) => set({ cut: event.currentTarget.checked })} data-testid="fault-cut" />
    </fieldset>
  );
}

export function GuardFields({ guards, onChange }: { guards: PortGuards | undefined; onChange: (guards: PortGuards) => void }) {
  const { t } = useTranslation();
  const now = guards ?? {};
  const set = (fields: { [K in keyof PortGuards]?: PortGuards[K] | undefined }): void => onChange(defined({ ...now, ...fields }) as PortGuards);
  return (
    <fieldset className="rf-net-fields">
      <legend>{t("guard.title")}</legend>
      <Switch size="xs" label={t("guard.antiSpoofing")} checked={now.antiSpoofing === true} onChange={(event) => set({ antiSpoofing: event.currentTarget.checked })} />
      <Switch size="xs" label={t("guard.isolated")} checked={now.isolated === true} onChange={(event) => set({ isolated: event.currentTarget.checked })} />
      <NumberField
        label={t("guard.rate")}
        value={now.rateBitsPerSecond === undefined ? undefined : now.rateBitsPerSecond / 1e6}
        min={0.000_001}
        max={1e6}
        decimals={3}
        suffix=" Mb/s"
        onCommit={(v) => set({ rateBitsPerSecond: v === undefined ? undefined : v * 1e6 })}
      />
      <NumberField label={t("guard.storm")} value={now.stormFramesPerSecond} min={1} max={1e9} onCommit={(stormFramesPerSecond) => set({ stormFramesPerSecond })} />
    </fieldset>
  );
}

const COUNTED = ["received", "sent"] as const;

/** Counters of a link as a small table. */
export function LinkCounters({ link }: { link: string }) {
  const { t, i18n } = useTranslation();
  const stats = useNetwork((state) => state.links[link]);
  const rate = useNetwork((state) => state.rates[link]);
  if (stats === undefined) return <p className="rf-dim">{t("net.noFigures")}</p>;
  const count = (which: (typeof COUNTED)[number], what: "Frames" | "Bytes"): number => stats[`${which}${what}` as const];
  return (
    <>
      <table className="rf-net-counters">
        <thead>
          <tr>
            <th scope="col">
              <span className="rf-visually-hidden">{t("net.direction")}</span>
            </th>
            <th scope="col">{t("net.rate")}</th>
            <th scope="col">{t("net.framesColumn")}</th>
            <th scope="col">{t("net.bytesColumn")}</th>
          </tr>
        </thead>
        <tbody>
          {COUNTED.map((which) => (
            <tr key={which}>
              <th scope="row">{t(`net.${which}`)}</th>
              <td>{formatRate(rate?.[which] ?? 0, i18n.language)}</td>
              <td>{formatNumber(count(which, "Frames"), i18n.language)}</td>
              <td>{formatBytes(count(which, "Bytes"), i18n.language)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <Drops stats={stats} />
    </>
  );
}

function Drops({ stats }: { stats: LinkStats }) {
  const { t, i18n } = useTranslation();
  const drops = Object.entries(stats.drops).filter(([, count]) => count > 0);
  if (drops.length === 0) return null;
  return <p className="rf-warning rf-net-small">{t("net.dropped", { drops: drops.map(([reason, count]) => `${reason} ${formatNumber(count, i18n.language)}`).join(", ") })}</p>;
}
