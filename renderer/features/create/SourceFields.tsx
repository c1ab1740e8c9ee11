// What a machine starts from: the choice, and for a kernel its files. Used by the wizard and by the details page.
import { Badge, Radio, TextInput } from "@mantine/core";
import { Cpu, Disc3, Sparkles } from "lucide-react";
import { useTranslation } from "react-i18next";
import { PathField } from "./PathField.tsx";
import type { Change, Draft, SourceKind } from "./wizard-state.ts";
import { problemOf } from "./wizard-state.ts";

const CHOICES = [
  { kind: "demo", icon: Sparkles },
  { kind: "kernel", icon: Cpu },
] as const satisfies readonly { kind: SourceKind; icon: unknown }[];

export function SourceFields({ draft, change }: { draft: Draft; change: (change: Change) => void }) {
  const { t } = useTranslation();
  const problem = problemOf(draft, 0);
  const of = (field: "kernel" | "initrd"): string | null =>
    problem?.startsWith(field) && problem !== "kernelNeeded" && !problem.endsWith("Looking") ? t(`create.problem.${problem}`) : null;
  return (
    <>
      <Radio.Group
        value={draft.kind}
        onChange={(kind) => change({ type: "kind", kind: kind === "kernel" ? "kernel" : "demo" })}
        label={t("create.source")}
        size="sm"
      >
        <div className="rf-choices">
          {CHOICES.map(({ kind, icon: Icon }) => (
            <Radio.Card
              key={kind}
              value={kind}
              className="rf-choice"
              data-testid={`source-${kind}`}
              aria-label={t(`create.${kind}`)}
              data-autofocus={draft.kind === kind || undefined}
            >
              <Icon size={22} aria-hidden="true" />
              <strong>{t(`create.${kind}`)}</strong>
              <span>{t(`create.${kind}Text`)}</span>
            </Radio.Card>
          ))}
          <Radio.Card value="image" className="rf-choice" disabled aria-label={t("create.image")} aria-describedby="coming">
            <Disc3 size={22} aria-hidden="true" />
            <strong>
              {t("create.image")}{" "}
              <Badge size="xs" variant="default" component="span">
                {t("create.coming")}
              </Badge>
            </strong>
            <span>{t("create.imageText")}</span>
            <span id="coming">{t("create.comingText")}</span>
          </Radio.Card>
        </div>
      </Radio.Group>
      {draft.kind === "kernel" && (
        <div className="rf-fields">
          {(["kernel", "initrd"] as const).map((field) => (
            <PathField
              key={field}
              testId={`${field}-path`}
              label={t(`create.${field}Path`)}
              placeholder={t(`create.${field}Placeholder`)}
              path={draft[field]}
              probe={field === "kernel" ? draft.kernelProbe : draft.initrdProbe}
              error={of(field)}
              onPath={(path) => change({ type: "path", field, path })}
              onProbe={(path, probe) => change({ type: "probe", field, path, probe })}
            />
          ))}
          <TextInput
            label={t("create.append")}
            value={draft.append}
            maxLength={4095}
            spellCheck={false}
            classNames={{ input: "rf-mono" }}
            onChange={(event) => change({ type: "append", append: event.currentTarget.value })}
            data-testid="append"
          />
        </div>
      )}
    </>
  );
}
