// Name, memory and CPU share of a new machine.
import { NumberInput, Slider, TextInput } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { MemoryField } from "./MemoryField.tsx";
import { NetworkField } from "./NetworkField.tsx";
import type { Change, Draft } from "./wizard-state.ts";
import { problemOf } from "./wizard-state.ts";

export function ResourceFields({ draft, change }: { draft: Draft; change: (change: Change) => void }) {
  const { t } = useTranslation();
  const problem = problemOf(draft, "resources");
  const nameProblem = problem === "nameNeeded" || problem === "nameLong" ? t(`create.problem.${problem}`) : null;
  const memoryProblem = problem === "memoryRange" || problem === "initrdTooLarge" ? t(`create.problem.${problem}`) : null;
  return (
    <div className="rf-fields">
      <div data-first>
        <TextInput
          label={t("create.name")}
          value={draft.name}
          maxLength={80}
          error={nameProblem}
          onChange={(event) => change({ type: "name", name: event.currentTarget.value })}
          onFocus={(event) => event.currentTarget.select()}
          data-testid="name"
        />
      </div>
      <MemoryField value={draft.memoryMiB} error={memoryProblem} onChange={(memoryMiB) => change({ type: "memory", memoryMiB })} />
      <div className="rf-memory">
        <span className="rf-label">{t("create.cap")}</span>
        <div className="rf-memory-row">
          <Slider
            className="rf-memory-slider"
            min={1}
            max={100}
            value={draft.capPercent}
            onChange={(capPercent) => change({ type: "cap", capPercent })}
            thumbLabel={t("create.cap")}
            marks={[
              { value: 25, label: "25" },
              { value: 50, label: "50" },
              { value: 75, label: "75" },
              { value: 100, label: "100" },
            ]}
          />
          <NumberInput
            className="rf-memory-number"
            aria-label={t("create.cap")}
            min={1}
            max={100}
            allowDecimal={false}
            clampBehavior="strict"
            suffix=" %"
            value={draft.capPercent}
            onChange={(v) => typeof v === "number" && change({ type: "cap", capPercent: Math.max(1, Math.min(100, Math.round(v))) })}
          />
        </div>
      </div>
      <NetworkField draft={draft} change={change} />
    </div>
  );
}
