// New machine in a few steps. Enter goes on, Escape closes; a step that is not complete says what is missing.
import { Button, Modal, Stepper } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { KnownSystem } from "../../../core/api/known-systems.ts";
import { createMachine } from "../../app/actions.ts";
import { useServices, useView } from "../../app/services.ts";
import { BridgeError } from "../../bridge/bridge.ts";
import { uniqueName } from "../../state/machines.ts";
import { addNotice } from "../../state/notices.ts";
import type { WizardStart } from "../../state/view.ts";
import { DiskFields } from "./DiskFields.tsx";
import { modelFor } from "./network-choice.ts";
import { joinNetwork } from "./new-machine.ts";
import { ResourceFields } from "./ResourceFields.tsx";
import { SourceFields } from "./SourceFields.tsx";
import { WizardSummary } from "./WizardSummary.tsx";
import type { Change, Step, Surroundings } from "./wizard-state.ts";
import { changeDraft, newDraft, problemOf, requestOf, stepsOf, systemOf } from "./wizard-state.ts";

export function CreateWizard({ start, onClose }: { start: WizardStart; onClose: () => void }) {
  const { t } = useTranslation();
  const services = useServices();
  const browsing = useView((state) => state.browsing);
  const [systems, setSystems] = useState<readonly KnownSystem[]>([]);
  const nameFor: Surroundings["nameFor"] = (kind, system) => {
    const base = system === null ? t(kind === "demo" ? "empty.demoName" : kind === "kernel" ? "create.linuxName" : "create.otherName") : shortName(system);
    return uniqueName(base, services.machines.getState().machines);
  };
  const around = { systems, nameFor };
  const [draft, setDraft] = useState(() => newDraft(around));
  const [file, setFile] = useState<File | null>(null);
  const [creating, setCreating] = useState(false);
  const [failure, setFailure] = useState<BridgeError | null>(null);
  const [tried, setTried] = useState(false);
  const body = useRef<HTMLDivElement>(null);
  const change = (what: Change): void => setDraft((old) => changeDraft(old, what, around));
  const problem = problemOf(draft, draft.step);
  const steps = stepsOf(draft);
  const at = steps.indexOf(draft.step);
  const isLast = draft.step === "summary";

  // biome-ignore lint/correctness/useExhaustiveDependencies: read once, when the wizard opens.
  useEffect(() => {
    services.bridge.call("systems.list", {}).then(
      (reply) => {
        setSystems(reply.systems);
        if (reply.problems.length > 0) {
          addNotice(services.notices, { level: "warning", title: t("download.listProblems"), message: reply.problems.join("\n") });
        }
        setDraft((old) => changeDraft(old, { type: "systems" }, { systems: reply.systems, nameFor }));
      },
      () => {}, // without the list no system is recognised, and all else works
    );
  }, []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: something was dropped, now or while the wizard was open.
  useEffect(() => {
    if (start.path !== undefined) change({ type: "medium", path: start.path });
    if (start.file !== undefined) change({ type: "kind", kind: "medium" });
    setFile(start.file ?? null);
    if (start.path !== undefined || start.file !== undefined) change({ type: "step", step: "source" });
  }, [start]);

  const goTo = (step: Step | undefined): void => {
    if (step === undefined) return;
    setTried(false);
    setFailure(null);
    change({ type: "step", step });
  };
  const forward = async (): Promise<void> => {
    if (problem !== null) {
      setTried(true);
      return;
    }
    if (!isLast) {
      goTo(steps[at + 1]);
      return;
    }
    if (creating) return;
    setCreating(true);
    setFailure(null);
    try {
      const nics = await joinNetwork(services, draft.network, modelFor(systemOf(systems, draft.system)));
      await createMachine(services, { ...requestOf(draft, systems), ...(nics.length > 0 ? { nics } : {}) }, draft.startNow);
      onClose();
    } catch (error) {
      setFailure(error instanceof BridgeError ? error : new BridgeError("internal", String(error)));
      setCreating(false);
    }
  };
  // Each step begins at its first field; the first one is left to the dialog, which focuses once it is open.
  const shownStep = useRef<Step>("source");
  useEffect(() => {
    if (shownStep.current === draft.step) return;
    shownStep.current = draft.step;
    const first = "[data-first] input:checked, [data-first] input:not([type=radio]), input[data-first], [role=radio][data-checked]";
    body.current?.querySelector<HTMLElement>(first)?.focus();
  }, [draft.step]);

  return (
    <Modal
      opened
      closeOnEscape={!browsing}
      trapFocus={!browsing}
      onClose={onClose}
      title={t("create.title")}
      size={720}
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
          active={at}
          size="xs"
          iconSize={24}
          onStepClick={(index) => index < at && goTo(steps[index])}
          allowNextStepsSelect={false}
          aria-label={t("create.steps")}
        >
          {steps.map((step) => (
            <Stepper.Step key={step} label={t(`create.step.${step}`)} />
          ))}
        </Stepper>
        <div className="rf-wizard-body" ref={body}>
          <p className="rf-visually-hidden" role="status">
            {t("create.stepOf", { step: at + 1, steps: steps.length })}
          </p>
          {draft.step === "source" && (
            <SourceFields draft={draft} change={change} systems={systems} file={file} onFileDone={() => setFile(null)} />
          )}
          {draft.step === "resources" && <ResourceFields draft={draft} change={change} />}
          {draft.step === "disk" && <DiskFields draft={draft} change={change} />}
          {isLast && <WizardSummary draft={draft} change={change} systems={systems} />}
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
          {at > 0 && (
            <Button onClick={() => goTo(steps[at - 1])} disabled={creating}>
              {t("common.back")}
            </Button>
          )}
          <Button variant="filled" type="submit" loading={creating} data-testid="wizard-next">
            {isLast ? t(draft.startNow ? "create.makeStart" : "create.make") : t("common.next")}
          </Button>
        </div>
      </form>
    </Modal>
  );
}

/** "Debian (64 bit)" makes a machine called "Debian". */
const shortName = (system: KnownSystem): string => system.name.replace(/ \(\d+ bit\)$/, "");
