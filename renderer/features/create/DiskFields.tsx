// The disk of a new machine: a new one of a chosen size, one that is there, or none.
import { NumberInput, Radio, Select } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { formatBytes } from "../../i18n/format.ts";
import { FileField } from "./FileField.tsx";
import type { Change, Draft } from "./wizard-state.ts";
import { MIB, problemOf } from "./wizard-state.ts";

const CHOICES = ["new", "existing", "none"] as const;

export function DiskFields({ draft, change }: { draft: Draft; change: (change: Change) => void }) {
  const { t } = useTranslation();
  return (
    <div className="rf-fields">
      <Radio.Group
        value={draft.disk}
        onChange={(value) => change({ type: "disk", disk: CHOICES.find((c) => c === value) ?? "none" })}
        label={t("create.disk")}
        size="sm"
      >
        <div className="rf-radios" data-first>
          {CHOICES.map((choice) => (
            <Radio key={choice} value={choice} size="xs" label={t(`create.disk.${choice}`)} data-testid={`disk-${choice}`} />
          ))}
        </div>
      </Radio.Group>
      {draft.disk === "new" && (
        <DiskSize
          value={draft.diskMiB}
          error={problemOf(draft, "disk") === "diskRange" ? t("create.problem.diskRange") : null}
          onChange={(diskMiB) => change({ type: "diskMiB", diskMiB })}
        />
      )}
      {draft.disk === "existing" && <FileField draft={draft} change={change} field="existing" step="disk" />}
    </div>
  );
}

const GIB = 1024;
const STOPS = [64, 512, 1024, 2048, 4096, 8192, 16384, 20480, 32768, 65536];

/** A size as a number with its unit; the common ones can be picked. */
export function DiskSize({ value, error, onChange }: { value: number; error: string | null; onChange: (mib: number) => void }) {
  const { t, i18n } = useTranslation();
  const known = STOPS.includes(value) ? STOPS : [...STOPS, value].sort((a, b) => a - b);
  return (
    <div>
      <div className="rf-disk-size">
        <NumberInput
          label={t("create.diskSize")}
          min={0}
          max={2 * GIB * GIB}
          decimalScale={3}
          clampBehavior="none"
          suffix=" GiB"
          value={value / GIB}
          error={error}
          onChange={(v) => onChange(typeof v === "number" && Number.isFinite(v) ? Math.round(v * GIB) : 0)}
          data-testid="disk-size"
        />
        <Select
          label={t("create.diskCommon")}
          data={known.filter((mib) => mib > 0).map((mib) => ({ value: String(mib), label: formatBytes(mib * MIB, i18n.language) }))}
          value={value > 0 ? String(value) : null}
          onChange={(v) => v !== null && onChange(Number(v))}
          comboboxProps={{ zIndex: 320 }}
        />
      </div>
      <p className="rf-hint">{t("create.diskHint")}</p>
    </div>
  );
}
