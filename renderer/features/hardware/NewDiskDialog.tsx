// A new, empty disk for a machine that is there.
import { Button, Modal, Select } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { DISK_MAX_BYTES, DISK_MIN_BYTES } from "../../../core/api/contract.ts";
import type { Drive } from "../../../core/api/vm-config.ts";
import type { VmRecord } from "../../../core/api/vm-state.ts";
import { updateMachine } from "../../app/actions.ts";
import { useServices } from "../../app/services.ts";
import type { Controller } from "../../state/drives.ts";
import { CONTROLLERS, freeSlot, newImageName, withDrive } from "../../state/drives.ts";
import { DiskSize } from "../create/DiskFields.tsx";
import { MIB } from "../create/wizard-state.ts";

export function NewDiskDialog({ machine, drives, onDone }: { machine: VmRecord; drives: readonly Drive[]; onDone: () => void }) {
  const { t } = useTranslation();
  const services = useServices();
  const [sizeMiB, setSize] = useState(4096);
  const free = CONTROLLERS.disk.filter((controller) => freeSlot(drives, "disk", controller) !== null);
  const [controller, setController] = useState<Controller>(free[0] ?? "ide");
  const sizeBytes = sizeMiB * MIB;
  const isFine = sizeBytes >= DISK_MIN_BYTES && sizeBytes <= DISK_MAX_BYTES;
  const save = async (): Promise<void> => {
    const name = newImageName(drives);
    const wanted = { drives: withDrive(drives, "disk", name, controller), newDisks: [{ name, sizeBytes }] };
    if (await updateMachine(services, machine, wanted)) onDone();
  };
  return (
    <Modal opened onClose={onDone} title={t("drive.addNewDisk")} closeButtonProps={{ "aria-label": t("common.close") }} data-testid="new-disk">
      <form
        className="rf-fields"
        onSubmit={(event) => {
          event.preventDefault();
          if (isFine) void save();
        }}
      >
        <DiskSize value={sizeMiB} error={isFine ? null : t("create.problem.diskRange")} onChange={setSize} />
        <Select
          label={t("drive.controller")}
          data={free.map((value) => ({ value, label: t(`controller.${value}`) }))}
          value={controller}
          onChange={(value) => setController(free.find((c) => c === value) ?? controller)}
          comboboxProps={{ zIndex: 320 }}
        />
        <div className="rf-modal-buttons">
          <Button onClick={onDone}>{t("common.cancel")}</Button>
          <Button variant="filled" type="submit" disabled={!isFine} data-testid="new-disk-make">
            {t("create.make")}
          </Button>
        </div>
      </form>
    </Modal>
  );
}
