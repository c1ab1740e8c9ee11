// What the machine is made of. Memory and boot source can be changed while it is off; otherwise the lock says so.
import { ActionIcon, Button, Tooltip } from "@mantine/core";
import { Lock, Pencil } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { VmConfig } from "../../../core/api/vm-config.ts";
import type { VmRecord } from "../../../core/api/vm-state.ts";
import { updateMachine } from "../../app/actions.ts";
import { useServices } from "../../app/services.ts";
import { Fact, Facts, Panel } from "../../components/Panel.tsx";
import { formatNumber } from "../../i18n/format.ts";
import { isOn } from "../../state/power.ts";
import { MemoryField } from "../create/MemoryField.tsx";
import { BootEditor } from "./BootEditor.tsx";

export function SystemPanel({ machine, config }: { machine: VmRecord; config: VmConfig }) {
  const { t, i18n } = useTranslation();
  const [editing, setEditing] = useState<"memory" | "boot" | null>(null);
  const locked = isOn(machine.status);
  const { boot } = config;
  const edit = (what: "memory" | "boot", label: string) => (
    <Tooltip label={locked ? t("details.locked") : label}>
      <ActionIcon size="xs" aria-label={label} aria-disabled={locked} onClick={() => !locked && setEditing(what)}>
        {locked ? <Lock size={13} aria-hidden="true" /> : <Pencil size={13} aria-hidden="true" />}
      </ActionIcon>
    </Tooltip>
  );
  return (
    <Panel title={t("details.system")}>
      <Facts>
        <Fact name={t("details.memory")}>
          {formatNumber(config.memoryMiB, i18n.language)} {t("common.mib")} {edit("memory", t("details.memoryEdit"))}
        </Fact>
        {editing === "memory" && !locked && <MemoryEditor machine={machine} config={config} onDone={() => setEditing(null)} />}
        <Fact name={t("details.cpu")}>{t("details.cpuValue", { model: config.cpu.model })}</Fact>
        <Fact name={t("details.engine")}>{t(`details.engine.${config.cpu.engine}`)}</Fact>
        <Fact name={t("details.boot")}>
          {t(boot.kind === "demo" ? "details.bootDemo" : boot.kind === "kernel" ? "create.kernel" : "details.bootFirmware")} {edit("boot", t("details.bootEdit"))}
        </Fact>
        {boot.kind === "kernel" && (
          <>
            <Fact name={t("details.kernel")}>
              <span className="rf-mono">{boot.kernel}</span>
            </Fact>
            <Fact name={t("details.initrd")}>
              <span className="rf-mono">{boot.initrd ?? t("common.none")}</span>
            </Fact>
            <Fact name={t("details.append")}>
              <span className="rf-mono">{boot.append === "" ? t("common.none") : boot.append}</span>
            </Fact>
          </>
        )}
      </Facts>
      {editing === "boot" && !locked && <BootEditor machine={machine} boot={boot} onDone={() => setEditing(null)} />}
    </Panel>
  );
}

function MemoryEditor({ machine, config, onDone }: { machine: VmRecord; config: VmConfig; onDone: () => void }) {
  const { t } = useTranslation();
  const services = useServices();
  const [memoryMiB, setMemory] = useState(config.memoryMiB);
  const save = async (): Promise<void> => {
    if (memoryMiB === config.memoryMiB || (await updateMachine(services, machine, { memoryMiB }))) onDone();
  };
  return (
    <form
      className="rf-editor"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
      onKeyDown={(event) => {
        if (event.key === "Escape") onDone();
      }}
    >
      <MemoryField value={memoryMiB} onChange={setMemory} />
      <div className="rf-editor-buttons">
        <Button size="compact-xs" onClick={onDone}>
          {t("common.cancel")}
        </Button>
        <Button size="compact-xs" variant="filled" type="submit">
          {t("common.save")}
        </Button>
      </div>
    </form>
  );
}
