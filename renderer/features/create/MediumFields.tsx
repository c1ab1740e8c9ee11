// The image that a new machine installs or runs from, what was recognised on it, and the drive it goes into.
import { Select, SegmentedControl } from "@mantine/core";
import { CircleCheck, Disc3, HardDrive, Save, TriangleAlert } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { MediumInfo } from "../../../core/api/medium-info.ts";
import { formatBytes } from "../../i18n/format.ts";
import { FileField } from "./FileField.tsx";
import { UploadPanel } from "./UploadPanel.tsx";
import type { Change, Draft, Surroundings } from "./wizard-state.ts";
import { driveOf, mediumOf, problemOf, systemOf, warningsOf } from "./wizard-state.ts";

const ICONS = { cd: Disc3, floppy: Save, disk: HardDrive } as const;
/** No system of the list has this id. */
const UNKNOWN = "?";

interface Props {
  draft: Draft;
  change: (change: Change) => void;
  systems: Surroundings["systems"];
  file: File | null;
  onFileDone: () => void;
}

export function MediumFields({ draft, change, systems, file, onFileDone }: Props) {
  const { t } = useTranslation();
  const medium = mediumOf(draft, "medium");
  return (
    <div className="rf-fields">
      {file !== null && (
        <UploadPanel
          file={file}
          onDone={(path) => {
            onFileDone();
            change({ type: "medium", path });
          }}
          onClose={onFileDone}
        />
      )}
      <FileField draft={draft} change={change} field="medium" step="source" />
      {draft.paths.medium === "" && <p className="rf-hint">{t("create.dropHint")}</p>}
      {medium !== null && problemOf(draft, "source") === null && (
        <>
          <Recognised medium={medium} drive={driveOf(draft)} system={systemOf(systems, draft.system)?.name ?? null} />
          {medium.drives.length > 1 && (
            <div>
              <span className="rf-label" id="medium-drive">
                {t("create.mediumDrive")}
              </span>
              <SegmentedControl
                aria-labelledby="medium-drive"
                data={medium.drives.map((value) => ({ value, label: t(`drive.${value}`) }))}
                value={driveOf(draft)}
                onChange={(value) => change({ type: "drive", drive: medium.drives.find((d) => d === value) ?? "cd" })}
                data-testid="medium-drive"
              />
            </div>
          )}
        </>
      )}
      {medium !== null && (
        <Select
          label={t("create.system")}
          description={t("create.systemHint")}
          searchable
          data={[{ value: UNKNOWN, label: t("create.systemUnknown") }, ...systems.map((s) => ({ value: s.id, label: s.name }))]}
          value={draft.system ?? UNKNOWN}
          onChange={(value) => change({ type: "system", system: value === UNKNOWN ? null : value })}
          comboboxProps={{ zIndex: 320 }}
          data-testid="system"
        />
      )}
    </div>
  );
}

function Recognised({ medium, drive, system }: { medium: MediumInfo; drive: keyof typeof ICONS; system: string | null }) {
  const { t, i18n } = useTranslation();
  const Icon = ICONS[drive];
  const warnings = warningsOf(medium);
  return (
    <div className="rf-recognised" data-testid="recognised">
      <Icon size={28} aria-hidden="true" />
      <div>
        <strong>{system ?? (medium.label || t("create.systemUnknown"))}</strong>
        <p className="rf-dim">
          {[medium.label, formatBytes(medium.sizeBytes, i18n.language), ...medium.details].filter((part) => part !== "").join(" · ")}
        </p>
        {warnings.length === 0 && (
          <p className="rf-good">
            <CircleCheck size={13} aria-hidden="true" /> {t("create.bootable")}
          </p>
        )}
        {warnings.map((warning) => (
          <p key={warning} className="rf-warning">
            <TriangleAlert size={13} aria-hidden="true" /> {t(`create.warning.${warning}`)}
          </p>
        ))}
      </div>
    </div>
  );
}
