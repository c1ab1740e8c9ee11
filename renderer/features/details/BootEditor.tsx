// Changes what a machine starts from, in its own dialog, with the same fields as the wizard.
import { Button, Modal } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { BootSource } from "../../../core/api/vm-config.ts";
import type { VmRecord } from "../../../core/api/vm-state.ts";
import { updateMachine } from "../../app/actions.ts";
import { useServices, useView } from "../../app/services.ts";
import { SourceFields } from "../create/SourceFields.tsx";
import type { Change, Draft } from "../create/wizard-state.ts";
import { changeDraft, newDraft, problemOf, requestOf } from "../create/wizard-state.ts";

const keepName = (): string => "";

export function BootEditor({ machine, boot, onDone }: { machine: VmRecord; boot: BootSource; onDone: () => void }) {
  const { t } = useTranslation();
  const services = useServices();
  const browsing = useView((state) => state.browsing);
  const [draft, setDraft] = useState<Draft>(() => {
    const fresh = newDraft(keepName);
    return boot.kind !== "kernel" ? fresh : { ...fresh, kind: "kernel", kernel: boot.kernel, initrd: boot.initrd ?? "", append: boot.append };
  });
  const change = (what: Change): void => setDraft((old) => changeDraft(old, what, keepName));
  const save = async (): Promise<void> => {
    // Modules have no field yet: those that the configuration names stay.
    const wanted = requestOf(draft).boot;
    const kept = wanted.kind === "kernel" && boot.kind === "kernel" ? { ...wanted, modules: boot.modules } : wanted;
    const source: BootSource = kept.kind !== "kernel" ? BootSource.parse(kept) : { ...kept, append: kept.append ?? "", modules: kept.modules ?? [] };
    if (await updateMachine(services, machine, { boot: source })) onDone();
  };
  return (
    <Modal
      opened
      closeOnEscape={!browsing}
      trapFocus={!browsing}
      onClose={onDone}
      title={t("details.bootEdit")}
      size="lg"
      closeButtonProps={{ "aria-label": t("common.close") }}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (problemOf(draft, 0) === null) void save();
        }}
      >
        <SourceFields draft={draft} change={change} />
        <div className="rf-modal-buttons">
          <Button onClick={onDone}>{t("common.cancel")}</Button>
          <Button variant="filled" type="submit" disabled={problemOf(draft, 0) !== null}>
            {t("common.save")}
          </Button>
        </div>
      </form>
    </Modal>
  );
}
