// A path on the host: typed or browsed for, looked up after a short pause, with what was found below it.
import { Button, TextInput } from "@mantine/core";
import { CircleAlert, CircleCheck, FolderOpen } from "lucide-react";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import type { CallReply } from "../../../core/api/contract.ts";
import { useServices } from "../../app/services.ts";
import { formatBytes } from "../../i18n/format.ts";
import { BrowseDialog } from "./BrowseDialog.tsx";
import type { Probe } from "./wizard-state.ts";

const PAUSE_MS = 250;

/** Keys under `create.probe.`. A disk with GRUB in its first track has a Multiboot header too: what is a medium is called one. */
function describe({ kind, medium }: CallReply<"file.probe">) {
  return medium === null || medium.kind === "kernel" || medium.kind === "unknown" ? kind : medium.kind;
}

interface Props {
  label: string;
  placeholder: string;
  path: string;
  probe: Probe;
  /** Why the path will not do, in words; null when it will, or is not looked at yet. */
  error: string | null;
  onPath: (path: string) => void;
  onProbe: (path: string, probe: Probe) => void;
  autoFocus?: boolean;
  testId: string;
}

export function PathField({ label, placeholder, path, probe, error, onPath, onProbe, autoFocus = false, testId }: Props) {
  const { t, i18n } = useTranslation();
  const { bridge } = useServices();
  const [browsing, setBrowsing] = useState(false);
  // biome-ignore lint/correctness/useExhaustiveDependencies: only a new path is looked up; onProbe is made anew with every draw.
  useEffect(() => {
    const wanted = path.trim();
    if (wanted === "") return;
    const timer = setTimeout(() => {
      bridge.call("file.probe", { path: wanted }).then(
        (result) => onProbe(path, { state: "found", result }),
        (failure: Error) => onProbe(path, { state: "failed", message: failure.message }),
      );
    }, PAUSE_MS);
    return () => clearTimeout(timer);
  }, [bridge, path]);
  const found =
    probe.state === "found" && probe.result.exists
      ? t(`create.probe.${describe(probe.result)}`, { size: formatBytes(probe.result.sizeBytes, i18n.language) })
      : null;
  return (
    <div className="rf-path">
      <TextInput
        label={label}
        placeholder={placeholder}
        value={path}
        spellCheck={false}
        autoComplete="off"
        data-testid={testId}
        error={error}
        {...(autoFocus ? { "data-autofocus": true } : {})}
        classNames={{ input: "rf-mono" }}
        onChange={(event) => onPath(event.currentTarget.value)}
      />
      <Button leftSection={<FolderOpen size={14} aria-hidden="true" />} onClick={() => setBrowsing(true)}>
        {t("common.browse")}
      </Button>
      <p className="rf-probe" role="status" data-good={error === null}>
        {probe.state === "looking" && t("create.probe.looking")}
        {probe.state === "failed" && (
          <>
            <CircleAlert size={13} aria-hidden="true" /> {probe.message}
          </>
        )}
        {found !== null && error === null && (
          <>
            <CircleCheck size={13} aria-hidden="true" /> {found}
          </>
        )}
      </p>
      {browsing && (
        <BrowseDialog
          start={path}
          onClose={() => setBrowsing(false)}
          onChoose={(chosen) => {
            setBrowsing(false);
            onPath(chosen);
          }}
        />
      )}
    </div>
  );
}
