// A folder in the library whose configuration cannot be read: what is wrong, where it is, what can be done.
import { TriangleAlert } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { VmRecord } from "../../../core/api/vm-state.ts";
import { CopyIcon } from "../../components/CopyIcon.tsx";
import { Fact, Facts, Panel } from "../../components/Panel.tsx";

export function BrokenPanel({ machine }: { machine: VmRecord }) {
  const { t } = useTranslation();
  const { failure, path } = machine;
  return (
    <div className="rf-tab-scroll" data-testid="broken">
      <Panel title={t("broken.title")} aside={<TriangleAlert size={16} className="rf-warning" aria-hidden="true" />}>
        <p>{t("broken.text")}</p>
        <Facts>
          <Fact name={t("broken.reason")}>
            {failure !== null && t(`error.${failure.code}`)}
            {failure !== null && (
              <span className="rf-mono rf-block" lang="en">
                {failure.message}
              </span>
            )}
          </Fact>
          <Fact name={t("broken.path")}>
            <span className="rf-mono">{path}</span> <CopyIcon text={path} label={t("common.copy")} />
          </Fact>
        </Facts>
      </Panel>
    </div>
  );
}
