// Memory, CPU model and engine.
import { Button, Select } from "@mantine/core";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { CPU_MODEL_NAMES, RAM_MAX_MIB, RAM_MIN_MIB, VmConfig } from "../../../core/api/vm-config.ts";
import { updateMachine } from "../../app/actions.ts";
import { useServices } from "../../app/services.ts";
import { Panel } from "../../components/Panel.tsx";
import { MemoryField } from "../create/MemoryField.tsx";
import type { HardwareProps } from "./HardwareTab.tsx";
import { PendingMark } from "./PendingMark.tsx";

const ENGINES = VmConfig.shape.cpu.shape.engine.unwrap().options;

export function ProcessorPanel({ machine, config }: HardwareProps) {
  const { t } = useTranslation();
  const services = useServices();
  const { model, engine } = config.cpu;
  const [memoryMiB, setMemory] = useState(config.memoryMiB);
  useEffect(() => setMemory(config.memoryMiB), [config.memoryMiB]);
  const isFine = Number.isInteger(memoryMiB) && memoryMiB >= RAM_MIN_MIB && memoryMiB <= RAM_MAX_MIB;
  const models = CPU_MODEL_NAMES.some((name) => name === model) ? CPU_MODEL_NAMES : [...CPU_MODEL_NAMES, model];
  return (
    <Panel title={t("hardware.processor")} aside={<PendingMark machine={machine} part="memoryMiB" />}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (isFine && memoryMiB !== config.memoryMiB) void updateMachine(services, machine, { memoryMiB });
        }}
        onKeyDown={(event) => {
          if (event.key === "Escape") setMemory(config.memoryMiB);
        }}
      >
        <MemoryField value={memoryMiB} onChange={setMemory} error={isFine ? null : t("create.problem.memoryRange")} />
        {memoryMiB !== config.memoryMiB && (
          <div className="rf-editor-buttons">
            <Button size="compact-xs" onClick={() => setMemory(config.memoryMiB)}>
              {t("common.cancel")}
            </Button>
            <Button size="compact-xs" variant="filled" type="submit" disabled={!isFine} data-testid="memory-save">
              {t("common.save")}
            </Button>
          </div>
        )}
      </form>
      <div className="rf-pair">
        <Select
          label={
            <>
              {t("details.cpu")} <PendingMark machine={machine} part="cpuModel" />
            </>
          }
          data={[...models]}
          value={model}
          onChange={(value) => value !== null && value !== model && void updateMachine(services, machine, { cpuModel: value })}
          data-testid="cpu-model"
        />
        <Select
          label={
            <>
              {t("details.engine")} <PendingMark machine={machine} part="engine" />
            </>
          }
          data={ENGINES.map((value) => ({ value, label: t(`details.engine.${value}`) }))}
          value={engine}
          onChange={(value) => {
            const wanted = ENGINES.find((e) => e === value);
            if (wanted !== undefined && wanted !== engine) void updateMachine(services, machine, { engine: wanted });
          }}
          data-testid="engine"
        />
      </div>
      <p className="rf-hint">{t("hardware.engineHint")}</p>
    </Panel>
  );
}
