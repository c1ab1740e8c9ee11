// Changes what a machine starts from, in its own dialog, with the same fields as the wizard.
import { Button, Modal, Radio } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { CallRequest } from "../../../core/api/contract.ts";
import type { BootSource } from "../../../core/api/vm-config.ts";
import type { VmRecord } from "../../../core/api/vm-state.ts";
import { updateMachine } from "../../app/actions.ts";
import { useServices, useView } from "../../app/services.ts";
import { KernelFields } from "../create/KernelFields.tsx";
import type { Change, Draft, Surroundings } from "../create/wizard-state.ts";
import { changeDraft, newDraft, problemOf, requestOf } from "../create/wizard-state.ts";

const NOTHING: Surroundings = { systems: [], nameFor: () => "" };
const KINDS = ["firmware", "kernel", "demo"] as const;

export function BootEditor({ machine, boot, onDone }: { machine: VmRecord; boot: BootSource; onDone: () => void }) {
  const { t } = useTranslation();
  const services = useServices();
  const browsing = useView((state) => state.browsing);
  const [kind, setKind] = useState<BootSource["kind"]>(boot.kind);
  const [draft, setDraft] = useState<Draft>(() => {
    const fresh: Draft = { ...newDraft(NOTHING), kind: "kernel" };
    return boot.kind === "kernel" ? { ...fresh, paths: { ...fresh.paths, kernel: boot.kernel, initrd: boot.initrd ?? "" }, append: boot.append } : fresh;
  });
  const change = (what: Change): void => setDraft((old) => changeDraft(old, what, NOTHING));
  const isFine = kind !== "kernel" || problemOf(draft, "source") === null;
  const save = async (): Promise<void> => {
    if (await updateMachine(services, machine, { boot: wanted(kind, draft, boot) })) onDone();
  };
  const labels = { firmware: "details.bootFirmware", kernel: "create.kernel", demo: "details.bootDemo" } as const;
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
          if (isFine) void save();
        }}
      >
        <Radio.Group value={kind} onChange={(value) => setKind(KINDS.find((k) => k === value) ?? "demo")} label={t("create.source")} size="sm">
          <div className="rf-radios">
            {KINDS.map((value) => (
              <Radio key={value} value={value} size="xs" label={t(labels[value])} />
            ))}
          </div>
        </Radio.Group>
        {kind === "kernel" && <KernelFields draft={draft} change={change} />}
        <div className="rf-modal-buttons">
          <Button onClick={onDone}>{t("common.cancel")}</Button>
          <Button variant="filled" type="submit" disabled={!isFine}>
            {t("common.save")}
          </Button>
        </div>
      </form>
    </Modal>
  );
}

function wanted(kind: BootSource["kind"], draft: Draft, old: BootSource): CallRequest<"vm.create">["boot"] {
  if (kind === "demo") return { kind };
  if (kind === "firmware") return old.kind === "firmware" ? old : { kind };
  const kernel = requestOf(draft, []).boot;
  // Modules have no field: those that the configuration names stay.
  return kernel.kind === "kernel" && old.kind === "kernel" ? { ...kernel, modules: old.modules } : kernel;
}
