// What a new machine starts from: the choice, and the fields that belong to it.
import { Radio } from "@mantine/core";
import { CloudDownload, Cpu, Disc3, Sparkles } from "lucide-react";
import { useTranslation } from "react-i18next";
import { DownloadFields } from "./DownloadFields.tsx";
import { KernelFields } from "./KernelFields.tsx";
import { MediumFields } from "./MediumFields.tsx";
import type { Change, Draft, Surroundings } from "./wizard-state.ts";
import { SOURCE_KINDS } from "./wizard-state.ts";

const ICONS = { demo: Sparkles, medium: Disc3, download: CloudDownload, kernel: Cpu } as const;

interface Props {
  draft: Draft;
  change: (change: Change) => void;
  systems: Surroundings["systems"];
  /** A file that a browser would not tell the path of. */
  file: File | null;
  onFileDone: () => void;
}

export function SourceFields({ draft, change, systems, file, onFileDone }: Props) {
  const { t } = useTranslation();
  return (
    <>
      <Radio.Group
        value={draft.kind}
        onChange={(value) => change({ type: "kind", kind: SOURCE_KINDS.find((kind) => kind === value) ?? "demo" })}
        label={t("create.source")}
        size="sm"
      >
        <div className="rf-choices rf-choices-four">
          {SOURCE_KINDS.map((kind) => {
            const Icon = ICONS[kind];
            return (
              <Radio.Card
                key={kind}
                value={kind}
                className="rf-choice"
                data-testid={`source-${kind}`}
                aria-label={t(`create.${kind}`)}
                data-autofocus={draft.kind === kind || undefined}
              >
                <Icon size={22} aria-hidden="true" />
                <strong>{t(`create.${kind}`)}</strong>
                <span>{t(`create.${kind}Text`)}</span>
              </Radio.Card>
            );
          })}
        </div>
      </Radio.Group>
      {draft.kind === "medium" && <MediumFields draft={draft} change={change} systems={systems} file={file} onFileDone={onFileDone} />}
      {draft.kind === "download" && <DownloadFields change={change} systems={systems} />}
      {draft.kind === "kernel" && <KernelFields draft={draft} change={change} />}
    </>
  );
}
