// Name and notes, saved when the field is left (Enter for the name, Escape takes the change back).
import { Textarea, TextInput } from "@mantine/core";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import type { VmConfig } from "../../../core/api/vm-config.ts";
import type { VmRecord } from "../../../core/api/vm-state.ts";
import { updateMachine } from "../../app/actions.ts";
import { useServices } from "../../app/services.ts";
import { CopyIcon } from "../../components/CopyIcon.tsx";
import { Fact, Facts, Panel } from "../../components/Panel.tsx";
import { formatDate } from "../../i18n/format.ts";

export function GeneralPanel({ machine, config }: { machine: VmRecord; config: VmConfig }) {
  const { t, i18n } = useTranslation();
  const services = useServices();
  const [saved, setSaved] = useState(false);
  const name = useDraft(config.name);
  const notes = useDraft(config.notes);
  useEffect(() => {
    if (!saved) return;
    const timer = setTimeout(() => setSaved(false), 2000);
    return () => clearTimeout(timer);
  }, [saved]);

  const save = async (changes: { name?: string; notes?: string }, takeBack: () => void): Promise<void> => {
    if (await updateMachine(services, machine, changes)) setSaved(true);
    else takeBack();
  };
  const trimmed = name.value.trim();
  const saveName = (): void => {
    if (trimmed === "" || trimmed === config.name) name.reset();
    else void save({ name: trimmed }, name.reset);
  };
  return (
    <Panel
      title={t("details.general")}
      aside={
        <span className="rf-saved" role="status">
          {saved ? t("details.saved") : ""}
        </span>
      }
    >
      <TextInput
        label={t("details.name")}
        value={name.value}
        maxLength={80}
        error={trimmed === "" ? t("details.nameNeeded") : null}
        onChange={(event) => name.set(event.currentTarget.value)}
        onBlur={saveName}
        onKeyDown={(event) => {
          if (event.nativeEvent.isComposing) return;
          if (event.key === "Enter") saveName();
          if (event.key === "Escape") name.reset();
        }}
      />
      <Textarea
        label={t("details.notes")}
        placeholder={t("details.notesHint")}
        value={notes.value}
        maxLength={4000}
        autosize
        minRows={3}
        maxRows={10}
        onChange={(event) => notes.set(event.currentTarget.value)}
        onBlur={() => {
          if (notes.value !== config.notes) void save({ notes: notes.value }, () => {});
        }}
      />
      <Facts>
        <Fact name={t("details.created")}>{formatDate(config.createdAt, i18n.language)}</Fact>
        <Fact name={t("details.folder")}>
          <span className="rf-mono">{machine.path}</span> <CopyIcon text={machine.path} label={t("common.copy")} />
        </Fact>
      </Facts>
    </Panel>
  );
}

/** What the user is typing; follows the saved value when that changes. */
function useDraft(saved: string) {
  const [value, set] = useState(saved);
  useEffect(() => set(saved), [saved]);
  return { value, set, reset: () => set(saved) };
}
