// New machine in three steps. Enter goes on, Escape closes; the first step that is not complete says what is missing.
import { Button, Checkbox, Modal, NumberInput, Slider, Stepper, TextInput } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { createMachine } from "../../app/actions.ts";
import { useServices, useView } from "../../app/services.ts";
import { Fact, Facts } from "../../components/Panel.tsx";
import { BridgeError } from "../../bridge/bridge.ts";
import { formatNumber } from "../../i18n/format.ts";
import { uniqueName } from "../../state/machines.ts";
import { MemoryField } from "./MemoryField.tsx";
import { SourceFields } from "./SourceFields.tsx";
import type { Change, Draft, SourceKind } from "./wizard-state.ts";
import { changeDraft, newDraft, problemOf, requestOf } from "./wizard-state.ts";

type Step = Draft["step"];

export function CreateWizard({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const services = useServices();
  const browsing = useView((state) => state.browsing);
  const nameFor = (kind: SourceKind): string =>
    uniqueName(t(kind === "demo" ? "empty.demoName" : "create.linuxName"), services.machines.getState().machines);
  const [draft, setDraft] = useState(() => newDraft(nameFor));
  const [creating, setCreating] = useState(false);
  const [failure, setFailure] = useState<BridgeError | null>(null);
  const [tried, setTried] = useState(false);
  const body = useRef<HTMLDivElement>(null);
  const change = (what: Change): void => setDraft((old) => changeDraft(old, what, nameFor));
  const problem = problemOf(draft, draft.step);

  const goTo = (step: Step): void => {
    setTried(false);
    setFailure(null);
    change({ type: "step", step });
  };
  const forward = async (): Promise<void> => {
    if (problem !== null) {
      setTried(true);
      return;
    }
    if (draft.step < 2) {
      goTo((draft.step + 1) as Step);
      return;
    }
    if (creating) return;
    setCreating(true);
    setFailure(null);
    try {
      await createMachine(services, requestOf(draft), draft.startNow);
      onClose();
    } catch (error) {
      setFailure(error instanceof BridgeError ? error : new BridgeError("internal", String(error)));
      setCreating(false);
    }
  };
  // Each step begins at its first field; the first one is left to the dialog, which focuses once it is open.
  const shownStep = useRef<Step>(0);
  useEffect(() => {
    if (shownStep.current === draft.step) return;
    shownStep.current = draft.step;
    body.current?.querySelector<HTMLElement>("[data-first] input, input[data-first], [role=radio][data-checked]")?.focus();
  }, [draft.step]);

  return (
    <Modal
      opened
      closeOnEscape={!browsing}
      trapFocus={!browsing}
      onClose={onClose}
      title={t("create.title")}
      size={640}
      closeOnClickOutside={false}
      closeButtonProps={{ "aria-label": t("common.close") }}
      data-testid="wizard"
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void forward();
        }}
        onKeyDown={(event) => {
          // A radio card is a button, which Enter would press rather than go on.
          if (event.key !== "Enter" || (event.target as HTMLElement).getAttribute("role") !== "radio") return;
          event.preventDefault();
          void forward();
        }}
      >
        <Stepper
          active={draft.step}
          size="xs"
          iconSize={24}
          onStepClick={(step) => step < draft.step && goTo(step as Step)}
          allowNextStepsSelect={false}
          aria-label={t("create.steps")}
        >
          {([0, 1, 2] as const).map((step) => (
            <Stepper.Step key={step} label={t(`create.step${step}`)} />
          ))}
        </Stepper>
        <div className="rf-wizard-body" ref={body}>
          <p className="rf-visually-hidden" role="status">
            {t("create.stepOf", { step: draft.step + 1 })}
          </p>
          {draft.step === 0 && <SourceFields draft={draft} change={change} />}
          {draft.step === 1 && <ResourceFields draft={draft} change={change} />}
          {draft.step === 2 && <Summary draft={draft} change={change} />}
        </div>
        {tried && problem !== null && (
          <p className="rf-problem" role="alert">
            {t(`create.problem.${problem}`)}
          </p>
        )}
        {failure !== null && (
          <div className="rf-problem" role="alert" data-testid="create-failed">
            <strong>{t("create.failed")}.</strong> {t(`error.${failure.code}`)}{" "}
            <span className="rf-mono" lang="en">
              {failure.message}
            </span>
          </div>
        )}
        <div className="rf-modal-buttons">
          <Button onClick={onClose}>{t("common.cancel")}</Button>
          <span className="rf-bar-gap" />
          {draft.step > 0 && (
            <Button onClick={() => goTo((draft.step - 1) as Step)} disabled={creating}>
              {t("common.back")}
            </Button>
          )}
          <Button variant="filled" type="submit" loading={creating} data-testid="wizard-next">
            {draft.step < 2 ? t("common.next") : t(draft.startNow ? "create.makeStart" : "create.make")}
          </Button>
        </div>
      </form>
    </Modal>
  );
}

function ResourceFields({ draft, change }: { draft: Draft; change: (change: Change) => void }) {
  const { t } = useTranslation();
  const problem = problemOf(draft, 1);
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
    </div>
  );
}

function Summary({ draft, change }: { draft: Draft; change: (change: Change) => void }) {
  const { t, i18n } = useTranslation();
  return (
    <div className="rf-fields" data-testid="summary">
      <Facts>
        <Fact name={t("create.name")}>{draft.name.trim()}</Fact>
        <Fact name={t("details.boot")}>{t(draft.kind === "demo" ? "details.bootDemo" : "create.kernel")}</Fact>
        {draft.kind === "kernel" && (
          <>
            <Fact name={t("details.kernel")}>
              <span className="rf-mono">{draft.kernel.trim()}</span>
            </Fact>
            <Fact name={t("details.initrd")}>
              <span className="rf-mono">{draft.initrd.trim() === "" ? t("common.none") : draft.initrd.trim()}</span>
            </Fact>
            <Fact name={t("details.append")}>
              <span className="rf-mono">{draft.append.trim() === "" ? t("common.none") : draft.append.trim()}</span>
            </Fact>
          </>
        )}
        <Fact name={t("details.memory")}>
          {formatNumber(draft.memoryMiB, i18n.language)} {t("common.mib")}
        </Fact>
        <Fact name={t("details.cap")}>{t("common.percent", { value: draft.capPercent })}</Fact>
      </Facts>
      <Checkbox
        size="xs"
        data-first
        label={t("create.startNow")}
        checked={draft.startNow}
        onChange={(event) => change({ type: "startNow", startNow: event.currentTarget.checked })}
      />
    </div>
  );
}
