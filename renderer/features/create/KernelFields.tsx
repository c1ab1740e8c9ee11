// The files of a kernel that is started directly. Used by the wizard and by the details page.
import { TextInput } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { FileField } from "./FileField.tsx";
import type { Change, Draft } from "./wizard-state.ts";

export function KernelFields({ draft, change }: { draft: Draft; change: (change: Change) => void }) {
  const { t } = useTranslation();
  return (
    <div className="rf-fields">
      <FileField draft={draft} change={change} field="kernel" step="source" />
      <FileField draft={draft} change={change} field="initrd" step="source" />
      <TextInput
        label={t("create.append")}
        value={draft.append}
        maxLength={4095}
        spellCheck={false}
        classNames={{ input: "rf-mono" }}
        onChange={(event) => change({ type: "append", append: event.currentTarget.value })}
        data-testid="append"
      />
    </div>
  );
}
