// One of the draft's files as a path field, with the reason why it will not do.
import { useTranslation } from "react-i18next";
import { PathField } from "./PathField.tsx";
import type { Change, Draft, PathField as Field, Step } from "./wizard-state.ts";
import { problemOf } from "./wizard-state.ts";

interface Props {
  draft: Draft;
  change: (change: Change) => void;
  field: Field;
  step: Step;
  autoFocus?: boolean;
}

export function FileField({ draft, change, field, step, autoFocus = false }: Props) {
  const { t } = useTranslation();
  const problem = problemOf(draft, step);
  const isOurs = problem?.startsWith(field) && !problem.endsWith("Needed") && !problem.endsWith("Looking");
  return (
    <PathField
      testId={`${field}-path`}
      label={t(`create.${field}Path`)}
      placeholder={t(`create.${field}Placeholder`)}
      path={draft.paths[field]}
      probe={draft.probes[field]}
      error={isOurs && problem !== null ? t(`create.problem.${problem}`) : null}
      autoFocus={autoFocus}
      onPath={(path) => change({ type: "path", field, path })}
      onProbe={(path, probe) => change({ type: "probe", field, path, probe })}
    />
  );
}
