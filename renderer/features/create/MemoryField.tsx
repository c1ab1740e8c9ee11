// Memory as slider and number. The track shows how much the host can spare; more is allowed, with a warning.
import { NumberInput, Slider } from "@mantine/core";
import { TriangleAlert } from "lucide-react";
import { useTranslation } from "react-i18next";
import { RAM_MAX_MIB, RAM_MIN_MIB } from "../../../core/api/vm-config.ts";
import { useHost } from "../../app/services.ts";
import { formatNumber } from "../../i18n/format.ts";
import { clampMemory, isUnsafe, MEMORY_STOPS, memoryAt, safeLimitMiB, stopOf } from "./memory-scale.ts";

const LAST = MEMORY_STOPS.length - 1;
const MARKED = [16, 64, 256, 1024, 3584];

export function MemoryField({
  value,
  onChange,
  error = null,
}: {
  value: number;
  onChange: (memoryMiB: number) => void;
  error?: string | null;
}) {
  const { t, i18n } = useTranslation();
  const host = useHost((state) => state.info);
  const unsafe = isUnsafe(value, host);
  const limit = host === null ? RAM_MAX_MIB : safeLimitMiB(host);
  const safeShare = (stopOf(limit) / LAST) * 100;
  const number = (mib: number): string => formatNumber(mib, i18n.language);
  return (
    <div className="rf-memory" data-unsafe={unsafe}>
      <span className="rf-label">{t("create.memory")}</span>
      <div className="rf-memory-row">
        <div className="rf-memory-slider">
          <div
            className="rf-memory-zones"
            style={{ background: `linear-gradient(to right, var(--rf-safe) ${safeShare}%, var(--rf-unsafe) ${safeShare}%)` }}
            aria-hidden="true"
          />
          <Slider
            min={0}
            max={LAST}
            step={1}
            value={stopOf(value)}
            onChange={(stop) => onChange(memoryAt(stop))}
            thumbLabel={t("create.memorySlider", { min: RAM_MIN_MIB, max: RAM_MAX_MIB })}
            thumbValueText={() => `${number(value)} ${t("common.mib")}`}
            marks={MARKED.map((mib) => ({
              value: stopOf(mib),
              label: mib < 1024 ? `${mib}` : `${formatNumber(mib / 1024, i18n.language, mib % 1024 === 0 ? 0 : 1)}G`,
            }))}
            data-testid="memory-slider"
          />
        </div>
        <NumberInput
          className="rf-memory-number"
          aria-label={t("create.memoryMiB")}
          min={RAM_MIN_MIB}
          max={RAM_MAX_MIB}
          allowDecimal={false}
          clampBehavior="blur"
          suffix={` ${t("common.mib")}`}
          value={value}
          error={error}
          onChange={(v) => typeof v === "number" && Number.isFinite(v) && onChange(v)}
          onBlur={() => onChange(clampMemory(value))}
          data-testid="memory-number"
        />
      </div>
      {host !== null && (
        <p className={unsafe ? "rf-hint rf-hint-warning" : "rf-hint"} role="status">
          {unsafe && <TriangleAlert size={13} aria-hidden="true" />}
          {t(unsafe ? "create.memoryUnsafe" : "create.memorySafe", { limit: number(limit) })}
        </p>
      )}
    </div>
  );
}
