// Which ROMs the machine has: the app's own, or those of another project as files.
import { Button, Modal, Radio } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Firmware } from "../../../core/api/vm-config.ts";
import type { VmRecord } from "../../../core/api/vm-state.ts";
import { updateMachine } from "../../app/actions.ts";
import { useServices, useView } from "../../app/services.ts";
import { PathField } from "../create/PathField.tsx";
import type { Probe } from "../create/wizard-state.ts";

const FIELDS = ["bios", "vgaBios"] as const;

export function FirmwareEditor({ machine, firmware, onDone }: { machine: VmRecord; firmware: Firmware; onDone: () => void }) {
  const { t } = useTranslation();
  const services = useServices();
  const browsing = useView((state) => state.browsing);
  const [kind, setKind] = useState(firmware.kind);
  const [paths, setPaths] = useState(firmware.kind === "file" ? { bios: firmware.bios, vgaBios: firmware.vgaBios ?? "" } : { bios: "", vgaBios: "" });
  const [probes, setProbes] = useState<Record<(typeof FIELDS)[number], Probe>>({ bios: { state: "none" }, vgaBios: { state: "none" } });
  const isMissing = (field: (typeof FIELDS)[number]): boolean => {
    const probe = probes[field];
    return paths[field].trim() !== "" && probe.state === "found" && (!probe.result.exists || probe.result.kind === "folder");
  };
  const isFine = kind === "ringfence" || (paths.bios.trim() !== "" && !FIELDS.some(isMissing));
  const save = async (): Promise<void> => {
    const vgaBios = paths.vgaBios.trim();
    const wanted: Firmware = kind === "ringfence" ? { kind } : { kind, bios: paths.bios.trim(), ...(vgaBios === "" ? {} : { vgaBios }) };
    if (await updateMachine(services, machine, { firmware: wanted })) onDone();
  };
  return (
    <Modal
      opened
      closeOnEscape={!browsing}
      trapFocus={!browsing}
      onClose={onDone}
      title={t("hardware.firmwareEdit")}
      size="lg"
      closeButtonProps={{ "aria-label": t("common.close") }}
      data-testid="firmware-editor"
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (isFine) void save();
        }}
      >
        <Radio.Group value={kind} onChange={(value) => setKind(value === "file" ? "file" : "ringfence")} label={t("hardware.firmware")} size="sm">
          <div className="rf-radios">
            <Radio value="ringfence" size="xs" label={t("hardware.firmware.own")} />
            <Radio value="file" size="xs" label={t("hardware.firmware.file")} description={t("hardware.firmware.fileHint")} />
          </div>
        </Radio.Group>
        {kind === "file" && (
          <div className="rf-fields">
            {FIELDS.map((field) => (
              <PathField
                key={field}
                testId={`firmware-${field}`}
                label={t(`hardware.${field}`)}
                placeholder={t(`hardware.${field}Placeholder`)}
                path={paths[field]}
                probe={probes[field]}
                error={isMissing(field) ? t("create.problem.kernelMissing") : null}
                onPath={(path) => {
                  setPaths((old) => ({ ...old, [field]: path }));
                  setProbes((old) => ({ ...old, [field]: { state: path.trim() === "" ? "none" : "looking" } }));
                }}
                onProbe={(path, probe) => path === paths[field] && setProbes((old) => ({ ...old, [field]: probe }))}
              />
            ))}
          </div>
        )}
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
