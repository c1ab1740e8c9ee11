// Says of a part of a running machine that its change waits for the next start.
import { Tooltip } from "@mantine/core";
import { RotateCw } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { PendingChange, VmRecord } from "../../../core/api/vm-state.ts";

export function PendingMark({ machine, part }: { machine: VmRecord; part: PendingChange }) {
  const { t } = useTranslation();
  if (!machine.pending?.includes(part)) return null;
  return (
    <Tooltip label={t("hardware.pendingHint")}>
      <span className="rf-pending" data-testid={`pending-${part}`}>
        <RotateCw size={11} aria-hidden="true" /> {t("hardware.pending")}
      </span>
    </Tooltip>
  );
}
