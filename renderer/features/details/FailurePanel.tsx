// Why a machine crashed or did not start: a sentence, the engine's own words, and the registers for those who want them.
import { Button } from "@mantine/core";
import { OctagonX, Play } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { Failure, VmRecord } from "../../../core/api/vm-state.ts";
import { requestPower } from "../../app/actions.ts";
import { useServices, useView } from "../../app/services.ts";
import { CopyIcon } from "../../components/CopyIcon.tsx";
import { machineName } from "../../state/machines.ts";
import { whyNot } from "../../state/power.ts";

export function FailurePanel({ machine, failure }: { machine: VmRecord; failure: Failure }) {
  const { t } = useTranslation();
  const services = useServices();
  const busy = useView((state) => state.busy[machine.id] !== undefined);
  const crashed = failure.code === "tripleFault" || failure.code === "workerCrashed";
  const name = machineName(machine);
  return (
    <section className="rf-failure" role="alert" data-testid="failure">
      <OctagonX size={20} aria-hidden="true" />
      <div className="rf-failure-text">
        <h2>{t(crashed ? "failure.title" : "failure.startTitle", { name })}</h2>
        <p>
          {t(`error.${failure.code}`)} {crashed && t("failure.time")}
        </p>
        <p className="rf-mono rf-dim" lang="en">
          {failure.message}
        </p>
        {failure.detail !== undefined && (
          <details>
            <summary>{t("failure.detail")}</summary>
            <div className="rf-failure-detail">
              {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, which must work by keyboard too. */}
              <section className="rf-failure-registers" tabIndex={0} aria-label={t("failure.detail")}>
                <pre lang="en">{failure.detail}</pre>
              </section>
              <CopyIcon text={`${failure.message}\n${failure.detail}`} label={t("failure.copy")} />
            </div>
          </details>
        )}
      </div>
      {whyNot("start", machine.status, busy) === null && (
        <Button leftSection={<Play size={14} aria-hidden="true" />} onClick={() => requestPower(services, machine, "start")}>
          {t("failure.start")}
        </Button>
      )}
    </section>
  );
}
