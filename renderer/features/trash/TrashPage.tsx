// Deleted machines, newest first, and the way back. Emptying the trash is left to the user's file manager for now.
import { Button, Table } from "@mantine/core";
import { ArchiveRestore, Trash2 } from "lucide-react";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import type { TrashEntry } from "../../../core/api/vm-state.ts";
import { restoreMachine } from "../../app/actions.ts";
import { useMachines, useServices } from "../../app/services.ts";
import { formatDate } from "../../i18n/format.ts";

export function TrashPage() {
  const { t, i18n } = useTranslation();
  const services = useServices();
  const machines = useMachines((state) => state.machines);
  const [entries, setEntries] = useState<TrashEntry[] | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const known = Object.keys(machines).length;
  // biome-ignore lint/correctness/useExhaustiveDependencies: a machine that comes or goes may have come from or gone to the trash.
  useEffect(() => {
    let current = true;
    services.bridge.call("trash.list", {}).then(
      (reply) => {
        if (!current) return;
        setEntries(reply.entries.toSorted((a, b) => (a.deletedAt < b.deletedAt ? 1 : -1)));
        setFailure(null);
      },
      (error: Error) => {
        if (current) setFailure(error.message);
      },
    );
    return () => {
      current = false;
    };
  }, [services.bridge, known]);
  const restore = async (entry: TrashEntry): Promise<void> => {
    if (await restoreMachine(services, entry.id, entry.name)) setEntries((old) => old?.filter((e) => e.id !== entry.id) ?? null);
  };
  return (
    <main id="main" className="rf-main rf-page" tabIndex={-1} aria-busy={entries === null && failure === null} data-testid="trash">
      <h1>{t("trash.title")}</h1>
      {failure !== null && (
        <p className="rf-problem" role="alert">
          {t("trash.failed")}: <span lang="en">{failure}</span>
        </p>
      )}
      {entries !== null && entries.length === 0 && (
        <div className="rf-empty rf-empty-small">
          <Trash2 size={40} aria-hidden="true" />
          <h2>{t("trash.empty")}</h2>
          <p>{t("trash.emptyText")}</p>
        </div>
      )}
      {entries !== null && entries.length > 0 && (
        <>
          <p className="rf-dim">{t("trash.text")}</p>
          <Table className="rf-table" highlightOnHover verticalSpacing={6}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{t("trash.name")}</Table.Th>
                <Table.Th>{t("trash.deleted")}</Table.Th>
                <Table.Th>{t("trash.path")}</Table.Th>
                <Table.Th>
                  <span className="rf-visually-hidden">{t("trash.actions")}</span>
                </Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {entries.map((entry) => (
                <Table.Tr key={entry.id} data-testid="trash-entry">
                  <Table.Td>
                    <strong>{entry.name}</strong>
                  </Table.Td>
                  <Table.Td>{formatDate(entry.deletedAt, i18n.language)}</Table.Td>
                  <Table.Td className="rf-mono rf-dim">{entry.path}</Table.Td>
                  <Table.Td align="right">
                    <Button
                      size="compact-xs"
                      leftSection={<ArchiveRestore size={13} aria-hidden="true" />}
                      aria-label={t("trash.restoreNamed", { name: entry.name })}
                      onClick={() => void restore(entry)}
                    >
                      {t("trash.restore")}
                    </Button>
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </>
      )}
    </main>
  );
}
